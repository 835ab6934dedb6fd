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

  private final Arena arena = Arena.ofConfined();
  private final MemorySegment kept = arena.allocate(ACTION_BYTES * SIGNALS.length, 16);

  /** Handlers from now on are the present ones again after {@link #close}. */
  SignalGuard() {
    for (int i = 0; i < SIGNALS.length; i++) {
      sigaction(SIGNALS[i], MemorySegment.NULL, action(i));
    }
  }

  private MemorySegment action(int i) {
    return kept.asSlice(ACTION_BYTES * i, ACTION_BYTES);
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
    MemorySegment now = arena.allocate(ACTION_BYTES, 16);
    for (int i = 0; i < SIGNALS.length; i++) {
      sigaction(SIGNALS[i], MemorySegment.NULL, now);
      if (now.get(JAVA_LONG, 0) != action(i).get(JAVA_LONG, 0)) {
        sigaction(SIGNALS[i], action(i), MemorySegment.NULL);
      }
    }
    arena.close();
  }
}
