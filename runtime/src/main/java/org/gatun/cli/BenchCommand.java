package org.gatun.cli;

import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import org.gatun.generate.CancelToken;
import org.gatun.generate.Engine;
import org.gatun.generate.Generation;
import org.gatun.generate.Request;
import org.gatun.generate.Session;
import org.gatun.json.Json;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code gatun bench}: tokens per second of prefill and decode, each on its own, medians over
 * rounds.
 */
@Command(
    name = "bench",
    description = "Measure prefill and decode in tokens per second.",
    mixinStandardHelpOptions = true)
final class BenchCommand implements Callable<Integer> {
  private static final Duration BEAT = Duration.ofSeconds(5);

  @Mixin private EngineFlags engineFlags = new EngineFlags();

  @Option(
      names = "-p",
      paramLabel = "TOKENS",
      description = "Prompt length (default: ${DEFAULT-VALUE}).",
      defaultValue = "512")
  private int promptTokens;

  @Option(
      names = "-n",
      paramLabel = "TOKENS",
      description = "Tokens to generate (default: ${DEFAULT-VALUE}).",
      defaultValue = "128")
  private int generated;

  @Option(
      names = "-r",
      paramLabel = "ROUNDS",
      description = "Rounds (default: ${DEFAULT-VALUE}).",
      defaultValue = "5")
  private int rounds;

  @Option(
      names = "--warmup",
      description = "Rounds that do not count (default: ${DEFAULT-VALUE}).",
      defaultValue = "2")
  private int warmup;

  @Option(names = "--json", description = "Print JSON in place of a markdown table.")
  private boolean json;

  @Option(names = "--profile", description = "Print what each op took to standard error.")
  private boolean profile;

  @Override
  public Integer call() {
    if (promptTokens < 1 || generated < 1 || rounds < 1 || warmup < 0) {
      throw new UsageException("-p, -n and -r must be at least 1, --warmup at least 0");
    }
    if (engineFlags.context == 0) {
      engineFlags.context = Math.max(promptTokens, generated) + 8;
    }
    double[] prefill = new double[rounds];
    double[] decode = new double[rounds];
    try (Engine engine = engineFlags.load(1, Math.max(512, Math.min(promptTokens, 2048)), profile);
        Session session = engineFlags.session(engine);
        Heartbeat heart = new Heartbeat(System.err, BEAT)) {
      SplittableRandom random = new SplittableRandom(1);
      int[] prompt = random.ints(promptTokens, 0, engine.vocabulary()).toArray();
      for (int r = -warmup; r < rounds; r++) {
        String round =
            r < 0
                ? "warm-up " + (r + warmup + 1) + " of " + warmup
                : "round " + (r + 1) + " of " + rounds;
        session.clear();
        heart.begin(round + ", prefill of " + promptTokens + " tokens", 1);
        Generation p = session.generate(prompt, request(1), x -> {}, new CancelToken());
        session.clear();
        int[] one = {prompt[0]};
        heart.begin(round + ", decode", generated + 1);
        Generation d =
            session.generate(one, request(generated + 1), x -> heart.step(), new CancelToken());
        if (r < 0) {
          engine.profile();
        } else {
          prefill[r] = p.timings().prefillRate(promptTokens);
          decode[r] = d.timings().decodeRate(generated + 1);
        }
      }
      print(engine, prefill, decode);
      if (profile) {
        ProfileTable.print(System.err, engine.profile(), engine.roofline().orElse(null));
      }
    }
    return 0;
  }

  private static Request request(int n) {
    return new Request(n, 0, 0, 1, 0, 1, 0, List.of(), true);
  }

  private void print(Engine engine, double[] prefill, double[] decode) {
    Arrays.sort(prefill);
    Arrays.sort(decode);
    if (json) {
      Map<String, Object> m = new LinkedHashMap<>();
      m.put("model", engine.model().name());
      m.put("device", engine.device());
      m.put("threads", engineFlags.threads);
      m.put("prompt_tokens", promptTokens);
      m.put("generated_tokens", generated);
      m.put("rounds", rounds);
      m.put("prefill_tps", median(prefill));
      m.put("prefill_tps_min", prefill[0]);
      m.put("prefill_tps_max", prefill[rounds - 1]);
      m.put("decode_tps", median(decode));
      m.put("decode_tps_min", decode[0]);
      m.put("decode_tps_max", decode[rounds - 1]);
      System.out.println(Json.write(m));
      return;
    }
    System.out.println("| model | device | test | t/s (median) | min | max |");
    System.out.println("|---|---|---|---|---|---|");
    row(engine, "prefill " + promptTokens, prefill);
    row(engine, "decode " + generated, decode);
  }

  private void row(Engine engine, String test, double[] sorted) {
    System.out.printf(
        "| %s | %s | %s | %.1f | %.1f | %.1f |%n",
        engine.model().name(),
        engine.device(),
        test,
        median(sorted),
        sorted[0],
        sorted[sorted.length - 1]);
  }

  private static double median(double[] sorted) {
    int n = sorted.length;
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
  }
}
