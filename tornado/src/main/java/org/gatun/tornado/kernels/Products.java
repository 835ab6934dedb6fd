package org.gatun.tornado.kernels;

/**
 * Matrix products and the embedding: one skeleton for all formats.
 *
 * <p>A group makes {@code ROWS} results of up to {@link #TOKENS} tokens; its lanes take turns at
 * the segments of 32 columns, and after a barrier sum up what they found. Up to three weights that
 * share x are one launch; with an activation, the first two are gate and up of a gated MLP.
 */
public final class Products {
  /** Parameters of a product. */
  public static final int COUNTER = 1,
      X = 2,
      COLS = 3,
      PARTS = 4,
      ROWS = 5,
      ACTIVATION = 6,
      FIRST_PART = 8;

  /** Parameters of each part, from {@code FIRST_PART} on. */
  public static final int FORMAT = 0, W = 1, ROW_WORDS = 2, OUTS = 3, Y = 4, BIAS = 5, PART = 6;

  /** Most parts of a launch. */
  public static final int MOST_PARTS = 3;

  /** Tokens of a tile. */
  public static final int TOKENS = 4;

  /** Parameters of the embedding; {@code FLOATS}: scale. */
  public static final int E_FORMAT = 1,
      E_W = 2,
      E_ROW_WORDS = 3,
      E_COLS = 4,
      E_Y = 5,
      E_FIRST = 6,
      E_ROWS = 7,
      E_FLOATS = 8;

  private Products() {}

  /** Segment {@code id} of the step's embeddings. */
  public static void embed(int id, int[] step, int[] call, int[] w, float[] f, int k) {
    int p = Pool.params(call, k);
    int cols = w[p + E_COLS];
    int segments = (cols + 31) >> 5;
    int r = id / segments;
    if (r >= step[0]) {
      return;
    }
    int s = id - r * segments;
    int token = Pool.row(step, w, 0, r) - w[p + E_FIRST];
    int y = w[p + E_Y] + r * cols + s * 32;
    int n = cols - s * 32 < 32 ? cols - s * 32 : 32;
    // Another rank's row: decode row 0 and multiply by nothing. A branch with two ways in and a
    // return is more than TornadoVM can structure.
    int there = token < 0 ? 0 : token;
    there = there < w[p + E_ROWS] ? there : 0;
    float scale = there == token ? f[w[p + E_FLOATS]] : 0f;
    float[] d = new float[32];
    Blocks.decode(w[p + E_FORMAT], w, f, w[p + E_W] + there * w[p + E_ROW_WORDS], cols, s, d);
    for (int j = 0; j < n; j++) {
      f[y + j] = d[j] * scale;
    }
  }

  /** The part that group {@code g} of a tile works on: its parameters' place. */
  private static int part(int[] w, int p, int g) {
    int rows = w[p + ROWS];
    int parts = w[p + PARTS];
    int first = p + FIRST_PART;
    int rest = g;
    for (int i = 1; i < MOST_PARTS; i++) {
      int groups = (w[first + OUTS] + rows - 1) / rows;
      if (i < parts && rest >= groups) {
        rest -= groups;
        first += PART;
      }
    }
    return first;
  }

  /** First result row of group {@code g} within its part. */
  private static int firstRow(int[] w, int p, int g) {
    int rows = w[p + ROWS];
    int parts = w[p + PARTS];
    int first = p + FIRST_PART;
    int rest = g;
    for (int i = 1; i < MOST_PARTS; i++) {
      int groups = (w[first + OUTS] + rows - 1) / rows;
      if (i < parts && rest >= groups) {
        rest -= groups;
        first += PART;
      }
    }
    return rest * rows;
  }

  /** Groups of one tile of tokens. */
  private static int groups(int[] w, int p) {
    int rows = w[p + ROWS];
    int parts = w[p + PARTS];
    int sum = 0;
    for (int i = 0; i < MOST_PARTS; i++) {
      if (i < parts) {
        sum += (w[p + FIRST_PART + i * PART + OUTS] + rows - 1) / rows;
      }
    }
    return sum;
  }

