package org.gatun.model.gptq;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.gatun.graph.op.Activation;
import org.gatun.model.gptq.TensorParallelMlp.Layout;
import org.gatun.model.gptq.TensorParallelMlp.Stage;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.ReduceType;
import org.gatun.parallel.SharedMemoryCost;
import org.gatun.parallel.shm.Ranks;

/**
 * Times the layouts turn about, on scaled shapes of Llama-70B's and Granite-20B's MLP, with 1 and 2
 * ranks as threads; then what 4 and 8 ranks with a core each would take, by latency and bandwidth
 * fitted to the measured collectives. Run by ci/bench-tp-mlp. Arguments: divisor of all widths,
 * warm-up rounds, timed rounds.
 */
final class TensorParallelMlpBench {
  private static final int[] ROWS = {1, 2, 4, 8, 16};
  private static final int GROUP = 128;
  private static final int ALONE_ROUNDS = 301;

  /**
   * Medians of one layout with m rows: milliseconds of every stage, of the whole, and p95 of it.
   */
  private record Cell(
      int m,
      Layout layout,
      double[] stages,
      double total,
      double p95,
      long gathered,
      long reduced) {
    double of(Stage stage) {
      return stages[stage.ordinal()];
    }

    double products() {
      return of(Stage.FIRST_PRODUCTS) + of(Stage.SECOND_PRODUCT);
    }
  }

  private record Shape(String model, int width, int hidden, List<Cell> two) {}

  private TensorParallelMlpBench() {}

