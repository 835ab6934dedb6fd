package org.gatun.backend.suite;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import jdk.incubator.vector.IntVector;

/** How fast this machine's threads read memory: what bandwidth shares are shares of. */
public final class MemoryRate {
  private static final long SPAN = 256L << 20;
  private static long sink;

  private MemoryRate() {}

  /** The best of ten passes over 256 MiB per thread, in GB/s over all threads. */
  public static double measure(int threads) {
    try (Arena arena = Arena.ofShared()) {
      List<MemorySegment> spans = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        spans.add(arena.allocate(SPAN, 64).fill((byte) 1));
      }
      double best = 0;
      for (int pass = 0; pass < 10; pass++) {
        long start = System.nanoTime();
        List<Thread> all =
            spans.stream().map(s -> Thread.ofPlatform().start(() -> sum(s))).toList();
        for (Thread t : all) {
          t.join();
        }
        best = Math.max(best, threads * (double) SPAN / (System.nanoTime() - start));
      }
      return best;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return 0;
    }
  }

  private static void sum(MemorySegment s) {
    var species = IntVector.SPECIES_PREFERRED;
    int step = species.vectorByteSize();
    IntVector a = IntVector.zero(species);
    IntVector b = a;
    IntVector c = a;
    IntVector d = a;
    for (long at = 0; at < s.byteSize(); at += 4L * step) {
      a = a.add(IntVector.fromMemorySegment(species, s, at, ByteOrder.nativeOrder()));
      b = b.add(IntVector.fromMemorySegment(species, s, at + step, ByteOrder.nativeOrder()));
      c = c.add(IntVector.fromMemorySegment(species, s, at + 2L * step, ByteOrder.nativeOrder()));
      d = d.add(IntVector.fromMemorySegment(species, s, at + 3L * step, ByteOrder.nativeOrder()));
    }
    sink += a.add(b).add(c.add(d)).lane(0);
  }
}
