package org.gatun.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Clustering, and the scores that follow from clusters. */
class KMeansTest {
  private static final int DIM = 32;

  /** 8 directions, rows of any length along them with a little noise. */
  private static float[] planted(int n) {
    SplittableRandom random = new SplittableRandom(5);
    float[] centres = new float[8 * DIM];
    for (int i = 0; i < centres.length; i++) {
      centres[i] = (float) random.nextGaussian();
    }
    float[] rows = new float[n * DIM];
    for (int t = 0; t < n; t++) {
      float length = 0.1f + 10 * (float) random.nextDouble();
      for (int i = 0; i < DIM; i++) {
        rows[t * DIM + i] =
            length * (centres[t % 8 * DIM + i] + 0.1f * (float) random.nextGaussian());
      }
    }
    return rows;
  }

  @Test
  void findsPlantedDirectionsWhateverTheirLength() {
    int[] labels = KMeans.labels(planted(800), DIM, 8, 20, 1);
    for (int t = 8; t < labels.length; t++) {
      assertThat(labels[t]).as("row %d", t).isEqualTo(labels[t % 8]);
    }
    assertThat(Arrays.stream(labels).distinct().count()).isEqualTo(8);
  }

  @Test
  void theSeedAloneDecides() {
    float[] rows = planted(500);
    assertThat(KMeans.labels(rows, DIM, 30, 5, 7)).isEqualTo(KMeans.labels(rows, DIM, 30, 5, 7));
    assertThat(KMeans.labels(rows, DIM, 30, 5, 7)).isNotEqualTo(KMeans.labels(rows, DIM, 30, 5, 8));
  }

  @Test
  void noClusterIsEmptyEvenAmongEqualRows() {
    float[] rows = new float[40 * DIM];
    Arrays.fill(rows, 1);
    int[] labels = KMeans.labels(rows, DIM, 10, 5, 1);
    assertThat(Arrays.stream(labels).distinct().count()).isEqualTo(10);
    assertThatThrownBy(() -> KMeans.labels(rows, DIM, 41, 5, 1))
        .hasMessageContaining("41 clusters of 40 vectors");
  }

  private static double score(double[] q, double[] k) {
    double dot = 0;
    for (int i = 0; i < q.length; i++) {
      dot += q[i] * k[i];
    }
    return dot / 4;
  }

  private static double[][] queries() {
    SplittableRandom random = new SplittableRandom(11);
    double[][] q = new double[6][DIM];
    for (double[] x : q) {
      Arrays.setAll(x, i -> random.nextGaussian());
    }
    return q;
  }

  @Test
  void scoresTimesSizesSumToOne() {
    PrefixData.Layer l =
        PlantedPrefix.of(List.of(new KvLayer(0, 2, DIM)), KvCodec.F16, 300, 40, 6, 0.3f, 2)
            .layer(0);
    for (boolean coarse : new boolean[] {false, true}) {
      for (int h = 0; h < 2; h++) {
        int[] n = ClusterScores.sizes(l, coarse, h);
        double[] s = ClusterScores.mean(l, coarse, h, n, queries(), KMeansTest::score);
        double sum = 0;
        for (int i = 0; i < n.length; i++) {
          sum += n[i] * s[i];
        }
        assertThat(sum).isCloseTo(1, org.assertj.core.api.Assertions.within(1e-12));
        assertThat(Arrays.stream(n).sum()).isEqualTo(300);
      }
    }
  }

  @Test
  void oneClusterPerKeyGivesTheTrueSoftmax() {
    PrefixData p =
        PlantedPrefix.of(List.of(new KvLayer(0, 1, DIM)), KvCodec.F16, 90, 90, 0, 0.3f, 2);
    PrefixData.Layer l = p.layer(0);
    double[][] q = {queries()[0]};
    double[] s =
        ClusterScores.mean(l, false, 0, ClusterScores.sizes(l, false, 0), q, KMeansTest::score);
    double[] exact = new double[90];
    double sum = 0;
    for (int t = 0; t < 90; t++) {
      double[] k = new double[DIM];
      l.read(true, 0, t, 90, k, 0);
      exact[t] = Math.exp(score(q[0], k));
      sum += exact[t];
    }
    for (int t = 0; t < 90; t++) {
      assertThat(s[t]).isCloseTo(exact[t] / sum, org.assertj.core.api.Assertions.within(1e-12));
    }
  }

  @Test
  void int8RoundTripIsWithinHalfAStep() {
    SplittableRandom random = new SplittableRandom(3);
    double[] x = new double[64];
    Arrays.setAll(x, i -> (float) (random.nextGaussian() * 3));
    double max = Arrays.stream(x).map(Math::abs).max().orElseThrow();
    double[] y = x.clone();
    KvCodec.INT8.round(y, 0, 64);
    for (int i = 0; i < 64; i++) {
      assertThat(Math.abs(x[i] - y[i])).isLessThanOrEqualTo(max / 127 / 2 * (1 + 1e-5));
    }
    double[] again = y.clone();
    KvCodec.INT8.round(again, 0, 64);
    assertThat(again).containsExactly(y, org.assertj.core.api.Assertions.within(1e-6));
  }
}
