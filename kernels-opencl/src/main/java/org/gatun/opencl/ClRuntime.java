package org.gatun.opencl;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import org.gatun.bindings.NativeLibrary;

/** Loads the OpenCL loader once, with drivers kept from taking signals that HotSpot needs. */
final class ClRuntime {
  private ClRuntime() {}

  /** Loads libOpenCL; every entry into OpenCL goes through here first. */
  static NativeLibrary.Status load() {
    return Holder.STATUS;
  }

  private static final class Holder {
    static final NativeLibrary.Status STATUS = init();

    private static NativeLibrary.Status init() {
      // PoCL would install handlers for SIGFPE and SIGUSR2, which HotSpot uses. It reads the C
      // environment when a platform is first listed; what the user has set stays.
      setenv("POCL_SIGFPE_HANDLER");
      setenv("POCL_SIGUSR2_HANDLER");
      return NativeLibrary.OPENCL.load();
    }

    private static void setenv(String name) {
      Linker linker = Linker.nativeLinker();
      linker
          .defaultLookup()
          .find("setenv")
          .ifPresent(
              f -> {
                try (Arena arena = Arena.ofConfined()) {
                  FunctionDescriptor type =
                      FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT);
                  MemorySegment key = arena.allocateFrom(name);
                  int failed =
                      (int)
                          linker
                              .downcallHandle(f, type)
                              .invokeExact(key, arena.allocateFrom("0"), 0);
                  assert failed == 0 : name;
                } catch (Throwable e) {
                  throw new IllegalStateException("setenv", e);
                }
              });
    }
  }
}
