package org.gatun.opencl;

/**
 * Tile sizes by device class.
 *
 * @param gpu GPU-shaped kernels: a lane per row or slot, partial results in local memory
 * @param wideTokens tokens per accumulator tile of a matrix product on a CPU
 * @param workers work-items (CPU) or work-groups (GPU) that fill the device
 */
record Tiles(boolean gpu, int wideTokens, int workers) {
  /** {@code -Dgatun.opencl.tiles=cpu|gpu} overrides the device's own class. */
  static Tiles of(ClDevice d) {
    String forced = System.getProperty("gatun.opencl.tiles", "");
    boolean gpu = forced.isEmpty() ? d.gpu() : forced.equals("gpu");
    // 24 accumulators of 16 floats fit 32 vector registers of 512 bits, 6 fit 16 of 256 bits.
    return new Tiles(gpu, d.vectorWidth() >= 16 ? 24 : 6, d.computeUnits() * (gpu ? 16 : 4));
  }

  /** Query rows of an attention tile in prefill. */
  int prefillQueries() {
    return gpu ? 16 : 8;
  }

  /** Vectors of 16 that a product of attention takes at once, beside a tile's query rows. */
  int attentionVectors(int queries) {
    return wideTokens == 24 ? Math.clamp(16 / queries, 1, 4) : 1;
  }

  /** Query rows of an attention tile in decode, where one row's heads share a KV head. */
  int decodeQueries(int group) {
    int q = gpu ? 2 : 1;
    while (q < group && q < prefillQueries()) {
      q *= 2;
    }
    return q;
  }
}
