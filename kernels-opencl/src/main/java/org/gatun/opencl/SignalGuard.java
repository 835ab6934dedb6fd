package org.gatun.opencl;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the handlers of signals over calls that start a driver's compiler: LLVM, which most drivers
 * carry, takes nearly all of them when it first makes a temporary file, SIGSEGV and SIGFPE among
 * them, and keeps them for the rest of the process. It takes them once, so that giving them back
 * once is enough. Linux only; elsewhere nothing is done.
 */
final class SignalGuard implements AutoCloseable {
  /** SIGHUP … SIGSEGV, SIGUSR2, SIGPIPE, SIGTERM: what HotSpot or LLVM take. */
  private static final int[] SIGNALS = {1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15};

  /** More than a struct sigaction has; it begins with the handler's address. */
  private static final long ACTION_BYTES = 256;

  private static final @Nullable MethodHandle SIGACTION = find();

  /** A struct sigaction per signal: as the first of the open guards found them. */
  private static final MemorySegment KEPT =
      Arena.global().allocate(ACTION_BYTES * SIGNALS.length, 16);

  private static final MemorySegment NOW = Arena.global().allocate(ACTION_BYTES, 16);

  /** Guards that are open; who opens one inside or beside another may see a compiler's handlers. */
  private static int open;

  /** Handlers from now on are the present ones again after {@link #close} of all open guards. */
  SignalGuard() {
    synchronized (SignalGuard.class) {
      if (open++ == 0) {
        for (int i = 0; i < SIGNALS.length; i++) {
          sigaction(SIGNALS[i], MemorySegment.NULL, kept(i));
        }
      }
    }
  }

  private static MemorySegment kept(int i) {
    return KEPT.asSlice(ACTION_BYTES * i, ACTION_BYTES);
  }

  private static @Nullable MethodHandle find() {
    if (!System.getProperty("os.name", "").startsWith("Linux")) {
      return null;
    }
    Linker linker = Linker.nativeLinker();
    return linker
        .defaultLookup()
        .find("sigaction")
        .map(
            f ->
                linker.downcallHandle(
                    f, FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS)))
        .orElse(null);
  }

  private static void sigaction(int signal, MemorySegment set, MemorySegment old) {
    MethodHandle call = SIGACTION;
    if (call == null) {
      return;
    }
    try {
      int failed = (int) call.invokeExact(signal, set, old);
      assert failed == 0 : signal;
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("sigaction", e);
    }
  }

  @Override
  public void close() {
    synchronized (SignalGuard.class) {
      if (--open > 0) {
        return;
      }
      for (int i = 0; i < SIGNALS.length; i++) {
        sigaction(SIGNALS[i], MemorySegment.NULL, NOW);
        if (NOW.get(JAVA_LONG, 0) != kept(i).get(JAVA_LONG, 0)) {
          sigaction(SIGNALS[i], kept(i), MemorySegment.NULL);
        }
      }
    }
  }
}
