package org.gatun.parallel;

import java.io.PrintStream;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Modelled time of an all-reduce over devices of several hosts: what {@link DeviceCost} says inside
 * a host, latency per message and time per byte between hosts. A model for choosing and for
 * planning hardware that is not here, never a measurement.
 *
 * @param inside links between devices of one host
 * @param alphaNet seconds per message between hosts
 * @param betaNet seconds per byte and device between hosts
 */
public record CollectiveCost(DeviceCost inside, double alphaNet, double betaNet) {
  /** {@link DeviceCost#NVLINK} inside a host, 25 GB/s per device between hosts (5 µs). */
  public static final CollectiveCost GPU_SERVER =
      new CollectiveCost(DeviceCost.NVLINK, 5e-6, 4e-11);

  private static final List<Long> SIZES =
      List.of(8L << 10, 32L << 10, 128L << 10, 512L << 10, 2L << 20, 8L << 20, 64L << 20);

  /** Seconds by algorithm for {@code n} bytes over {@code t} ranks on {@code nodes} equal nodes. */
  public Map<String, Double> seconds(long n, int t, int nodes) {
    Map<String, Double> times = new TreeMap<>();
    int g = t / nodes;
    double share = (t - 1.0) / t;
    double a = nodes > 1 ? alphaNet : inside.alpha();
    double b = nodes > 1 ? betaNet : inside.beta();
    times.put("ring", 2 * (t - 1) * a + 2 * share * n * b);
    times.put("tree", 2 * log2(t) * a + 2 * n * b);
    if (Integer.bitCount(t) == 1) {
      times.put("recursive-doubling", log2(t) * (a + n * b));
      times.put("halving-doubling", 2 * log2(t) * a + 2 * share * n * b);
    }
    if (nodes == 1) {
      for (DeviceCost.Algorithm kernel : DeviceCost.Algorithm.values()) {
        times.put(kernel.kernel().replace('_', '-'), inside.seconds(kernel, n, t));
      }
      return times;
    }
    double host = 2 * (inside.barrier() + (g - 1.0) / g * n * inside.beta());
    double part = (double) n / g * betaNet;
    times.put(
        "hierarchical-ring", host + 2 * (nodes - 1) * alphaNet + 2 * (nodes - 1.0) / nodes * part);
    if (Integer.bitCount(nodes) == 1) {
      // Data and flag share an 8-byte cell (kappa 2), or the flag follows the data (kappa 1).
      times.put("nvrar-cells", host + log2(nodes) * (alphaNet + 2 * part));
      times.put("nvrar-simple", host + log2(nodes) * (2 * alphaNet + part));
    }
    return times;
  }

  /** The constants, in words. */
  private String assumed(int nodes) {
    String own =
        "assumed links of %.1f us and %.0f GB/s"
            .formatted(inside.alpha() * 1e6, 1e-9 / inside.beta());
    return nodes == 1
        ? own
        : own + ", between nodes %.1f us and %.0f GB/s".formatted(alphaNet * 1e6, 1e-9 / betaNet);
  }

  /** The cheapest algorithm. */
  public String choose(long n, int t, int nodes) {
    return seconds(n, t, nodes).entrySet().stream()
        .min(Comparator.comparingDouble(Map.Entry::getValue))
        .orElseThrow()
        .getKey();
  }

  /**
   * Prints choice and modelled time per size: devices by the model, CPU ranks by measured
   * constants.
   */
  public static void print(PrintStream out, int ranks, int nodes) {
    out.printf(
        "all-reduce over %d ranks on %d node(s); modelled microseconds, cheapest first%n",
        ranks, nodes);
    out.printf("gpu: %s, not measured%n", GPU_SERVER.assumed(nodes));
    if (nodes == 1 && ranks > 1) {
      out.println("shm: from latencies and bandwidths measured on one machine");
    }
    for (long n : SIZES) {
      StringBuilder line = new StringBuilder();
      GPU_SERVER.seconds(n, ranks, nodes).entrySet().stream()
          .sorted(Map.Entry.comparingByValue())
          .limit(4)
          .forEach(e -> line.append(String.format("  %s %.1f", e.getKey(), e.getValue() * 1e6)));
      String choice =
          nodes == 1 && ranks > 1
              ? ";  gatun takes " + GPU_SERVER.inside().choose(n, ranks).kernel().replace('_', '-')
              : "";
      out.printf("gpu  %6d KiB%s%s%n", n >> 10, line, choice);
    }
    if (nodes == 1 && ranks > 1) {
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
