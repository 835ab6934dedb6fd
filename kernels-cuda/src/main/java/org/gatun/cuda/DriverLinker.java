package org.gatun.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.List;
import org.gatun.bindings.NativeLibrary;

/**
 * The driver's PTX compiler, with its result in hand: {@code cuLinkComplete} gives the machine code
 * that a load would make and keep for itself. Optional entry points: a driver without them compiles
 * whenever a module is loaded.
 */
final class DriverLinker implements CompiledCode.Compiler {
  private static final List<String> SYMBOLS =
      List.of("cuLinkCreate_v2", "cuLinkAddData_v2", "cuLinkComplete", "cuLinkDestroy");
  private static final int PTX = 1;
  private static final int LOG_BYTES = 16384;
  private static final int ERROR_LOG_BUFFER = 5;
  private static final int ERROR_LOG_SIZE = 6;

  private final String what;

  /**
   * A compiler.
   *
   * @param what names the kernels in errors
   */
  DriverLinker(String what) {
    this.what = what;
  }

  /** Whether the driver has a linker. */
  static boolean isPresent() {
    return SYMBOLS.stream().allMatch(s -> NativeLibrary.CUDA.symbol(s).isPresent());
  }

  @Override
  public byte[] compile(byte[] ptx) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment log = arena.allocate(LOG_BYTES);
      MemorySegment options = arena.allocateFrom(JAVA_INT, ERROR_LOG_BUFFER, ERROR_LOG_SIZE);
      MemorySegment values = arena.allocate(ADDRESS, 2);
      values.setAtIndex(ADDRESS, 0, log);
      values.setAtIndex(ADDRESS, 1, MemorySegment.ofAddress(LOG_BYTES));
      MemorySegment p = arena.allocate(ADDRESS);
      check(call("cuLinkCreate_v2", 2, options, values, p), log);
      MemorySegment state = p.get(ADDRESS, 0);
      try {
        MemorySegment text = arena.allocate(ptx.length + 1L);
        MemorySegment.copy(ptx, 0, text, java.lang.foreign.ValueLayout.JAVA_BYTE, 0, ptx.length);
        check(
            call(
                "cuLinkAddData_v2",
                state,
                PTX,
                text,
                text.byteSize(),
                arena.allocateFrom(what),
                0,
                MemorySegment.NULL,
                MemorySegment.NULL),
            log);
        MemorySegment size = arena.allocate(JAVA_LONG);
        check(call("cuLinkComplete", state, p, size), log);
        return p.get(ADDRESS, 0)
            .reinterpret(size.get(JAVA_LONG, 0))
            .toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
      } finally {
        call("cuLinkDestroy", state);
      }
    }
  }

  private void check(int code, MemorySegment log) {
    if (code != 0) {
      String first = log.getString(0).lines().findFirst().orElse("");
      throw Cuda.failure(
          code, "compile kernels " + what + (first.isEmpty() ? "" : " [" + first + "]"));
    }
  }

  /** A call whose signature follows from its arguments; all of them return a code. */
  private static int call(String name, Object... args) {
    java.lang.foreign.MemoryLayout[] types = new java.lang.foreign.MemoryLayout[args.length];
    for (int i = 0; i < args.length; i++) {
      types[i] =
          switch (args[i]) {
            case Integer n -> JAVA_INT;
            case Long n -> JAVA_LONG;
            default -> ADDRESS;
          };
    }
    MethodHandle f =
        Linker.nativeLinker()
            .downcallHandle(
                NativeLibrary.CUDA.symbol(name).orElseThrow(),
                FunctionDescriptor.of(JAVA_INT, types));
    try {
      return (int) f.invokeWithArguments(args);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e); // a C function throws nothing
    }
  }
}
