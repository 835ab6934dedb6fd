package org.gatun.model.gptq;

import java.util.Arrays;
import java.util.List;
import org.gatun.graph.op.Activation;
import org.gatun.model.gptq.TensorParallelMlp.Layout;
import org.gatun.model.gptq.TensorParallelMlp.Stage;
import org.gatun.parallel.shm.Ranks;

/**
 * Times the layouts turn about, on scaled shapes of Llama-70B's and Granite-20B's MLP. Run by
 * ci/bench-tp-mlp. Arguments: divisor of all widths, warm-up rounds, timed rounds.
 */
final class TensorParallelMlpBench {
  private TensorParallelMlpBench() {}

  public static void main(String[] args) throws Exception {
    int scale = Integer.parseInt(args[0]);
    int warm = Integer.parseInt(args[1]);
    int rounds = Integer.parseInt(args[2]);
    System.out.println(
        "| model / "
            + scale
            + " | TP | M | layout | median ms | p95 ms | products | all-gather | permute | all-reduce | KiB sent |");
    System.out.println("|---|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|");
    shape("Llama-70B", 8192 / scale, 28672 / scale, warm, rounds);
    shape("Granite-20B", 6144 / scale, 24576 / scale, warm, rounds);
  }

  private static void shape(String model, int width, int hidden, int warm, int rounds)
      throws Exception {
    QuantizedMatrix gate = RandomMatrix.of(width, hidden, 128, 1);
    QuantizedMatrix up = RandomMatrix.of(width, hidden, 128, 1);
    QuantizedMatrix down = RandomMatrix.of(hidden, width, 128, 2);
    for (int world : new int[] {1, 2}) {
      for (int m : new int[] {1, 4, 16}) {
        List<String> lines =
            Ranks.run(
                    world,
                    c -> {
                      Layout[] layouts = Layout.values();
                      TensorParallelMlp[] mlps = new TensorParallelMlp[layouts.length];
                      for (int l = 0; l < mlps.length; l++) {
                        mlps[l] =
                            new TensorParallelMlp(layouts[l], c, Activation.SILU, gate, up, down);
                      }
                      double[][] ms = new double[layouts.length][rounds];
                      float[] x = new float[m * width];
                      Arrays.fill(x, 0.5f);
                      float[] y = new float[m * width];
                      for (int i = -warm; i < rounds; i++) {
                        for (int l = 0; l < mlps.length; l++) {
                          if (i == 0) {
                            mlps[l].resetClocks();
                          }
                          c.barrier();
                          long t = System.nanoTime();
                          mlps[l].run(x, m, y);
                          if (i >= 0) {
                            ms[l][i] = (System.nanoTime() - t) / 1e6;
                          }
                        }
                      }
                      return report(model, world, m, layouts, mlps, ms);
                    })
                .getFirst();
        lines.forEach(System.out::println);
      }
    }
  }

  private static List<String> report(
      String model, int world, int m, Layout[] layouts, TensorParallelMlp[] mlps, double[][] ms) {
    String[] lines = new String[layouts.length];
    for (int l = 0; l < layouts.length; l++) {
      int n = ms[l].length;
      Arrays.sort(ms[l]);
      long[] bytes = mlps[l].ringBytes(m, 4);
      double products =
          share(mlps[l], n, Stage.FIRST_PRODUCTS) + share(mlps[l], n, Stage.SECOND_PRODUCT);
      lines[l] =
          String.format(
              "| %s | %d | %d | %s | %.2f | %.2f | %.2f | %.3f | %.3f | %.3f | %.0f |",
              model,
              world,
              m,
              layouts[l],
              ms[l][n / 2],
              ms[l][Math.min(n - 1, n * 95 / 100)],
              products,
              share(mlps[l], n, Stage.ALL_GATHER),
              share(mlps[l], n, Stage.PERMUTE),
              share(mlps[l], n, Stage.ALL_REDUCE),
              (bytes[0] + bytes[1]) / 1024.0);
    }
    return List.of(lines);
  }

  private static double share(TensorParallelMlp mlp, int rounds, Stage stage) {
    return mlp.nanos(stage) / 1e6 / rounds;
  }
}