  public static void main(String[] args) throws Exception {
    int scale = Integer.parseInt(args[0]);
    int warm = Integer.parseInt(args[1]);
    int rounds = Integer.parseInt(args[2]);
    System.out.println("Measured, all widths over " + scale + ", milliseconds (medians):\n");
    System.out.println(
        "| model | TP | M | layout | total | p95 | products | all-gather | permute | all-reduce |"
            + " naive ÷ this | KiB sent |");
    System.out.println("|---|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    List<Shape> shapes =
        List.of(
            measure("Llama-70B", 8192 / scale, 28672 / scale, warm, rounds),
            measure("Granite-20B", 6144 / scale, 24576 / scale, warm / 5, rounds));
    model(shapes);
  }

  private static Shape measure(String model, int width, int hidden, int warm, int rounds)
      throws Exception {
    QuantizedMatrix gate = RandomMatrix.of(width, hidden, GROUP, 1);
    QuantizedMatrix up = RandomMatrix.of(width, hidden, GROUP, 1);
    QuantizedMatrix down = RandomMatrix.of(hidden, width, GROUP, 2);
    List<Cell> two = new ArrayList<>();
    int before = warm;
    for (int world : new int[] {1, 2}) {
      for (int m : ROWS) {
        int warmUp = before;
        List<Cell> cells =
            Ranks.run(world, c -> time(c, m, gate, up, down, warmUp, rounds)).getFirst();
        print(model, world, cells);
        if (world == 2) {
          two.addAll(cells);
        }
        // The code is compiled by now; caches and clocks warm up sooner.
        before = Math.max(2, warm / 5);
      }
    }
    return new Shape(model, width, hidden, two);
  }

  private static List<Cell> time(
      Communicator c,
      int m,
      QuantizedMatrix gate,
      QuantizedMatrix up,
      QuantizedMatrix down,
      int warm,
      int rounds) {
    Layout[] layouts = Layout.values();
    int stages = Stage.values().length;
    TensorParallelMlp[] mlps = new TensorParallelMlp[layouts.length];
    for (int l = 0; l < mlps.length; l++) {
      mlps[l] = new TensorParallelMlp(layouts[l], c, Activation.SILU, gate, up, down);
    }
    double[][][] ms = new double[layouts.length][stages + 1][rounds];
    float[] x = new float[m * gate.in()];
    Arrays.fill(x, 0.5f);
    float[] y = new float[m * down.out()];
    for (int i = -warm; i < rounds; i++) {
      for (int l = 0; l < mlps.length; l++) {
        mlps[l].resetClocks();
        c.barrier();
        long t = System.nanoTime();
        mlps[l].run(x, m, y);
        long total = System.nanoTime() - t;
        for (Stage s : Stage.values()) {
          ms[l][s.ordinal()][Math.max(0, i)] = mlps[l].nanos(s) / 1e6;
        }
        ms[l][stages][Math.max(0, i)] = total / 1e6;
      }
    }
    List<Cell> cells = new ArrayList<>();
    for (int l = 0; l < layouts.length; l++) {
      double[] medians = new double[stages];
      for (int s = 0; s <= stages; s++) {
        Arrays.sort(ms[l][s]);
        if (s < stages) {
          medians[s] = ms[l][s][rounds / 2];
        }
      }
      double[] total = ms[l][stages];
      long[] sent = mlps[l].ringBytes(m, 4);
      double p95 = total[Math.min(rounds - 1, rounds * 95 / 100)];
      cells.add(new Cell(m, layouts[l], medians, total[rounds / 2], p95, sent[0], sent[1]));
    }
    return cells;
  }

  private static void print(String model, int world, List<Cell> cells) {
    double naive = cells.getFirst().total();
    for (Cell c : cells) {
      System.out.printf(
          "| %s | %d | %d | %s | %.2f | %.2f | %.2f | %.3f | %.3f | %.3f | %.3f | %.0f |%n",
          model,
          world,
          c.m(),
          c.layout(),
          c.total(),
          c.p95(),
          c.products(),
          c.of(Stage.ALL_GATHER),
          c.of(Stage.PERMUTE),
          c.of(Stage.ALL_REDUCE),
          naive / c.total(),
          (c.gathered() + c.reduced()) / 1024.0);
    }
  }

  /** A line through (bytes, nanoseconds): latency, and time per byte. */
  private record Line(double alpha, double beta) {
    static Line fit(List<double[]> points) {
      double n = points.size();
      double sx = points.stream().mapToDouble(p -> p[0]).sum();
      double sy = points.stream().mapToDouble(p -> p[1]).sum();
      double sxx = points.stream().mapToDouble(p -> p[0] * p[0]).sum();
      double sxy = points.stream().mapToDouble(p -> p[0] * p[1]).sum();
      double slope = Math.max(0, (n * sxy - sx * sy) / (n * sxx - sx * sx));
      return new Line(Math.max(0, (sy - slope * sx) / n), slope);
    }
  }

  /** Latency and bandwidth of the collectives between two ranks, of the same sizes but alone. */
  private static List<Line> alone(Communicator c, List<Shape> shapes) {
    List<double[]> gathers = new ArrayList<>();
    List<double[]> sums = new ArrayList<>();
    for (Shape s : shapes) {
      for (int m : ROWS) {
        MemorySegment part = MemorySegment.ofArray(new float[m * s.hidden() / 2]);
        MemorySegment whole = MemorySegment.ofArray(new float[m * s.hidden()]);
        MemorySegment sum = MemorySegment.ofArray(new float[m * s.width()]);
        double[] gather = new double[ALONE_ROUNDS];
        double[] reduce = new double[ALONE_ROUNDS];
        for (int i = 0; i < ALONE_ROUNDS; i++) {
          gather[i] = nanos(c, () -> c.allGather(part, whole));
          reduce[i] = nanos(c, () -> c.allReduce(sum, ReduceType.F32));
        }
        gathers.add(new double[] {part.byteSize(), median(gather)});
        sums.add(new double[] {sum.byteSize(), median(reduce)});
      }
    }
    return List.of(Line.fit(gathers), Line.fit(sums));
  }

  private static double nanos(Communicator c, Runnable collective) {
    c.barrier();
    long t = System.nanoTime();
    collective.run();
    return System.nanoTime() - t;
  }

  private static double median(double[] x) {
    Arrays.sort(x);
    return x[x.length / 2];
  }

  private static void model(List<Shape> shapes) throws Exception {
    List<Line> fitted = Ranks.run(2, c -> alone(c, shapes)).getFirst();
    Line gather = fitted.getFirst();
    Line sum = fitted.getLast();
    // A rank copies its part in and all parts out: three copies of a part with two ranks.
    double copy = gather.beta() / 3;
    SharedMemoryCost cost =
        new SharedMemoryCost(sum.alpha(), copy, Math.max(1e-4, sum.beta() - copy));
    System.out.printf(
        "%nFitted to the collectives of two ranks alone: all-gather %.1f us + %.3f ns per byte of a part,"
            + " all-reduce %.1f us + %.3f ns per byte.%n%n",
        gather.alpha() / 1e3, gather.beta(), sum.alpha() / 1e3, sum.beta());
    System.out.println(
        "Modelled, milliseconds: products and permutation of two ranks over the ranks, collectives"
            + " by the fit:\n");
    System.out.println(
        "| model | TP | M | products | all-gather + permute | all-reduce | naive | TP-aware |"
            + " naive ÷ TP-aware |");
    System.out.println("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for (Shape s : shapes) {
      for (int world : new int[] {4, 8}) {
        for (int m : ROWS) {
          predict(s, world, m, gather, copy, cost);
        }
      }
    }
  }

  private static void predict(
      Shape s, int world, int m, Line gather, double copy, SharedMemoryCost cost) {
    Cell aware = cell(s, m, Layout.TP_AWARE);
    Cell naive = cell(s, m, Layout.NAIVE);
    double products = aware.products() * 2 / world;
    double part = 4.0 * m * s.hidden() / world;
    double gathering = (gather.alpha() + (1 + world) * copy * part) / 1e6;
    double extra = gathering + naive.of(Stage.PERMUTE) * 2 / world;
    long bytes = 4L * m * s.width();
    double reduce = cost.nanos(cost.choose(bytes, world), bytes, world) / 1e6;
    double total = products + reduce;
    System.out.printf(
        "| %s | %d | %d | %.2f | %.3f | %.3f | %.2f | %.2f | %.3f |%n",
        s.model(),
        world,
        m,
        products,
        extra,
        reduce,
        total + extra,
        total,
        (total + extra) / total);
  }

  private static Cell cell(Shape s, int m, Layout layout) {
    return s.two().stream()
        .filter(c -> c.m() == m && c.layout() == layout)
        .findFirst()
        .orElseThrow();
  }
}
