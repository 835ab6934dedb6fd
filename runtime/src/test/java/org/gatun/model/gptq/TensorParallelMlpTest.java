package org.gatun.model.gptq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import org.gatun.graph.op.Activation;
import org.gatun.model.gptq.TensorParallelMlp.Layout;
import org.gatun.parallel.shm.Ranks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The three layouts of act-order weights against one another and against the plain product. */
class TensorParallelMlpTest {
  private static final int IN = 64;
  private static final int HIDDEN = 256;
  private static final int OUT = 48;
  private static final int GROUP = 16;
  private static final int M = 3;

  private final QuantizedMatrix gate = RandomMatrix.of(IN, HIDDEN, GROUP, 11);
  private final QuantizedMatrix up = RandomMatrix.of(IN, HIDDEN, GROUP, 12);
  private final QuantizedMatrix down = RandomMatrix.of(HIDDEN, OUT, GROUP, 13);
  private final float[] x = input();

  private static float[] input() {
    Random random = new Random(14);
    float[] x = new float[M * IN];
    for (int i = 0; i < x.length; i++) {
      x[i] = random.nextFloat() * 2 - 1;
    }
    return x;
  }

  record Result(float[] partial, float[] sum, int groups) {}

  private List<Result> run(Layout layout, int world) throws Exception {
    return Ranks.run(
        world,
        c -> {
          var mlp = new TensorParallelMlp(layout, c, Activation.SILU, gate, up, down);
          float[] partial = new float[M * OUT];
          float[] sum = new float[M * OUT];
          mlp.partial(x, M, partial);
          mlp.run(x, M, sum);
          return new Result(partial, sum, mlp.downGroups());
        });
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 8})
  void naiveAndAwareGiveTheSameBits(int world) throws Exception {
    List<Result> naive = run(Layout.NAIVE, world);
    List<Result> aware = run(Layout.TP_AWARE, world);
    for (int r = 0; r < world; r++) {
      assertThat(aware.get(r).partial()).isEqualTo(naive.get(r).partial());
      assertThat(aware.get(r).sum()).isEqualTo(naive.get(r).sum());
      assertThat(aware.get(r).sum()).isEqualTo(aware.getFirst().sum());
      assertThat(aware.get(r).groups()).isEqualTo(HIDDEN / (world * GROUP));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 8})
  void everyLayoutIsTheProduct(int world) throws Exception {
    double[] reference = reference();
    double max = 0;
    for (double v : reference) {
      max = Math.max(max, Math.abs(v));
    }
    for (Layout layout : Layout.values()) {
      float[] y = run(layout, world).getFirst().sum();
      for (int i = 0; i < y.length; i++) {
        assertThat((double) y[i])
            .as("%s at %d", layout, i)
            .isCloseTo(reference[i], within(1e-5 * max));
      }
    }
  }

  @Test
  void permutingOnlyTheGateIsWrong() throws Exception {
    int[] order = Permutation.stableArgsort(down.groupOf());
    QuantizedMatrix wrongGate = gate.permuteColumns(order);
    float[] right = run(Layout.TP_AWARE, 2).getFirst().sum();
    float[] wrong =
        Ranks.run(
                2,
                c -> {
                  var mlp =
                      new TensorParallelMlp(Layout.NAIVE, c, Activation.SILU, wrongGate, up, down);
                  float[] y = new float[M * OUT];
                  mlp.run(x, M, y);
                  return y;
                })
            .getFirst();
    double worst = 0;
    for (int i = 0; i < right.length; i++) {
      worst = Math.max(worst, Math.abs(right[i] - wrong[i]));
    }
    assertThat(worst).isGreaterThan(0.01);
  }

  @Test
  void bytesAreTheSpecifications() throws Exception {
    // Ratio of bytes naive to aware: 1 + hidden / (2 out), whatever the world.
    for (int world : new int[] {2, 8}) {
      long[] naive =
          Ranks.run(
                  world,
                  c ->
                      new TensorParallelMlp(Layout.NAIVE, c, Activation.SILU, gate, up, down)
                          .ringBytes(1, 2))
              .getFirst();
      assertThat(naive[0]).isEqualTo((world - 1) * HIDDEN * 2L / world);
      assertThat(naive[1]).isEqualTo(2L * (world - 1) * OUT * 2 / world);
      assertThat((double) (naive[0] + naive[1]) / naive[1])
          .isCloseTo(1 + HIDDEN / (2.0 * OUT), within(1e-9));
    }
  }

  private double[] reference() {
    float[] g = gate.dequantize();
    float[] u = up.dequantize();
    float[] d = down.dequantize();
    double[] y = new double[M * OUT];
    for (int r = 0; r < M; r++) {
      for (int h = 0; h < HIDDEN; h++) {
        double a = 0;
        double b = 0;
        for (int i = 0; i < IN; i++) {
          a += (double) x[r * IN + i] * g[i * HIDDEN + h];
          b += (double) x[r * IN + i] * u[i * HIDDEN + h];
        }
        double v = Activation.SILU.apply(a) * b;
        for (int o = 0; o < OUT; o++) {
          y[r * OUT + o] += v * d[h * OUT + o];
        }
      }
    }
    return y;
  }
}
