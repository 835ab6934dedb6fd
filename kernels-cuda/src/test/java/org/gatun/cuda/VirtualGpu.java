package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import org.gatun.bindings.NativeLibrary;

/** What the virtual GPU exports besides the driver API: reports, and mutants of kernels. */
final class VirtualGpu {
  private VirtualGpu() {}

  /** Whether the loaded {@code libcuda} is the virtual GPU. */
  static boolean present() {
    return NativeLibrary.CUDA.symbol("vgpuReport").isPresent();
  }

  /** Findings, host counters and kernels' counters so far, as JSON. */
  static String report() {
    MethodHandle report =
        handle(
            "vgpuReport",
            FunctionDescriptor.of(
                ValueLayout.JAVA_LONG,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT));
    return text(p -> (long) report.invokeExact(p, p.byteSize(), 0));
  }

  /** Forgets findings and counters. */
  static void reset() {
    MethodHandle h = handle("vgpuReset", FunctionDescriptor.ofVoid());
    call(
        () -> {
          h.invokeExact();
        });
  }

  /** Errors and warnings of the checkers so far. */
  static long findings() {
    MethodHandle h = handle("vgpuFindings", FunctionDescriptor.of(ValueLayout.JAVA_LONG));
    long[] n = {0};
    call(() -> n[0] = (long) h.invokeExact());
    return (n[0] & 0xffffffffL) + (n[0] >>> 32);
  }

  /** The barriers, fences, waits and commits of a loaded kernel, in the order of its PTX. */
  static List<String> syncPoints(String kernel) {
    MethodHandle h =
        handle(
            "vgpuSyncPoints",
            FunctionDescriptor.of(
                ValueLayout.JAVA_LONG,
                ValueLayout.ADDRESS,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_LONG));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(kernel);
      return text(p -> (long) h.invokeExact(name, p, p.byteSize())).lines().toList();
    }
  }

  /** Modules loaded from now on lack one of the kernel's sync points, or have a wait loosened. */
  static void mutate(String kernel, int point, boolean loosen) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = kernel.isEmpty() ? MemorySegment.NULL : arena.allocateFrom(kernel);
      MethodHandle h =
          handle(
              "vgpuMutate",
              FunctionDescriptor.ofVoid(
                  ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
      int how = loosen ? 1 : 0;
      call(
          () -> {
            h.invokeExact(name, point, how);
          });
    }
  }

  /**
   * The {@code nth} call from now (1: the next) that takes something or starts work fails with this
   * code; 0 ends it. Returns how many calls an earlier plan still had to go: 0 if its failure came.
   */
  static int fail(int nth, int code) {
    MethodHandle h =
        handle(
            "vgpuFail",
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT));
    int[] left = {0};
    call(() -> left[0] = (int) h.invokeExact(MemorySegment.NULL, nth, code));
    return left[0];
  }

  /** Counters of the newest launch of this kernel, as JSON; empty if there was none. */
  static String counters(String kernel) {
    MethodHandle h =
        handle(
            "vgpuCounters",
            FunctionDescriptor.of(
                ValueLayout.JAVA_LONG,
                ValueLayout.ADDRESS,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_LONG));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(kernel);
      return text(p -> (long) h.invokeExact(name, p, p.byteSize()));
    }
  }

  private static MethodHandle handle(String name, FunctionDescriptor type) {
    return Linker.nativeLinker()
        .downcallHandle(NativeLibrary.CUDA.symbol(name).orElseThrow(), type);
  }

  private static String text(Filler filler) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment p = arena.allocate(4 << 20);
      long[] n = {0};
      call(() -> n[0] = filler.fill(p));
      assertThat(n[0]).isLessThan(p.byteSize());
      return p.getString(0);
    }
  }

  private static void call(Call c) {
    try {
      c.run();
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private interface Filler {
    long fill(MemorySegment p) throws Throwable;
  }

  private interface Call {
    void run() throws Throwable;
  }
}
