package org.gatun.generate.golden;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.gatun.generate.Session;
import org.gatun.json.JsonException;
import org.gatun.json.JsonObject;

/**
 * The real model read over a public-domain text, held to the float32 reference distribution.
 *
 * <p>KL(reference ‖ engine) by the bucket convention of {@code ci/goldens/forced.py}: the largest
 * log-probabilities of the reference one by one, everything else as one bucket.
 */
public final class TeacherForced {
  /** How much worse than llama.cpp's mean KL an engine may be. */
  public static final double KL_FACTOR = 1.1;

  /** How far from llama.cpp's perplexity an engine may be. */
  public static final double PERPLEXITY_SHARE = 0.005;

  private final int[] ids;
  private final Map<Integer, Row> rows = new HashMap<>();
  private final double llamaKl;
  private final double llamaPerplexity;
  private final double floatPerplexity;

  private record Row(double rest, int[] ids, float[] logProbabilities) {}

  /** Reads the golden of the default model. */
  public TeacherForced() {
    Path dir = GoldenFiles.folder().resolve("gemma3-270m");
    JsonObject json = GoldenFiles.json(dir.resolve("alice.json"));
    try {
      ids = GoldenFiles.ints(json.integers("ids"));
      JsonObject llama = json.object("llamaCpp");
      llamaKl = llama.number("kl");
      llamaPerplexity = llama.number("perplexity");
      floatPerplexity = json.number("f32Perplexity");
    } catch (JsonException e) {
      throw new UncheckedIOException(e);
    }
    readRows(dir.resolve("alice.bin.gz"));
  }

  private void readRows(Path file) {
    try (InputStream in = new GZIPInputStream(Files.newInputStream(file))) {
      ByteBuffer b = ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
      int count = b.getInt();
      int top = b.getInt();
      for (int i = 0; i < count; i++) {
        int position = b.getInt();
        Row row = new Row(b.getFloat(), new int[top], new float[top]);
        b.asIntBuffer().get(row.ids());
        b.position(b.position() + 4 * top);
        b.asFloatBuffer().get(row.logProbabilities());
        b.position(b.position() + 4 * top);
        rows.put(position, row);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Tokens of the text, the leading BOS included: the context the session needs. */
  public int length() {
    return ids.length;
  }

  /**
   * What an engine scored, beside llama.cpp on the same file.
   *
   * @param kl mean KL to the float32 reference, in nats
   * @param llamaKl llama.cpp's
   * @param perplexity over the whole text
   * @param llamaPerplexity llama.cpp's on the same file
   * @param floatPerplexity llama.cpp's on the dequantised float32 twin
   * @param sameTop share of positions whose most likely id is the reference's
   */
  public record Score(
      double kl,
      double llamaKl,
      double perplexity,
      double llamaPerplexity,
      double floatPerplexity,
      double sameTop) {
    /** Whether the mean KL keeps its bound. */
    public boolean klHolds() {
      return kl <= KL_FACTOR * llamaKl;
    }

    /**
     * Whether the perplexity keeps its bound. llama.cpp rounds activations to 8 bits and an engine
     * may not, so anything between its two runs is as good as either.
     */
    public boolean perplexityHolds() {
      double low = Math.min(llamaPerplexity, floatPerplexity);
      double high = Math.max(llamaPerplexity, floatPerplexity);
      return perplexity >= low * (1 - PERPLEXITY_SHARE)
          && perplexity <= high * (1 + PERPLEXITY_SHARE);
    }
  }

  /** Reads the text through an empty session. */
  public Score score(Session session) {
    double[] sums = new double[3];
    session.score(ids, (i, logits) -> add(i, logits, sums));
    return new Score(
        sums[0] / rows.size(),
        llamaKl,
        Math.exp(sums[1] / (ids.length - 1)),
        llamaPerplexity,
        floatPerplexity,
        sums[2] / rows.size());
  }

  private void add(int position, MemorySegment logits, double[] sums) {
    float[] x = logits.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    int best = 0;
    for (int i = 1; i < x.length; i++) {
      best = x[i] > x[best] ? i : best;
    }
    double sum = 0;
    for (float v : x) {
      sum += Math.exp((double) v - x[best]);
    }
    double norm = x[best] + Math.log(sum);
    if (position + 1 < ids.length) {
      sums[1] += norm - x[ids[position + 1]];
    }
    Row row = rows.get(position);
    if (row != null) {
      sums[0] += kl(row, x, norm);
      sums[2] += best == row.ids()[0] ? 1 : 0;
    }
  }

  private static double kl(Row row, float[] x, double norm) {
    double kl = 0;
    double rest = 1;
    for (int k = 0; k < row.ids().length; k++) {
      double p = row.logProbabilities()[k];
      double q = x[row.ids()[k]] - norm;
      kl += Math.exp(p) * (p - q);
      rest -= Math.exp(q);
    }
    // The floor is the script's.
    return row.rest() > 0
        ? kl + row.rest() * (Math.log(row.rest()) - Math.log(Math.max(rest, 1e-12)))
        : kl;
  }
}
