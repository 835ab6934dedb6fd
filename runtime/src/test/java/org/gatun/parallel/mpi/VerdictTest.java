package org.gatun.parallel.mpi;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class VerdictTest {
  private static String of(int rank, long... waits) {
    return Verdict.of(rank, waits, "barrier", 500).getMessage();
  }

  @Test
  void theSilentRankIsNamed() {
    assertThat(of(2, 7, -1, 7))
        .isEqualTo(
            "rank 1: did not arrive at barrier #7 within 500 ms (hung or stopped?);"
                + " waiting: rank 0, 2");
    assertThat(of(1, -1, 7, -1, 7)).startsWith("rank 0: ").endsWith("1, 3; missing too: rank 2");
  }

  @Test
  void whereAllWaitTheOneBehindIsNamed() {
    assertThat(of(0, 7, 7, 6))
        .isEqualTo("rank 2: waits in its call #6 while rank 0 waits in barrier #7");
    assertThat(Verdict.of(0, new long[] {3, 3}, "barrier", 500).rank()).isEqualTo(-1);
  }

  @Test
  void theFirstThatWaitsSpeaks() {
    long[] waits = {-1, 4, -1, 4};
    assertThat(Verdict.place(1, waits)).isZero();
    assertThat(Verdict.place(3, waits)).isEqualTo(1);
  }
}
