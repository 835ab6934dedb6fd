package org.gatun.backend.jvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvStore;
import org.gatun.attention.PrefixData;
import org.gatun.backend.LargePages;

/**
 * A prefix in memory. Keys are rows here, unlike in pages, each with its value behind it: a kept
 * run then costs its own bytes and no others, in one piece.
 *
 * <pre>
 *   per layer and KV head:   [C] { K [d]  V [d] }  in the KV codec   for INT8  K scales [C]  V scales [C]
 *                            centroids [K / 64][d][64] in f16: lanes are centroids, as in a page
 *                            keys of each cluster [K] in f32
 * </pre>
 */
final class JvmPrefix implements AutoCloseable {
  private static final int PAGE = KvStore.PAGE_SLOTS;

  private final Arena arena = Arena.ofShared();
  private final PrefixData data;
  private final Map<Integer, Head[]> layers = new HashMap<>();
  private long bytes;

  JvmPrefix(PrefixData data, KvCodec codec) {
    this.data = data;
    for (PrefixData.Layer l : data.layers()) {
      Head[] heads = new Head[l.shape().kvHeads()];
      for (int h = 0; h < heads.length; h++) {
        heads[h] = new Head(l, h, codec);
      }
      layers.put(l.shape().layer(), heads);
    }
  }

  Head head(int layer, int kvHead) {
    Head[] heads = layers.get(layer);
    if (heads == null) {
      throw new IllegalArgumentException("the prefix has no layer " + layer);
    }
    return heads[kvHead];
  }

  PrefixData data() {
    return data;
  }

  long bytes() {
    return bytes;
  }

  boolean isOpen() {
    return arena.scope().isAlive();
  }

  @Override
  public void close() {
    arena.close();
  }

  private long allocate(long size) {
    bytes += size;
    return LargePages.allocate(arena, size + 256).address();
  }

  /** One KV head of one layer. */
  final class Head {
    private final KvCodec codec;
    private final int dim;
    private final int rowBytes;
    private final int tokenBytes;
    private final long tokens;
    private final long keyScales;
    private final long valueScales;
    private final Level fine;
    private final Level coarse;

    Head(PrefixData.Layer l, int head, KvCodec codec) {
      this.codec = codec;
      dim = l.shape().headDim();
      rowBytes = dim * codec.elementBytes();
      tokenBytes = 2 * rowBytes;
      tokens = allocate((long) tokenBytes * data.tokens());
      keyScales = scaled() ? allocate(4L * data.tokens()) : 0;
      valueScales = scaled() ? allocate(4L * data.tokens()) : 0;
      copy(l, head, true, tokens, keyScales);
      copy(l, head, false, tokens + valueOffset(), valueScales);
      fine = new Level(l, head, false);
      coarse = new Level(l, head, true);
    }

    private void copy(PrefixData.Layer l, int head, boolean key, long to, long scales) {
      double[] x = new double[dim];
      if (l.codec() == codec && !scaled()) {
        MemorySegment rows = key ? l.keys() : l.values();
        for (int t = 0; t < data.tokens(); t++) {
          long from = rowBytes * ((long) head * data.tokens() + t);
          MemorySegment.copy(rows, from, Lanes.ALL, to + (long) t * tokenBytes, rowBytes);
        }
        return;
      }
      for (int t = 0; t < data.tokens(); t++) {
        l.read(key, head, t, data.tokens(), x, 0);
        float scale = codec.write(x, 0, dim, Lanes.ALL.asSlice(to + (long) t * tokenBytes), 0);
        if (scales != 0) {
          Lanes.put(scales + 4L * t, scale);
        }
      }
    }

    boolean scaled() {
      return codec == KvCodec.INT8;
    }

    Level fine() {
      return fine;
    }

    Level coarse() {
      return coarse;
    }

    /** How far a value lies behind its key. */
    long valueOffset() {
      return rowBytes;
    }

