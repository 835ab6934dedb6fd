package org.gatun.parallel.shm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

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
}
