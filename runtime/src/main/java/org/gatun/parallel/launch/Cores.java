package org.gatun.parallel.launch;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Which cores this process may use, and a rank's share of them. */
final class Cores {
  private Cores() {}

  /** The affinity mask of this process as core numbers; empty where the system does not say. */
  static List<Integer> allowed() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("Cpus_allowed_list:")) {
          return parse(line.substring(line.indexOf(':') + 1).strip());
        }
      }
    } catch (IOException | NumberFormatException e) {
      return List.of();
    }
    return List.of();
  }

  static List<Integer> parse(String list) {
    List<Integer> cores = new ArrayList<>();
    for (String part : list.split(",")) {
      String[] ends = part.split("-");
      for (int c = Integer.parseInt(ends[0]); c <= Integer.parseInt(ends[ends.length - 1]); c++) {
        cores.add(c);
      }
    }
    return cores;
  }

  /** Neighbouring cores for one rank; empty (no pinning) if there are fewer cores than ranks. */
  static List<Integer> share(List<Integer> cores, int rank, int ranks) {
    if (cores.size() < ranks) {
      return List.of();
    }
    int from = (int) ((long) cores.size() * rank / ranks);
    int to = (int) ((long) cores.size() * (rank + 1) / ranks);
    return cores.subList(from, to);
  }

  static String text(List<Integer> cores) {
    return cores.stream().map(String::valueOf).collect(Collectors.joining(","));
  }
}
