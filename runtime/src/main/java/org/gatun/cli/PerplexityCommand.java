package org.gatun.cli;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import org.gatun.generate.CancelToken;
import org.gatun.generate.Engine;
import org.gatun.generate.Request;
import org.gatun.generate.Session;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code gatun perplexity}: teacher-forced perplexity of a text, in windows of the context length.
 */
@Command(
    name = "perplexity",
    description = "Measure how well the model predicts a text.",
    mixinStandardHelpOptions = true)
final class PerplexityCommand implements Callable<Integer> {
  @Mixin private EngineFlags engineFlags = new EngineFlags();

  @Option(
      names = {"-f", "--file"},
      required = true,
      description = "The text.")
  private Path file = Path.of("");

  @Option(
      names = "--after",
      paramLabel = "FILE",
      description = "A text that is read before, and not scored; --ctx-size must hold both.")
  private @Nullable Path after;

  @Override
  public Integer call() throws IOException {
    String text = read(file);
    String before = after == null ? "" : read(after);
    try (Engine engine = engineFlags.load();
        Session session = engineFlags.session(engine)) {
      if (!before.isEmpty()) {
        if (session.length() > 0) {
          throw new UsageException("--after does not go with --prefix, which is read before");
        }
        int[] ids = engine.tokenizer().encode(before, true, false);
        session.generate(ids, Request.greedy(0), x -> {}, new CancelToken());
      }
      if (session.length() > 0) {
        return behind(engine, session, text);
      }
      int[] ids = engine.tokenizer().encode(text, true, false);
      int bos = engine.tokenizer().bos();
      double[] nll = {0};
      int scored = 0;
      int from = 0;
      while (from < ids.length - 1) {
        session.clear();
        int to = Math.min(ids.length, from + engine.context() - 1);
        int[] window = Arrays.copyOfRange(ids, from, to);
        int lead = from > 0 && bos >= 0 ? 1 : 0;
        if (lead == 1) {
          window = new int[to - from + 1];
          window[0] = bos;
          System.arraycopy(ids, from, window, 1, to - from);
        }
        int[] tokens = window;
        session.score(
            tokens,
            (i, logits) -> {
              if (i + 1 < tokens.length && i + 1 > lead) {
                nll[0] += loss(logits, tokens[i + 1]);
              }
            });
        scored += tokens.length - 1 - lead;
        System.err.printf(
            "gatun: %d of %d tokens, perplexity %.4f%n", to, ids.length, Math.exp(nll[0] / scored));
        from = to;
      }
      if (scored == 0) {
        throw new UsageException(file + " has fewer than two tokens");
      }
      System.out.printf("perplexity %.4f over %d tokens%n", Math.exp(nll[0] / scored), scored);
      return 0;
    }
  }

  private static String read(Path file) throws IOException {
    if (!Files.isReadable(file)) {
      throw new UsageException("cannot read " + file);
    }
    return Files.readString(file);
  }

  /** The text goes on behind another: one window, all of it scored but the first token. */
  private static int behind(Engine engine, Session session, String text) {
    int[] all = engine.tokenizer().encode(text, false, false);
    int[] ids = Arrays.copyOf(all, Math.min(all.length, engine.context() / 2));
    double[] nll = {0};
    session.score(
        ids,
        (i, logits) -> {
          if (i + 1 < ids.length) {
            nll[0] += loss(logits, ids[i + 1]);
          }
        });
    System.out.printf(
        "perplexity %.4f over %d tokens%n", Math.exp(nll[0] / (ids.length - 1)), ids.length - 1);
    return 0;
  }

  /** −ln softmax(logits)[id], summed in double. */
  static double loss(MemorySegment logits, int id) {
    long n = logits.byteSize() / 4;
    double max = Double.NEGATIVE_INFINITY;
    for (long i = 0; i < n; i++) {
      max = Math.max(max, logits.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i));
    }
    double sum = 0;
    for (long i = 0; i < n; i++) {
      sum += Math.exp(logits.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i) - max);
    }
    return Math.log(sum) + max - logits.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, id);
  }
}
