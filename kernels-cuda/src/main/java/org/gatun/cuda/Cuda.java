package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.gatun.backend.BackendException;

/** The driver's error codes as one line with cause and remedy. */
final class Cuda {
  private Cuda() {}

  /** Throws if a call failed. {@code what} says what was attempted. */
  static void check(int code, String what) {
    if (code != 0) {
      throw failure(code, what);
    }
  }

  /** The exception for a code. */
  static BackendException failure(int code, String what) {
    return new BackendException("CUDA could not " + what + ": " + name(code) + "; " + remedy(code));
  }

  /** The driver's version: 13000 is 13.0. */
  static int driverVersion() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment n = arena.allocate(ValueLayout.JAVA_INT);
      check(cuDriverGetVersion(n), "read the driver's version");
      return n.get(ValueLayout.JAVA_INT, 0);
    }
  }

  /** The driver's name of a code, with its number. */
  static String name(int code) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocate(ValueLayout.ADDRESS);
      if (cuGetErrorName(code, text) != 0) {
        return "error " + code;
      }
      String name = text.get(ValueLayout.ADDRESS, 0).reinterpret(Long.MAX_VALUE).getString(0);
      return name + " (" + code + ")";
    }
  }

  private static String remedy(int code) {
    return switch (code) {
      case 1, 201, 400, 500 -> "this is a defect of Gatun: please report it with this line";
      case 2 -> "free device memory, use a smaller --ctx-size, or a smaller model";
      case 3, 100 -> "no usable NVIDIA device: check nvidia-smi, or use --backend jvm";
      case 46, 802 ->
          "another process holds the device, or it is not ready: wait, or choose another with --device";
      case 34 ->
          "the CUDA stub library was found instead of the driver's: install the NVIDIA driver";
      case 209, 222, 218 ->
          "the device or its driver does not take these kernels: update the NVIDIA driver";
      case 35, 803, 804 ->
          "the driver is too old or does not match the kernel module: update it and restart";
      case 214, 215 ->
          "the device reports a memory fault: check nvidia-smi -q, restart the machine";
      case 700, 716, 717, 718, 719, 715, 710 ->
          "a kernel failed and the device context is lost: restart, and report this line";
      case 702 -> "a kernel ran past the display watchdog: use a device without a display";
      case 701, 720 ->
          "the launch wants more than the device has: report this line with the device's name";
      case 801 ->
          "the device or its driver lacks this feature: update the driver, or use --backend jvm";
      case 900, 901, 902, 903, 904, 905, 906 ->
          "start with -Dgatun.cuda.graphs=false and report this line";
      case 999 -> "the driver is in an unknown state: restart the machine";
      default -> "see the CUDA driver's documentation of this error";
    };
  }
}
