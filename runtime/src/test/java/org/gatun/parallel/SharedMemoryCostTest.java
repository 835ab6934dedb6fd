package org.gatun.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/** The fit finds the constants that made the times, and stays sane whatever it is given. */
class SharedMemoryCostTest {
  @Test
  void theFitGivesBackTheConstants() {
    SharedMemoryCost made = new SharedMemoryCost(900, 0.02, 0.05);
    for (int world : new int[] {2, 3, 4, 8}) {
      long n = 1 << 17;
      SharedMemoryCost found =
          SharedMemoryCost.fit(
              900,
              n,
              made.nanos(AllReduceAlgorithm.ONE_SHOT, n, world),
              made.nanos(AllReduceAlgorithm.TWO_SHOT, n, world),
              world);
      assertThat(found.meetingNanos()).isEqualTo(900);
      assertThat(found.copyNanosPerByte()).isCloseTo(0.02, within(1e-9));
      assertThat(found.addNanosPerByte()).isCloseTo(0.05, within(1e-9));
    }
  }

  @Test
  void noiseGivesNoNegativeConstants() {
    for (double one : new double[] {0, 10, 1e4, 1e6}) {
      for (double two : new double[] {0, 10, 1e4, 1e6}) {
        SharedMemoryCost c = SharedMemoryCost.fit(500, 1 << 17, one, two, 4);
        assertThat(c.copyNanosPerByte()).isPositive();
        assertThat(c.addNanosPerByte()).isPositive();
        assertThat(c.choose(16, 4)).isEqualTo(AllReduceAlgorithm.ONE_SHOT);
      }
    }
  }

  @Test
  void smallMessagesMeetOnceAndLargeOnesOfManyRanksTwice() {
    SharedMemoryCost c = SharedMemoryCost.DEFAULT;
    assertThat(c.choose(64 << 20, 2)).isEqualTo(AllReduceAlgorithm.ONE_SHOT);
    assertThat(c.choose(4 << 10, 8)).isEqualTo(AllReduceAlgorithm.ONE_SHOT);
    assertThat(c.choose(4 << 20, 8)).isEqualTo(AllReduceAlgorithm.TWO_SHOT);
  }
}
