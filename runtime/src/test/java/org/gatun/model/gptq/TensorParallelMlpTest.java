package org.gatun.model.gptq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import org.gatun.graph.op.Activation;
import org.gatun.model.gptq.TensorParallelMlp.Layout;
import org.gatun.parallel.CountingCommunicator;
import org.gatun.parallel.CountingCommunicator.Call;
import org.gatun.parallel.shm.Ranks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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

  /** Bytes sent per rank, token and MLP in the specification's table: 8 ranks, 2 bytes each. */
  @ParameterizedTest
  @CsvSource({
    "Llama-70B, 28672, 8192, 50176, 28672",
    "Granite-20B, 24576, 6144, 43008, 21504",
    "Llama-405B, 53248, 16384, 93184, 57344"
  })
  void bytesAndMessagesAreTheSpecifications(
      String model, int hidden, int out, long gathered, long reduced) throws Exception {
    // All widths over 64: the bytes are proportional.
    QuantizedMatrix g = RandomMatrix.of(16, hidden / 64, 8, 21);
    QuantizedMatrix d = RandomMatrix.of(hidden / 64, out / 64, 8, 22);
    for (int world : new int[] {1, 2, 4, 8}) {
      Call gather = new Call("all_gather", 4L * hidden / 64 / world);
      Call reduce = new Call("all_reduce", 4L * out / 64);
      assertThat(calls(Layout.NAIVE, world, g, d)).containsExactly(gather, reduce);
      assertThat(calls(Layout.TP_AWARE, world, g, d)).containsExactly(reduce);
      assertThat(calls(Layout.LOCAL_SORT, world, g, d)).containsExactly(reduce);
      assertThat(gather.ringMessages(world)).isEqualTo(world - 1);
      assertThat(reduce.ringMessages(world)).isEqualTo(2 * (world - 1));
      // Four bytes each over 64 are 2 bytes each over 32.
      assertThat(32 * gather.ringBytes(world)).isEqualTo(gathered * 8 * (world - 1) / 7 / world);
      assertThat(32 * reduce.ringBytes(world)).isEqualTo(reduced * 8 * (world - 1) / 7 / world);
    }
  }

  private static List<Call> calls(Layout layout, int world, QuantizedMatrix g, QuantizedMatrix d)
      throws Exception {
    return Ranks.run(
            world,
            c -> {
              CountingCommunicator counted = new CountingCommunicator(c);
              var mlp = new TensorParallelMlp(layout, counted, Activation.SILU, g, g, d);
              mlp.run(new float[16], 1, new float[d.out()]);
              assertThat(mlp.ringBytes(1, 4))
                  .isEqualTo(
                      new long[] {
                        layout == Layout.NAIVE ? (world - 1) * 4L * d.in() / world : 0,
                        2 * (world - 1) * 4L * d.out() / world
                      });
              return counted.take();
            })
        .getFirst();
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
