package org.gatun.backend;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * Memory that is read in short pieces from all over: asks Linux for 2 MiB pages, so that a piece
 * costs no walk of the page tables. Elsewhere, and where the system declines, it is plain memory.
 */
public final class LargePages {
  private static final long SIZE = 2 << 20;
  private static final int MADV_HUGEPAGE = 14;
  private static final int MADV_COLLAPSE = 25;
  private static final Optional<MethodHandle> MADVISE =
      Linker.nativeLinker()
          .defaultLookup()
          .find("madvise")
          .filter(f -> System.getProperty("os.name", "").equals("Linux"))
          .map(
              f ->
                  Linker.nativeLinker()
                      .downcallHandle(
                          f,
                          FunctionDescriptor.of(
                              ValueLayout.JAVA_INT,
                              ValueLayout.ADDRESS,
                              ValueLayout.JAVA_LONG,
                              ValueLayout.JAVA_INT)));

  private LargePages() {}

  /** Zeroed memory of the arena; small blocks as ever, large ones on large pages. */
  public static MemorySegment allocate(Arena arena, long bytes) {
    if (bytes < 2 * SIZE || MADVISE.isEmpty()) {
      return arena.allocate(bytes, 64);
    }
    MemorySegment all = arena.allocate(bytes, SIZE);
    // Arenas write zeros, so small pages are there already: they are put together (Linux 6.1 on).
    advise(all, MADV_HUGEPAGE);
    advise(all, MADV_COLLAPSE);
    return all;
  }

  /** A hint: what the system answers changes nothing. */
  private static void advise(MemorySegment all, int advice) {
    try {
      int ignored =
          (int) MADVISE.orElseThrow().invokeExact(all, all.byteSize() / SIZE * SIZE, advice);
    } catch (Throwable e) {
      throw new IllegalStateException("madvise", e);
    }
  }
}
