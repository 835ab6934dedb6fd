package org.gatun.parallel.shm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;

/** Whether a process of this host still runs. */
final class Processes {
  private Processes() {}

  /** False for processes that are gone or zombies. */
  static boolean alive(long pid) {
    Path stat = Path.of("/proc/" + pid + "/stat");
    if (Files.isReadable(Path.of("/proc/self/stat"))) {
      try {
        String text = Files.readString(stat);
        int state = text.lastIndexOf(')') + 2;
        return state < text.length() && "ZX".indexOf(text.charAt(state)) < 0;
      } catch (IOException e) {
        return false;
      }
    }
    return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
  }

  /** Identifies the process-id namespace: pids of another container mean nothing here. */
  static long namespace() {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/ns/pid")).toString().hashCode();
    } catch (IOException | UnsupportedOperationException e) {
      return 0;
    }
  }

  /**
   * The cores that this process may run on; where the system does not list them, or gives less time
   * than they have, as many as it gives.
   */
  static BitSet cores() {
    BitSet cores = new BitSet();
    int processors = Runtime.getRuntime().availableProcessors();
    cores.set(0, processors);
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("Cpus_allowed_list:")) {
          BitSet listed = new BitSet();
          for (String part : line.substring(line.indexOf(':') + 1).strip().split(",")) {
            String[] ends = part.split("-");
            listed.set(Integer.parseInt(ends[0]), Integer.parseInt(ends[ends.length - 1]) + 1);
          }
          return listed.cardinality() <= processors ? listed : cores;
        }
      }
    } catch (IOException | NumberFormatException e) {
      return cores;
    }
    return cores;
  }
}
