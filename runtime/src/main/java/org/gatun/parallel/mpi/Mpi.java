package org.gatun.parallel.mpi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.gatun.bindings.mpi.mpi_h;
import org.gatun.parallel.CommunicatorException;

/** MPI's error codes as exceptions. */
final class Mpi {
  private Mpi() {}

  static void check(String call, int code) {
    if (code == 0) {
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocate(mpi_h.MPI_MAX_ERROR_STRING() + 1L);
      MemorySegment length = arena.allocate(ValueLayout.JAVA_INT);
      String reason =
          mpi_h.MPI_Error_string(code, text, length) == 0 ? text.getString(0) : "code " + code;
      throw new CommunicatorException(-1, call + ": " + reason);
    }
  }
}
