package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.DeviceCost.Algorithm;
import org.gatun.parallel.ReduceType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Collectives between devices of one process, against sums in float64; on the virtual GPU with
 * every checker on, so that a race is a failure. The same bits are wanted on all ranks.
 */
class PeerKernelsTest {
  @BeforeEach
  void device() {
    Gpu.requireSeveral(4);
  }

  static Stream<Arguments> reductions() {
    return Stream.of(2, 3, 4)
        .flatMap(
            world ->
                Arrays.stream(Algorithm.values())
                    .flatMap(
                        a ->
                            Arrays.stream(ReduceType.values())
                                .map(t -> Arguments.of(world, a, t))));
  }

  /** Sizes: one element, odd, a packet and one, whole blocks, several pieces per block. */
  @ParameterizedTest
  @MethodSource("reductions")
  void sumsAreRightAndTheSameBitsEverywhere(int world, Algorithm algorithm, ReduceType type)
      throws Exception {
    check(world, algorithm, type, 1, 3, 17, 1023, 4096, 20_001);
  }

  @ParameterizedTest
  @MethodSource("reductions")
  @Tag("slow")
  void largeSumsAreRight(int world, Algorithm algorithm, ReduceType type) throws Exception {
    check(world, algorithm, type, 300_007, 2_000_000);
  }

  private static void check(int world, Algorithm algorithm, ReduceType type, int... sizes)
      throws Exception {
    String kernel = "all_reduce_" + algorithm.kernel() + "_" + type.name().toLowerCase();
    List<List<MemorySegment>> results =
        PeerRanks.run(
            world,
            Duration.ofMinutes(10),
            (rank, number) -> {
              List<MemorySegment> sums = new ArrayList<>();
              int turn = 0;
              for (int n : sizes) {
                // In place every other time, and with few blocks so that pieces follow each other.
                MemorySegment own = values(type, n, number);
                long x = rank.upload(own);
                long y = turn % 2 == 0 ? x : rank.upload(MemorySegment.ofArray(new byte[4 * n]));
                int blocks = 1 + turn++ % 3;
                rank.launch(kernel, blocks, rank.args(1).p(x).p(y).p(n));
                sums.add(rank.download(y, own.byteSize()));
              }
              rank.group.check();
              return sums;
            });
    for (int i = 0; i < sizes.length; i++) {
      double[] want = new double[sizes[i]];
      double[] size = new double[sizes[i]];
      for (int r = 0; r < world; r++) {
        float[] x = floats(type, values(type, sizes[i], r));
        for (int k = 0; k < want.length; k++) {
          want[k] += x[k];
          size[k] += Math.abs(x[k]);
        }
      }
      float[] got = floats(type, results.getFirst().get(i));
      double step =
          switch (type) {
            case F32 -> 0x1p-22;
            case F16 -> 0x1p-11;
            case BF16 -> 0x1p-8;
          };
      for (int k = 0; k < want.length; k++) {
        assertThat(Math.abs(got[k] - want[k]))
            .as("element %d of %d", k, want.length)
            .isLessThanOrEqualTo(step * size[k] + 1e-7);
      }
      for (int r = 1; r < world; r++) {
        assertThat(results.get(r).get(i).mismatch(results.getFirst().get(i))).isEqualTo(-1);
      }
    }
  }

