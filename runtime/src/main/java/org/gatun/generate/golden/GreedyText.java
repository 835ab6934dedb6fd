package org.gatun.generate.golden;

import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.gatun.generate.CancelToken;
import org.gatun.generate.Engine;
import org.gatun.generate.Generation;
import org.gatun.generate.Request;
import org.gatun.generate.Session;
import org.gatun.json.JsonException;
import org.gatun.json.JsonObject;

/**
 * Greedy text of the real model, held to llama.cpp's token by token.
 *
 * <p>A different token is excused only where llama.cpp's own lead of first over second is smaller
 * than its change between this file and the file's float32 twin; the run is then put back on
 * llama.cpp's ids and goes on.
 */
public final class GreedyText {
  /** The largest share of positions that may be excused. */
  public static final double EXCUSED_SHARE = 0.05;

  private final List<JsonObject> cases;

  /** Reads the golden of the default model: ten prompts, 64 tokens each. */
  public GreedyText() {
    try {
      cases =
          GoldenFiles.json(GoldenFiles.folder().resolve("gemma3-270m/greedy.json"))
              .objects("cases");
    } catch (JsonException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * What an engine answered.
   *
   * @param positions tokens compared
   * @param excused where it differs and may
   * @param wrong where it differs and may not, or reads the prompt as other tokens
   */
  public record Score(int positions, List<String> excused, List<String> wrong) {
    /** Whether the rule holds. */
    public boolean holds() {
      return wrong.isEmpty() && excused.size() <= EXCUSED_SHARE * positions;
    }
  }

  /** Runs the first {@code tokens} of the first {@code prompts}, one decode step at a time. */
  public Score run(Engine engine, int prompts, int tokens) {
    List<String> excused = new ArrayList<>();
    List<String> wrong = new ArrayList<>();
    int positions = 0;
    try {
      for (JsonObject c : cases.subList(0, Math.min(prompts, cases.size()))) {
        positions += run(engine, c, tokens, excused, wrong);
      }
    } catch (JsonException e) {
      throw new UncheckedIOException(e);
    }
    return new Score(positions, excused, wrong);
  }

  private static int run(
      Engine engine, JsonObject c, int tokens, List<String> excused, List<String> wrong)
      throws JsonException {
    String name = c.string("name");
    int[] prompt = GoldenFiles.ints(c.integers("promptIds"));
    int[] want = GoldenFiles.ints(c.integers("ids"));
    double[] gap = numbers(c, "gap");
    double[] change = numbers(c, "change");
    int[] read = engine.tokenizer().encode(c.string("prompt"), true, false);
    if (!Arrays.equals(read, prompt)) {
      wrong.add(name + ": prompt tokens are " + Arrays.toString(read));
    }
    int n = Math.min(tokens, want.length);
    int[] text = Arrays.copyOf(prompt, prompt.length + n);
    Request one = new Request(1, 0, 0, 1, 0, 1, 0, List.of(), true);
    try (Session session = engine.session()) {
      for (int i = 0; i < n; i++) {
        int[] before = Arrays.copyOf(text, prompt.length + i);
        Generation g = session.generate(before, one, piece -> {}, new CancelToken());
        int got = g.tokens()[0];
        if (got != want[i]) {
          String line =
              "%s[%d]: %d for %d, gap %.4f, change %.4f"
                  .formatted(name, i, got, want[i], gap[i], change[i]);
          (gap[i] < change[i] ? excused : wrong).add(line);
        }
        text[prompt.length + i] = want[i];
      }
    }
    return n;
  }

  private static double[] numbers(JsonObject c, String field) throws JsonException {
    return c.list(field).stream()
        .mapToDouble(x -> x instanceof Number v ? v.doubleValue() : Double.NaN)
        .toArray();
  }
}
