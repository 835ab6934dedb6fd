package org.gatun.cuda;

import java.lang.foreign.MemorySegment;
import org.gatun.bindings.nccl.nccl_h;
import org.gatun.parallel.CommunicatorException;

/** NCCL's result codes as one line with cause and remedy. */
final class Nccl {
  private Nccl() {}

  /** Throws, naming this rank, if a call failed. */
  static void check(int code, int rank, String what) {
    if (code != nccl_h.ncclSuccess()) {
      throw failure(code, rank, what);
    }
  }

  /** The exception for a code. */
  static CommunicatorException failure(int code, int rank, String what) {
    MemorySegment text = nccl_h.ncclGetErrorString(code);
    String name =
        text.address() == 0 ? "code " + code : text.reinterpret(Long.MAX_VALUE).getString(0);
    return new CommunicatorException(
        rank, "NCCL could not " + what + ": " + name + " (" + code + "); " + remedy(code));
  }

  private static String remedy(int code) {
    return switch (code) {
      case 1 -> "check nvidia-smi";
      case 2 -> "check the network and shared memory limits, NCCL_DEBUG=INFO says more";
      case 6, 7 -> "another rank ended or hangs; look at its log";
      default -> "start with NCCL_DEBUG=INFO and report what it prints";
    };
  }
}
