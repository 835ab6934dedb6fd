package org.gatun.parallel.shm;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.gatun.parallel.AllReduceAlgorithm;
import org.gatun.parallel.ReduceType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Sums against float64, for every algorithm, rank count, type and a range of odd sizes. */
class AllReduceTest {
  private static final int[] SIZES = {1, 2, 3, 15, 17, 63, 1000, 1023, 4097, 70_001};

  static Stream<Arguments> cases() {
    return Stream.of(AllReduceAlgorithm.values())
        .flatMap(
            a ->
                Stream.of(ReduceType.values())
                    .flatMap(
                        t -> Stream.of(2, 3, 4, 5, 7, 8).map(world -> Arguments.of(a, t, world))));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void sumsAsFloat64AndBitwiseEqualOnAllRanks(
      AllReduceAlgorithm algorithm, ReduceType type, int world) throws Exception {
    // Small slots, so that most sizes need several pieces and a ragged last one.
    for (int n : SIZES) {
      check(algorithm, type, world, n, 4096);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  @Tag("slow")
  void sumsLargeMessages(AllReduceAlgorithm algorithm, ReduceType type, int world)
      throws Exception {
    check(algorithm, type, world, (64 << 20) / type.bytes(), InProcessProvider.SLOT_BYTES);
    check(algorithm, type, world, (5 << 20) / type.bytes() + 1, InProcessProvider.SLOT_BYTES);
  }

  @Test
  void sumsOneLargeMessage() throws Exception {
    check(AllReduceAlgorithm.TWO_SHOT, ReduceType.F32, 2, (16 << 20) + 1, 1 << 20);
  }

  @Test
  void ranksChooseByOneCalibration() throws Exception {
    var costs =
        Ranks.run(
            3,
            c -> {
              SharedCommunicator group = (SharedCommunicator) c;
              group.calibrate();
              return group.cost();
            });
    assertThat(costs).containsOnly(costs.getFirst());
    assertThat(costs.getFirst().meetingNanos()).isPositive();
  }

  @Test
  void algorithmsGiveTheSameBits() throws Exception {
    for (ReduceType type : ReduceType.values()) {
      byte[] one = reduce(AllReduceAlgorithm.ONE_SHOT, type, 4, 5003, 8192).getFirst();
      byte[] two = reduce(AllReduceAlgorithm.TWO_SHOT, type, 4, 5003, 8192).getFirst();
      assertThat(two).isEqualTo(one);
    }
  }

  @Test
  void specialValuesSurvive() throws Exception {
    float[] values = {Float.NaN, Float.POSITIVE_INFINITY, -0f, 1e-40f, 3e38f, 65504, 6e-8f, 1e-7f};
    for (ReduceType type : ReduceType.values()) {
      for (float v : values) {
        int n = 33;
        List<byte[]> results =
            Ranks.run(
                2,
                c -> {
                  byte[] bytes = new byte[n * type.bytes()];
                  MemorySegment s = MemorySegment.ofArray(bytes);
                  for (int i = 0; i < n; i++) {
                    Values.set(type, s, i, c.rank() == 0 ? v : 0f);
                  }
                  c.allReduce(s, type);
                  return bytes;
                });
        byte[] one = new byte[type.bytes()];
        Values.set(type, MemorySegment.ofArray(one), 0, v);
        // -0 + 0 is +0; everything else comes back as it was stored.
        float expected = Values.get(type, MemorySegment.ofArray(one), 0) + 0f;
        for (byte[] result : results) {
          for (int i = 0; i < n; i++) {
            assertThat(Values.get(type, MemorySegment.ofArray(result), i))
                .as("%s of %s at %d", type, v, i)
                .isEqualTo(Float.valueOf(expected));
          }
        }
      }
    }
  }

  private static void check(
      AllReduceAlgorithm algorithm, ReduceType type, int world, int n, long slotBytes)
      throws Exception {
    List<byte[]> results = reduce(algorithm, type, world, n, slotBytes);
    for (byte[] r : results) {
      assertThat(java.util.Arrays.equals(r, results.getFirst())).as("ranks agree").isTrue();
    }
    MemorySegment sum = MemorySegment.ofArray(results.getFirst());
    MemorySegment[] inputs = new MemorySegment[world];
    for (int r = 0; r < world; r++) {
      inputs[r] = input(type, r, n, MemorySegment.ofArray(new byte[n * type.bytes()]));
    }
    for (int i = 0; i < n; i++) {
      double expected = 0;
      double magnitude = 0;
      for (MemorySegment in : inputs) {
        double v = Values.get(type, in, i);
        expected += v;
        magnitude += Math.abs(v);
      }
      double tolerance = magnitude * world * 0x1p-24 + Math.abs(expected) * Values.ulp(type);
      double actual = Values.get(type, sum, i);
      if (!(Math.abs(actual - expected) <= tolerance + 1e-12)) {
        throw new AssertionError(
            algorithm + " " + type + " world " + world + " n " + n + " at " + i + ": " + actual
                + " for " + expected);
      }
    }
  }

  private static List<byte[]> reduce(
      AllReduceAlgorithm algorithm, ReduceType type, int world, int n, long slotBytes)
      throws Exception {
    return Ranks.run(
        world,
        algorithm,
        slotBytes,
        Duration.ofSeconds(60),
        c -> {
          try (Arena arena = Arena.ofConfined()) {
            // One byte off: no alignment is promised.
            MemorySegment s = arena.allocate(n * (long) type.bytes() + 1).asSlice(1);
            c.allReduce(input(type, c.rank(), n, s), type);
            return s.toArray(ValueLayout.JAVA_BYTE);
          }
        });
  }

  private static MemorySegment input(ReduceType type, int rank, int n, MemorySegment s) {
    Random random = new Random(rank * 31L + n);
    for (int i = 0; i < n; i++) {
      Values.set(type, s, i, random.nextFloat() * 4 - 2);
    }
    return s;
  }
}
