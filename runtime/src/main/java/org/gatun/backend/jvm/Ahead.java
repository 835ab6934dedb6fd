package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ADDRESS;
import static org.gatun.backend.jvm.Lanes.ALL;
import static org.gatun.backend.jvm.Lanes.INDEX;

/**
 * Asks for weights before a kernel decodes them. A decoding loop holds so many instructions per
 * cache line that a core's window covers only a few lines, and hardware prefetchers were measured
 * to lose track of it: cold weights then cost a memory latency every few lines, less than half the
 * speed of the same kernel in cache. Reading a word of every line, by one instruction in a loop of
 * its own, keeps many lines on their way and is a pattern that prefetchers follow.
 */
final class Ahead {
  /** How far ahead, in bytes: 1 and 2 KiB were measured alike, 4 KiB and more were worse. */
  private static final int DISTANCE = 1024;

  /** Bytes behind the last weight that may be read. */
  static final int SLACK = 4096;

  /** Bytes of a cache line. */
  private static final int LINE = 64;

  /**
   * The same, but not a constant, for a loop of constant stride would be unrolled: many
   * instructions that each take a few lines train no prefetcher.
   */
  @SuppressWarnings("FieldMayBeFinal")
  private static int line = LINE;

  private Ahead() {}

  /**
   * A plain read at {@code at}. A mapped file that became shorter faults here: HotSpot makes an
   * error of a fault in a plain read, but a fault in a vector's read ends the JVM.
   */
  static void probe(long at, long sink) {
    ALL.set(Lanes.I64, sink & ADDRESS, ALL.get(Lanes.I64, at & ADDRESS));
  }

  /**
   * Reads a word of every line of {@code bytes} bytes in one burst, for a kernel that then reads
   * them several times over: attention's pages. Store the result somewhere, or the compiler drops
   * the loop.
   */
  static long burst(long at, int bytes) {
    long words = 0;
    for (long a = at, end = at + bytes; a < end; a += LINE) {
      words ^= ALL.get(Lanes.I64, a);
    }
    return words;
  }

  /**
   * Reads a word of every line of {@code bytes} bytes, some way behind {@code at}.
   *
   * @param bytes at most what the kernel reads at {@code at} itself
   * @param sink 8 bytes of scratch, so that the reads are not dead code
   */
  static void touch(long at, int bytes, long sink) {
    long base = at + DISTANCE & ADDRESS;
    int step = line;
    long words = 0;
    for (int i = 0; i < bytes; i += step) {
      words |= ALL.get(Lanes.I64, base + (i & INDEX));
    }
    ALL.set(Lanes.I64, sink & ADDRESS, words);
  }
}
