package org.gatun.parallel;

import java.io.PrintStream;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Modelled time of an all-reduce: latency per message and time per byte, inside a node and between
 * nodes. A model for choosing and for planning hardware that is not here, never a measurement.
 *
 * @param alpha seconds per message inside a node
 * @param beta seconds per byte inside a node
 * @param alphaNet seconds per message between nodes
 * @param betaNet seconds per byte between nodes
 */
public record CollectiveCost(double alpha, double beta, double alphaNet, double betaNet) {
  /** NVLink-class links inside a node (3 µs, 400 GB/s), 25 GB/s per GPU between nodes (5 µs). */
  public static final CollectiveCost GPU_SERVER = new CollectiveCost(3e-6, 2.5e-12, 5e-6, 4e-11);

  private static final List<Long> SIZES =
      List.of(8L << 10, 32L << 10, 128L << 10, 512L << 10, 2L << 20, 8L << 20, 64L << 20);

  /** Seconds by algorithm for {@code n} bytes over {@code t} ranks on {@code nodes} equal nodes. */
  public Map<String, Double> seconds(long n, int t, int nodes) {
    Map<String, Double> times = new TreeMap<>();
    int g = t / nodes;
    double share = (t - 1.0) / t;
    double a = nodes > 1 ? alphaNet : alpha;
    double b = nodes > 1 ? betaNet : beta;
    times.put("ring", 2 * (t - 1) * a + 2 * share * n * b);
    times.put("tree", 2 * log2(t) * a + 2 * n * b);
    if (Integer.bitCount(t) == 1) {
      times.put("recursive-doubling", log2(t) * (a + n * b));
      times.put("halving-doubling", 2 * log2(t) * a + 2 * share * n * b);
    }
    if (nodes == 1) {
      times.put("one-shot", 2 * alpha + (t - 1) * n * beta);
      times.put("two-shot", 3 * alpha + 2 * share * n * beta);
      times.put("lamport", alpha + (t - 1) * n * beta);
      return times;
    }
    double inside = 2 * (alpha + (g - 1.0) / g * n * beta);
    double part = (double) n / g * betaNet;
    times.put(
        "hierarchical-ring",
        inside + 2 * (nodes - 1) * alphaNet + 2 * (nodes - 1.0) / nodes * part);
    if (Integer.bitCount(nodes) == 1) {
      // Data and flag share an 8-byte cell (kappa 2), or the flag follows the data (kappa 1).
      times.put("nvrar-cells", inside + log2(nodes) * (alphaNet + 2 * part));
      times.put("nvrar-simple", inside + log2(nodes) * (2 * alphaNet + part));
    }
    return times;
  }

  /** The cheapest algorithm. */
  public String choose(long n, int t, int nodes) {
    return seconds(n, t, nodes).entrySet().stream()
        .min(Comparator.comparingDouble(Map.Entry::getValue))
        .orElseThrow()
        .getKey();
  }

  /**
   * Prints choice and modelled time per size: GPUs by the model, CPU ranks by measured constants.
   */
  public static void print(PrintStream out, int ranks, int nodes) {
    out.printf(
        "all-reduce over %d ranks on %d node(s); modelled microseconds, cheapest first%n",
        ranks, nodes);
    for (long n : SIZES) {
      StringBuilder line = new StringBuilder();
      GPU_SERVER.seconds(n, ranks, nodes).entrySet().stream()
          .sorted(Map.Entry.comparingByValue())
          .limit(4)
          .forEach(e -> line.append(String.format("  %s %.1f", e.getKey(), e.getValue() * 1e6)));
      out.printf("gpu  %6d KiB%s%n", n >> 10, line);
    }
    if (nodes == 1 && ranks > 1) {
      DeviceCost device = DeviceCost.DEFAULT;
      for (long n : SIZES) {
        DeviceCost.Algorithm best = device.choose(n, ranks);
        out.printf(
            "cuda %6d KiB  %s %.1f (modelled)%n",
            n >> 10, best, device.seconds(best, n, ranks) * 1e6);
      }
      SharedMemoryCost cpu = SharedMemoryCost.DEFAULT;
      for (long n : SIZES) {
        AllReduceAlgorithm best = cpu.choose(n, ranks);
        out.printf("shm  %6d KiB  %s %.1f%n", n >> 10, best, cpu.nanos(best, n, ranks) / 1e3);
      }
    }
  }

  private static double log2(int n) {
    return Math.log(n) / Math.log(2);
  }
}