  private static MemorySegment values(ReduceType type, int n, int rank) {
    Random random = new Random(31L * n + rank);
    MemorySegment bytes = Arena.ofAuto().allocate((long) n * type.bytes(), 16);
    for (int i = 0; i < n; i++) {
      // Zeros of both signs too: no value may be taken for "nothing has come yet".
      float x =
          random.nextInt(8) == 0 ? (random.nextBoolean() ? 0f : -0f) : random.nextFloat() - 0.5f;
      switch (type) {
        case F32 -> bytes.setAtIndex(ValueLayout.JAVA_FLOAT, i, x);
        case F16 -> bytes.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(x));
        case BF16 ->
            bytes.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (Float.floatToIntBits(x) >>> 16));
      }
    }
    return bytes;
  }

  private static float[] floats(ReduceType type, MemorySegment bytes) {
    float[] x = new float[Math.toIntExact(bytes.byteSize() / type.bytes())];
    for (int i = 0; i < x.length; i++) {
      x[i] =
          switch (type) {
            case F32 -> bytes.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            case F16 -> Float.float16ToFloat(bytes.getAtIndex(ValueLayout.JAVA_SHORT, i));
            case BF16 -> Float.intBitsToFloat(bytes.getAtIndex(ValueLayout.JAVA_SHORT, i) << 16);
          };
    }
    return x;
  }

  static Stream<Arguments> norms() {
    return Stream.of(2, 4)
        .flatMap(w -> Stream.of(false, true).map(first -> Arguments.of(w, first)));
  }

  @ParameterizedTest
  @MethodSource("norms")
  void theFusedFormGivesTheSumAndItsNorm(int world, boolean normFirst) throws Exception {
    int rows = 3;
    int dim = 4100;
    float eps = 1e-5f;
    float[] residual = floats(ReduceType.F32, values(ReduceType.F32, rows * dim, 100));
    float[] w = floats(ReduceType.F32, values(ReduceType.F32, dim, 101));
    float[] wx = floats(ReduceType.F32, values(ReduceType.F32, dim, 102));
    List<float[][]> results =
        PeerRanks.run(
            world,
            Duration.ofMinutes(10),
            (rank, number) -> {
              long x = rank.upload(values(ReduceType.F32, rows * dim, number));
              long sum = rank.upload(MemorySegment.ofArray(new float[rows * dim]));
              long y = rank.upload(MemorySegment.ofArray(new float[rows * dim]));
              Args args =
                  rank.args(rows)
                      .p(x)
                      .p(rank.upload(MemorySegment.ofArray(residual)))
                      .p(rank.upload(MemorySegment.ofArray(w)))
                      .p(normFirst ? rank.upload(MemorySegment.ofArray(wx)) : 0)
                      .p(sum)
                      .p(y)
                      .i(dim)
                      .f(eps);
              rank.launch("all_reduce_add_rms_norm", 2, args);
              return new float[][] {
                floats(ReduceType.F32, rank.download(sum, 4L * rows * dim)),
                floats(ReduceType.F32, rank.download(y, 4L * rows * dim))
              };
            });
    for (int row = 0; row < rows; row++) {
      double[] total = new double[dim];
      for (int r = 0; r < world; r++) {
        float[] x = floats(ReduceType.F32, values(ReduceType.F32, rows * dim, r));
        for (int i = 0; i < dim; i++) {
          total[i] += x[row * dim + i];
        }
      }
      double scale = normFirst ? 1 / Math.sqrt(meanSquare(total) + eps) : 1;
      for (int i = 0; i < dim; i++) {
        total[i] = residual[row * dim + i] + total[i] * scale * (normFirst ? wx[i] : 1);
      }
      double norm = 1 / Math.sqrt(meanSquare(total) + eps);
      for (int i = 0; i < dim; i++) {
        int at = row * dim + i;
        assertThat(Math.abs(results.getFirst()[0][at] - total[i])).isLessThan(2e-5);
        assertThat(Math.abs(results.getFirst()[1][at] - total[i] * norm * w[i])).isLessThan(2e-5);
      }
    }
    for (float[][] other : results) {
      assertThat(other[0]).isEqualTo(results.getFirst()[0]);
      assertThat(other[1]).isEqualTo(results.getFirst()[1]);
    }
  }

  private static double meanSquare(double[] v) {
    return Arrays.stream(v).map(x -> x * x).average().orElseThrow();
  }

  static Stream<Arguments> gathers() {
    return Stream.of(2, 3, 4)
        .flatMap(w -> Stream.of("cells", "bulk").map(how -> Arguments.of(w, how)));
  }

  @ParameterizedTest
  @MethodSource("gathers")
  void columnsOfAllRanksStandSideBySide(int world, String how) throws Exception {
    int rows = 3;
    int cols = 1501;
    List<float[]> results =
        PeerRanks.run(
            world,
            Duration.ofMinutes(10),
            (rank, number) -> {
              long x = rank.upload(values(ReduceType.F32, rows * cols, number));
              long y = rank.upload(MemorySegment.ofArray(new float[rows * cols * world]));
              Args args = rank.args(rows).p(x).p(y).i(cols);
              rank.launch("all_gather_" + how, 1, args);
              return floats(ReduceType.F32, rank.download(y, 4L * rows * cols * world));
            });
    for (int r = 0; r < world; r++) {
      float[] x = floats(ReduceType.F32, values(ReduceType.F32, rows * cols, r));
      for (float[] y : results) {
        for (int row = 0; row < rows; row++) {
          int at = (row * world + r) * cols;
          assertThat(Arrays.copyOfRange(y, at, at + cols))
              .isEqualTo(Arrays.copyOfRange(x, row * cols, (row + 1) * cols));
        }
      }
    }
  }

  @Test
  void aRankThatDoesNotComeEndsTheWaitOfTheOthersByName() {
    for (Algorithm a : Algorithm.values()) {
      assertThatThrownBy(
              () ->
                  PeerRanks.run(
                      3,
                      Duration.ofSeconds(2),
                      (rank, number) -> {
                        long x = rank.upload(values(ReduceType.F32, 5000, number));
                        if (number != 1) {
                          rank.launch(
                              "all_reduce_" + a.kernel() + "_f32",
                              2,
                              rank.args(1).p(x).p(x).p(5000));
                          rank.device.synchronize("run a collective");
                          rank.group.check();
                        }
                        return 0;
                      }))
          .as(a.name())
          .isInstanceOf(ExecutionException.class)
          .cause()
          .isInstanceOf(CommunicatorException.class)
          .hasMessageStartingWith("rank 1: did not arrive at a collective on the device");
    }
  }

  @Test
  void anAbortFromTheHostEndsTheWaits() {
    assertThatThrownBy(
            () ->
                PeerRanks.run(
                    2,
                    Duration.ofMinutes(10),
                    (rank, number) -> {
                      if (number == 1) {
                        rank.group.abort();
                        return 0;
                      }
                      long x = rank.upload(values(ReduceType.F32, 100, number));
                      rank.launch("all_reduce_cells_f32", 1, rank.args(1).p(x).p(x).p(100));
                      rank.device.synchronize("run a collective");
                      rank.group.check();
                      return 0;
                    }))
        .cause()
        .isInstanceOf(CommunicatorException.class)
        .hasMessageContaining("another rank of this process failed");
  }
}