    /**
     * Writes the addresses of kept keys {@code from … from + count − 1} to {@code table}, the last
     * one as often as {@link Dots#halfRows} wants, and brings them and their values to the first
     * cache. Returns what {@link Ahead#burst} does.
     */
    long table(KeptRuns runs, int from, int count, long table) {
      long place = runs.find(from);
      int run = (int) (place >>> 32);
      int skip = (int) place;
      // All lines first, for a core asks for few more while it writes addresses in between: they
      // are written while the last lines are on their way.
      long touched = burst(runs, run, skip, count);
      for (int done = 0; done < count; run++, skip = 0) {
        long at = tokens + (long) (runs.start(run) + skip) * tokenBytes;
        int n = Math.min(count - done, runs.length(run) - skip);
        for (int i = 0; i < n; i++, at += tokenBytes) {
          Lanes.ALL.set(Lanes.I64, table + 8L * (done + i), at);
        }
        done += n;
      }
      long last = Lanes.address(table + 8L * (count - 1));
      for (int i = count; i % Dots.KEYS != 0; i++) {
        Lanes.ALL.set(Lanes.I64, table + 8L * i, last);
      }
      return touched;
    }

    private long burst(KeptRuns runs, int run, int skip, int count) {
      long touched = 0;
      for (int done = 0; done < count; run++, skip = 0) {
        int n = Math.min(count - done, runs.length(run) - skip);
        touched ^=
            Ahead.burst(tokens + (long) (runs.start(run) + skip) * tokenBytes, n * tokenBytes);
        done += n;
      }
      return touched;
    }

    /**
     * Copies kept keys (or values) {@code from … from + count − 1} as f32 rows to {@code to}; with
     * keys, the scales of keys and values as a page has them to {@code scales}, if not 0.
     */
    void gather(KeptRuns runs, int from, int count, boolean key, long to, long scales) {
      long place = runs.find(from);
      int run = (int) (place >>> 32);
      int skip = (int) place;
      for (int done = 0; done < count; run++) {
        int token = runs.start(run) + skip;
        int n = Math.min(count - done, runs.length(run) - skip);
        long at = tokens + (long) token * tokenBytes + (key ? 0 : valueOffset());
        for (int i = 0; i < n; i++) {
          Lanes.widen(codec, at + (long) i * tokenBytes, dim, to + 4L * (done + i) * dim);
        }
        for (int i = 0; i < n && scales != 0; i++) {
          Lanes.put(scales + 4L * (done + i), Lanes.get(keyScales + 4L * (token + i)));
          Lanes.put(scales + 4L * (PAGE + done + i), Lanes.get(valueScales + 4L * (token + i)));
        }
        done += n;
        skip = 0;
      }
    }
  }

  /** The centroids of one level. */
  final class Level {
    private final int count;
    private final long centroids;
    private final long weights;
    private final int[] starts;

    Level(PrefixData.Layer l, int head, boolean coarse) {
      count = coarse ? l.coarse() : l.fine();
      int dim = l.shape().headDim();
      centroids = allocate(2L * Math.ceilDiv(count, PAGE) * PAGE * dim);
      weights = allocate(4L * Math.ceilDiv(count, PAGE) * PAGE);
      starts = new int[count + 1];
      double[] c = new double[dim];
      for (int i = 0; i <= count; i++) {
        starts[i] = coarse ? count == 0 ? 0 : l.child(head, i) : l.start(head, i);
      }
      for (int i = 0; i < count; i++) {
        Lanes.put(
            weights + 4L * i,
            coarse
                ? l.start(head, starts[i + 1]) - l.start(head, starts[i])
                : starts[i + 1] - starts[i]);
        l.centroid(coarse, head, i, c);
        for (int j = 0; j < dim; j++) {
          long at = centroids + 2L * ((long) (i / PAGE) * PAGE * dim + (long) j * PAGE + i % PAGE);
          Lanes.ALL.set(Lanes.I16, at, KvCodec.half((float) c[j]));
        }
      }
    }

    int count() {
      return count;
    }

    /** First token of a fine cluster, or first child of a coarse one. */
    int start(int i) {
      return starts[i];
    }

    /** Keys below each cluster, in f32; 0 behind the last one, up to whole tiles and a vector. */
    long weights() {
      return weights;
    }

    /** The tile of centroids {@code 64 i …}. */
    long tile(int i, int dim) {
      return centroids + 2L * i * PAGE * dim;
    }
  }
}
