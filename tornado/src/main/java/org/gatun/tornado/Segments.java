package org.gatun.tornado;

import java.util.ArrayList;
import java.util.List;

/**
 * A program's launches cut into segments that share compiled code: the layers of a model are one
 * segment, run once per layer with another first launch. TornadoVM compiles every task of a task
 * graph on its own, so what repeats must be one graph.
 *
 * @param kernels the kernels of each distinct segment
 * @param runs what to run, in order
 */
record Segments(List<List<Kernel>> kernels, List<Run> runs) {
  /**
   * One execution.
   *
   * @param segment which segment
   * @param first its first launch
   */
  record Run(int segment, int first) {}

  /** Launches of one task graph: TornadoVM's graphs have a fixed number of nodes. */
  private static final int MOST = 64;

  /** Finds the repetition that covers most launches. */
  static Segments of(List<Kernel> all) {
    int from = 0;
    int period = 0;
    int times = 0;
    for (int p = 1; p <= Math.min(MOST, all.size() / 2); p++) {
      int equal = 0;
      for (int i = 0; i + p < all.size(); i++) {
        equal = all.get(i) == all.get(i + p) ? equal + 1 : 0;
        int n = equal / p + 1;
        if (n > 1 && n * p > times * period) {
          period = p;
          times = n;
          from = i + p + 1 - n * p;
        }
      }
    }
    List<List<Kernel>> kernels = new ArrayList<>();
    List<Run> runs = new ArrayList<>();
    pieces(all, 0, from, kernels, runs);
    if (times > 0) {
      int body = kernels.size();
      kernels.add(List.copyOf(all.subList(from, from + period)));
      for (int t = 0; t < times; t++) {
        runs.add(new Run(body, from + t * period));
      }
    }
    pieces(all, from + times * period, all.size(), kernels, runs);
    return new Segments(List.copyOf(kernels), List.copyOf(runs));
  }

  private static void pieces(
      List<Kernel> all, int from, int to, List<List<Kernel>> kernels, List<Run> runs) {
    for (int i = from; i < to; i += MOST) {
      runs.add(new Run(kernels.size(), i));
      kernels.add(List.copyOf(all.subList(i, Math.min(to, i + MOST))));
    }
  }
}
