package org.gatun.parallel.shm;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Sleeping on a 32-bit word that another thread or process changes. On Linux the kernel's futex;
 * elsewhere short naps.
 */
final class Futex {
  private static final int WAIT = 0;
  private static final int WAKE = 1;
  private static final long NAP_NANOS = 50_000;

  /** System call number of futex, or -1 where it is not known. */
  private static final long NUMBER = number();

  private static final @Nullable MethodHandle WAIT_CALL = bind(false);
  private static final @Nullable MethodHandle WAKE_CALL = bind(true);

  private final MemorySegment timeout = Arena.ofAuto().allocate(16, 8);

  /** Waits end after {@code millis} at the latest. */
  Futex(long millis) {
    timeout.set(ValueLayout.JAVA_LONG, 0, millis / 1000);
    timeout.set(ValueLayout.JAVA_LONG, 8, millis % 1000 * 1_000_000);
  }

  /** Sleeps while the word at {@code address} is {@code expected}; may return early. */
  void await(long address, int expected) {
    MethodHandle call = WAIT_CALL;
    if (call == null) {
      LockSupport.parkNanos(NAP_NANOS);
      return;
    }
    try {
      long unused =
          (long) call.invokeExact(NUMBER, address, WAIT, expected, timeout.address(), 0L, 0);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** Wakes all that sleep on the word at {@code address}. */
  static void wake(long address) {
    MethodHandle call = WAKE_CALL;
    if (call == null) {
      return;
    }
    try {
      long unused = (long) call.invokeExact(NUMBER, address, WAKE, Integer.MAX_VALUE, 0L, 0L, 0);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private static long number() {
    if (!System.getProperty("os.name").equals("Linux")) {
      return -1;
    }
    return switch (System.getProperty("os.arch")) {
      case "amd64" -> 202;
      case "aarch64", "riscv64" -> 98;
      default -> -1;
    };
  }

  /** A wake never blocks, so it may run as a critical call; a wait must let the collector work. */
  private static @Nullable MethodHandle bind(boolean critical) {
    if (NUMBER < 0) {
      return null;
    }
    Linker linker = Linker.nativeLinker();
    FunctionDescriptor type =
        FunctionDescriptor.of(
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_INT);
    Linker.Option variadic = Linker.Option.firstVariadicArg(1);
    return linker
        .defaultLookup()
        .find("syscall")
        .map(
            syscall ->
                critical
                    ? linker.downcallHandle(syscall, type, variadic, Linker.Option.critical(false))
                    : linker.downcallHandle(syscall, type, variadic))
        .orElse(null);
  }
}
