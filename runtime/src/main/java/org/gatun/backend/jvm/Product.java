package org.gatun.backend.jvm;

import java.lang.foreign.MemorySegment;

/**
 * The two skeletons of a product with a packed weight, x · Wᵀ: one row at a time straight from the
 * blocks, and many rows through a panel that is decoded once and stays in the L2 cache. Both add in
 * the order of the columns.
 *
 * <pre>
 *   scratch of a worker:  | tmp | panel: PANEL strips × DEPTH columns × 16 f32 | tile: rows × PANEL × 16 f32 | tile 2 |
 * </pre>
 */
final class Product {
  /** Strips that a panel holds: as many rows of W as two vectors have lanes, at least one strip. */
  static final int PANEL = Lanes.N == 16 ? 2 : 1;

  /** Output columns of a panel. */
  static final int WIDTH = PANEL * Lanes.STRIP;

  /** Columns decoded at once: 128 KiB of panel with 512-bit vectors. */
  static final int DEPTH = 1024;

  /** Bytes of a row of a tile. */
  static final long TILE_ROW = 4L * WIDTH;

  private static final long STRIP_PANEL = 4L * Lanes.STRIP * DEPTH;
  private static final long TILE_AT = BlockKernel.SCRATCH + PANEL * STRIP_PANEL;

  private Product() {}

  /** Scratch for {@code tiles} tiles of this many rows. */
  static long scratch(int rows, int tiles) {
    return TILE_AT + tiles * tileBytes(rows);
  }

  private static long tileBytes(int rows) {
    return (rows + Gemm.ROWS) * TILE_ROW;
  }

  /** Address of the {@code i}-th tile of {@code rows} rows. */
  static long tile(long scratch, int rows, int i) {
    return scratch + TILE_AT + i * tileBytes(rows);
  }

  /**
   * The most rows of a step that are multiplied one by one. In a program's first step a short
   * prompt is, so that it waits for one set of kernels to be compiled, which decoding needs as
   * well; the bits are the same.
   */
  static int oneByOne(Scratch scratch) {
    return scratch.fresh() ? 8 : 1;
  }

  /** Panels of a weight. */
  static int panels(PackedWeight w) {
    return Math.toIntExact(Math.ceilDiv(w.rows(), (long) WIDTH));
  }

  /**
   * {@code y[0 … ROWS) = } group {@code g} of W times one row. Sums start anew where {@link
   * #matrix} starts a new panel, for equal bits.
   *
   * @param y room for two groups
   */
  static void vector(PackedWeight w, int g, long x, long y, long scratch) {
    int size = w.dtype().blockSize();
    long more = scratch + BlockKernel.SCRATCH - 4L * Lanes.ROWS;
    for (int k = 0; k < w.cols(); k += DEPTH) {
      int depth = Math.min(DEPTH, w.cols() - k);
      long sums = k == 0 ? y : more;
      Runs.clear(sums);
      Ahead.probe(w.block(g, k / size) + w.layout().bytes(), scratch);
      w.kernel().dot(w.block(g, k / size), depth / size, x + 4L * k, sums, scratch);
      if (k > 0) {
        Runs.add(more, y);
      }
    }
  }

  /** {@code tile[n × WIDTH] = x[n × cols] · (panel p of W)ᵀ}. */
  static void matrix(PackedWeight w, int p, long x, int n, long tile, long scratch) {
    long stride = 4L * w.cols();
    int size = w.dtype().blockSize();
    int group = WIDTH * p / Lanes.ROWS;
    int lane = WIDTH * p % Lanes.ROWS;
    long panel = scratch + BlockKernel.SCRATCH;
    long b2 = PANEL == 2 ? STRIP_PANEL : 4L * Lanes.N;
    for (int k = 0; k < w.cols(); k += DEPTH) {
      int depth = Math.min(DEPTH, w.cols() - k);
      Ahead.probe(w.block(group, (k + depth) / size), scratch);
      for (int i = 0; i < PANEL; i++) {
        w.kernel()
            .unpack(
                w.block(group, k / size),
                lane + Lanes.STRIP * i,
                depth / size,
                panel + STRIP_PANEL * i,
                scratch);
      }
      for (int strip = 0; strip < WIDTH; strip += 2 * Lanes.N) {
        Gemm.tiles(
            x + 4L * k,
            stride,
            n,
            panel + 4 * strip,
            4L * Lanes.STRIP,
            b2,
            depth,
            tile + 4 * strip,
            TILE_ROW,
            k > 0);
      }
    }
  }

  /**
   * Copies the valid columns of a tile to a matrix of {@code cols} columns, from {@code column} on,
   * and adds a bias.
   */
  static void write(
      long tile, long tileRow, int n, long out, int cols, int column, int width, long bias) {
    int count = Math.min(width, cols - column);
    for (int r = 0; r < n; r++) {
      long from = tile + r * tileRow;
      long to = out + 4L * ((long) r * cols + column);
      if (bias == 0) {
        MemorySegment.copy(Lanes.ALL, from, Lanes.ALL, to, 4L * count);
      } else {
        addBias(from, bias + 4L * column, to, count);
      }
    }
  }

  private static void addBias(long from, long bias, long to, int count) {
    for (int i = 0; i < count; i += Lanes.N) {
      var y = Lanes.load(from + 4 * i).add(Lanes.load(bias + 4L * i, count - i));
      Lanes.store(y, to + 4 * i, count - i);
    }
  }

  /** Rows of a unit: all of them, unless that leaves threads idle. */
  static int rowsPerUnit(int rows, int panels, int workers) {
    int parts = panels >= 4 * workers ? 1 : Math.ceilDiv(4 * workers, panels);
    return Math.max(16, Math.ceilDiv(Math.ceilDiv(rows, parts), Gemm.ROWS) * Gemm.ROWS);
  }
}
