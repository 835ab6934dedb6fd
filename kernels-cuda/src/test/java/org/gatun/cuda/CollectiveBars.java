package org.gatun.cuda;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.gatun.parallel.DeviceCost.Algorithm;

/**
 * The bars of the collective kernels: two devices, of which one is counted (they do the same).
 * Bytes are those that a device's kernel touches, its peer's mailbox included.
 */
final class CollectiveBars {
  private static final double SECTOR = KernelBars.SECTOR;
  private static final int WORLD = 2;
  private static final int BLOCKS = 4;
  private static final int ROWS = 8;
  private static final int COLS = 2048;
  private static final int WORDS = ROWS * COLS;

  private final List<KernelBars.Bar> all = new ArrayList<>();

  private CollectiveBars() {}

  /** What a rank launches, on its own x and y of {@code WORDS} each. */
  private interface Launch {
    void on(PeerRanks.Rank rank, long x, long y);
  }

  static List<KernelBars.Bar> all() {
    CollectiveBars b = new CollectiveBars();
    String size = WORDS + " f32, " + WORLD + " ranks, " + BLOCKS + " blocks";
    b.allReduce(
        Algorithm.CELLS, size, "x, y, and twice each word that is pushed or comes", 4 + 4 + 8 + 8);
    b.allReduce(Algorithm.ONE_SHOT, size, "x, y, what is pushed, what comes", 4 + 4 + 4 + 4);
    b.allReduce(
        Algorithm.TWO_SHOT, size, "x, y, half of each pushed and come twice", 4 + 4 + 4 + 4);
    b.add(
        "all_reduce_add_rms_norm",
        ROWS + " × " + COLS + ", " + WORLD + " ranks, " + BLOCKS + " blocks",
        (rank, x, y) ->
            rank.launch(
                "all_reduce_add_rms_norm",
                BLOCKS,
                rank.args(ROWS)
                    .p(x)
                    .p(rank.upload(zeros(WORDS)))
                    .p(rank.upload(zeros(COLS)))
                    .p(0)
                    .p(rank.upload(zeros(WORDS)))
                    .p(y)
                    .i(COLS)
                    .f(1e-6f)),
        "x, residual, sum, y, and twice each word that is pushed or comes; the weight; 1 sector",
        WORDS * (4.0 * 4 + 8 + 8) + BLOCKS * (4 * COLS + SECTOR),
        WORDS * 4.0 * 6 + 4 * COLS);
    for (boolean cells : new boolean[] {true, false}) {
      String kernel = cells ? "all_gather_cells" : "all_gather_bulk";
      double twice = cells ? 2 : 1;
      b.add(
          kernel,
          ROWS + " × " + COLS / 2 + ", " + WORLD + " ranks, " + BLOCKS + " blocks",
          (rank, x, y) -> rank.launch(kernel, BLOCKS, rank.args(ROWS).p(x).p(y).i(COLS / 2)),
          "x, both halves of y, what is pushed and comes" + (cells ? " (twice)" : ""),
          WORDS / 2.0 * (4 + 8 + 4 * twice + 4 * twice) + BLOCKS * 3 * SECTOR,
          WORDS / 2.0 * (4 + 8 + 4 + 4));
    }
    return b.all;
  }

  private void allReduce(Algorithm a, String size, String formula, double bytesPerWord) {
    String kernel = "all_reduce_" + a.kernel() + "_f32";
    add(
        kernel,
        size,
        (rank, x, y) -> rank.launch(kernel, BLOCKS, rank.args(1).p(x).p(y).p(WORDS)),
        formula + ", 3 sectors",
        WORDS * bytesPerWord + BLOCKS * 3 * SECTOR,
        WORDS * 4.0 * 4);
  }

  private void add(
      String kernel,
      String shape,
      Launch launch,
      String formula,
      double blocks,
      double compulsory) {
    all.add(
        new KernelBars.Bar(
            kernel,
            shape,
            () -> {
              Gpu.requireSeveral(WORLD);
              PeerRanks.run(
                  WORLD,
                  Duration.ofMinutes(10),
                  (rank, number) -> {
                    long y = rank.upload(zeros(WORDS));
                    launch.on(rank, rank.upload(zeros(WORDS)), y);
                    rank.download(y, 4L * WORDS);
                    rank.group.check();
                    return 0;
                  });
            },
            formula,
            blocks,
            compulsory,
            0,
            Map.of()));
  }

  private static MemorySegment zeros(int words) {
    return MemorySegment.ofArray(new float[words]);
  }
}
