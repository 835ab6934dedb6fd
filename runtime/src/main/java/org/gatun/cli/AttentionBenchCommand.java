package org.gatun.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.gatun.attention.KvCodec;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.gatun.backend.suite.AttentionRig;
import org.gatun.backend.suite.MemoryRate;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code gatun kernels attention}: attention plans beside dense attention, interleaved. */
@Command(
    name = "attention",
    description =
        "Measure attention plans beside dense attention: 32 query heads, 8 KV heads, head dim 128.",
    mixinStandardHelpOptions = true)
final class AttentionBenchCommand implements Callable<Integer> {
  @Option(
      names = "--backend",
      split = ",",
      description = "Such as jvm,opencl: several take turns (default: ${DEFAULT-VALUE}).",
      defaultValue = "jvm")
  private List<String> names = List.of();

  @Option(names = "--device", description = "Which device of the backend.", defaultValue = "")
  private String device = "";

  @Option(
      names = {"-t", "--threads"},
      description = "Compute threads (default: one per core).",
      defaultValue = "0")
  private int threads;

  @Option(
      names = "--keys",
      split = ",",
      description = "Lengths of the context (default: ${DEFAULT-VALUE}).",
      defaultValue = "8192,32768,131072")
  private List<Integer> keys = List.of();

  @Option(
      names = "--work",
      split = ",",
      description = "decode1, decode8, prefill512 (default: all).",
      defaultValue = "decode1,decode8,prefill512")
  private List<String> work = List.of();

  @Option(names = "--kv", description = "Default: ${DEFAULT-VALUE}.", defaultValue = "f16")
  private KvCodec kv = KvCodec.F16;

  @Option(
      names = "--plans",
      description = "Only plans whose name begins so, beside dense (default: all).",
      defaultValue = "")
  private String plans = "";

  @Option(
      names = "--rounds",
      description = "Of decode (default: ${DEFAULT-VALUE}).",
      defaultValue = "15")
  private int rounds;

  @Override
  public Integer call() {
    if (rounds < 1 || keys.stream().anyMatch(k -> k < 1024 || k % 64 != 0)) {
      throw new UsageException("--rounds is at least 1, --keys at least 1024 and multiples of 64");
    }
    List<Backend> backends = new ArrayList<>();
    try {
      for (String name : names) {
        backends.add(Backends.named(name).open(new BackendOptions(device, threads)));
      }
      double rate =
          MemoryRate.measure(threads == 0 ? Runtime.getRuntime().availableProcessors() : threads);
      String devices = String.join("; ", backends.stream().map(Backend::device).toList());
      System.out.printf("%s; memory reads at %.1f GB/s; KV in %s%n%n", devices, rate, kv);
      System.out.println(
          "| backend | keys | step | plan | ms (median) | min | max | speed-up | fewer bytes | share | GB/s | keys read |");
      System.out.println("|---|---|---|---|---|---|---|---|---|---|---|---|");
      for (int n : keys) {
        for (String w : work) {
          AttentionRig.Work what = work(w);
          print(
              n,
              what,
              new AttentionRig(backends, kv, n, System.err::println)
                  .run(what, p -> p.equals("dense") || p.startsWith(plans)));
        }
      }
    } finally {
      backends.forEach(Backend::close);
    }
    return 0;
  }

  private AttentionRig.Work work(String name) {
    return switch (name) {
      case "decode1" -> new AttentionRig.Work(name, 1, 1, rounds);
      case "decode8" -> new AttentionRig.Work(name, 8, 1, Math.max(3, rounds / 3));
      case "prefill512" -> new AttentionRig.Work(name, 1, 512, 3);
      default ->
          throw new UsageException(
              "--work " + name + " is unknown; it may be decode1, decode8 or prefill512");
    };
  }

  private void print(int keys, AttentionRig.Work work, List<AttentionRig.Line> lines) {
    AttentionRig.Line dense = lines.getFirst();
    for (AttentionRig.Line l : lines) {
      dense = l.backend() == dense.backend() ? dense : l;
      double speedUp = dense.median() / l.median();
      double fewer = dense.bytes() / l.bytes();
      System.out.printf(
          "| %s | %d | %s | %s | %.2f | %.2f | %.2f | %.2f | %.2f | %.0f %% | %.1f | %.1f %% |%n",
          names.get(l.backend()),
          keys,
          work.name(),
          l.plan(),
          l.median(),
          l.millis()[0],
          l.millis()[l.millis().length - 1],
          speedUp,
          fewer,
          100 * speedUp / fewer,
          l.bytes() / l.median() / 1e6,
          100 * l.kept());
    }
  }
}