  /** Sums this lane's segments of the group's rows into local memory. */
  public static void sums(
      int group,
      int lane,
      int lanes,
      float[] local,
      int[] step,
      int[] call,
      int[] w,
      float[] f,
      int k) {
    int p = Pool.params(call, k);
    int groups = groups(w, p);
    int tile = group / groups;
    int n = step[w[p + COUNTER]] - tile * TOKENS;
    if (n > TOKENS) {
      n = TOKENS;
    }
    if (n <= 0) {
      return;
    }
    int g = group - tile * groups;
    int part = part(w, p, g);
    int first = firstRow(w, p, g);
    int rows = w[part + OUTS] - first;
    if (rows > w[p + ROWS]) {
      rows = w[p + ROWS];
    }
    int cols = w[p + COLS];
    int segments = (cols + 31) >> 5;
    int x = w[p + X] + tile * TOKENS * cols;
    int weights = w[p + ACTIVATION] == 0 ? 1 : 2;
    float[] d = new float[32];
    for (int i = 0; i < rows * weights; i++) {
      int r = i / weights;
      int at = part + (i - r * weights) * PART;
      int row = w[at + W] + (first + r) * w[at + ROW_WORDS];
      int format = w[at + FORMAT];
      float a0 = 0f;
      float a1 = 0f;
      float a2 = 0f;
      float a3 = 0f;
      for (int s = lane; s < segments; s += lanes) {
        Blocks.decode(format, w, f, row, cols, s, d);
        int xs = x + s * 32;
        int left = cols - s * 32;
        a0 += dot(d, f, xs, left);
        if (n > 1) {
          a1 += dot(d, f, xs + cols, left);
        }
        if (n > 2) {
          a2 += dot(d, f, xs + 2 * cols, left);
        }
        if (n > 3) {
          a3 += dot(d, f, xs + 3 * cols, left);
        }
      }
      int to = i * TOKENS * lanes + lane;
      local[to] = a0;
      local[to + lanes] = a1;
      local[to + 2 * lanes] = a2;
      local[to + 3 * lanes] = a3;
    }
  }

  private static float dot(float[] d, float[] f, int x, int left) {
    if (left < 32) {
      float sum = 0f;
      for (int j = 0; j < left; j++) {
        sum += d[j] * f[x + j];
      }
      return sum;
    }
    float s0 = 0f;
    float s1 = 0f;
    float s2 = 0f;
    float s3 = 0f;
    float s4 = 0f;
    float s5 = 0f;
    float s6 = 0f;
    float s7 = 0f;
    for (int j = 0; j < 32; j += 8) {
      s0 += d[j] * f[x + j];
      s1 += d[j + 1] * f[x + j + 1];
      s2 += d[j + 2] * f[x + j + 2];
      s3 += d[j + 3] * f[x + j + 3];
      s4 += d[j + 4] * f[x + j + 4];
      s5 += d[j + 5] * f[x + j + 5];
      s6 += d[j + 6] * f[x + j + 6];
      s7 += d[j + 7] * f[x + j + 7];
    }
    return s0 + s4 + (s1 + s5) + (s2 + s6 + (s3 + s7));
  }

  /** Adds up the lanes' sums, with bias or activation, and writes the group's results. */
  public static void results(
      int group,
      int lane,
      int lanes,
      float[] local,
      int[] step,
      int[] call,
      int[] w,
      float[] f,
      int k) {
    int p = Pool.params(call, k);
    int groups = groups(w, p);
    int tile = group / groups;
    int n = step[w[p + COUNTER]] - tile * TOKENS;
    if (n > TOKENS) {
      n = TOKENS;
    }
    if (n <= 0) {
      return;
    }
    int g = group - tile * groups;
    int part = part(w, p, g);
    int first = firstRow(w, p, g);
    int outs = w[part + OUTS];
    int rows = outs - first;
    if (rows > w[p + ROWS]) {
      rows = w[p + ROWS];
    }
    int activation = w[p + ACTIVATION];
    int weights = activation == 0 ? 1 : 2;
    int bias = w[part + BIAS];
    for (int i = lane; i < rows * n; i += lanes) {
      int t = i / rows;
      int r = i - t * rows;
      float y = sum(local, (r * weights * TOKENS + t) * lanes, lanes);
      if (activation != 0) {
        float up = sum(local, ((r * weights + 1) * TOKENS + t) * lanes, lanes);
        y = (activation == Elementwise.SILU ? Arithmetic.silu(y) : Arithmetic.geluTanh(y)) * up;
      }
      if (bias >= 0) {
        y += f[bias + first + r];
      }
      f[w[part + Y] + (tile * TOKENS + t) * outs + first + r] = y;
    }
  }

  private static float sum(float[] local, int at, int lanes) {
    float sum = 0f;
    for (int i = 0; i < lanes; i++) {
      sum += local[at + i];
    }
    return sum;
  }
}
