package org.gatun.parallel.shm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.GroupSpec;
import org.jspecify.annotations.Nullable;

/**
 * The memory that all ranks of a group see.
 *
 * <pre>
 *   0        header (4 KiB): magic, world size, slot size, data-ready, failure record
 *   4096     one control record of 2 KiB per rank
 *              0    arrival line:  flag u32 | waiters u32 | call descriptors u64[2]
 *              128  heartbeat u64
 *              256  state u32 | pid u64 | pid namespace u64 | identity length u32 | identity bytes
 *              1024 cores the rank may run on, a bit each
 *   data     per rank two slots of slotBytes, used in turn by successive pieces
 * </pre>
 *
 * <p>Words that ranks poll have cache lines of their own (two, for the adjacent-line prefetcher).
 */
final class Region {
  static final long MAGIC = 0x31304e5554414721L;
  static final int ABSENT = 0;
  static final int JOINED = 1;
  static final int MAPPED = 2;
  static final int LEFT = 3;

  private static final long WORLD = 8;
  private static final long READY = 12;
  private static final long SLOT_BYTES = 16;
  private static final long FAILED = 128;
  private static final long FAILED_RANK = 132;
  private static final long FAILED_LENGTH = 136;
  private static final long FAILED_TEXT = 256;
  private static final int FAILED_TEXT_BYTES = 2048;

  private static final long HEADER_BYTES = 4096;
  private static final long RECORD_BYTES = 2048;
  private static final long FLAG = 0;
  private static final long WAITERS = 4;
  private static final long CALLS = 8;
  private static final long HEARTBEAT = 128;
  private static final long STATE = 256;
  private static final long PID = 264;
  private static final long NAMESPACE = 272;
  private static final long IDENTITY_LENGTH = 280;
  private static final long IDENTITY = 288;
  private static final long CORES = 1024;
  private static final int CORE_WORDS = 16;

  private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();
  private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

  private final MemorySegment memory;
  private final int world;
  private final long slotBytes;

  Region(MemorySegment memory, int world, long slotBytes) {
    this.memory = memory;
    this.world = world;
    this.slotBytes = slotBytes;
  }

  static long controlBytes(int world) {
    return HEADER_BYTES + world * RECORD_BYTES;
  }

  static long bytes(int world, long slotBytes) {
    return controlBytes(world) + 2 * world * slotBytes;
  }

  MemorySegment memory() {
    return memory;
  }

  int world() {
    return world;
  }

  long slotBytes() {
    return slotBytes;
  }

  /** Offset of a rank's slot; {@code turn} is 0 or 1. */
  long slot(int rank, int turn) {
    return controlBytes(world) + (2L * rank + turn) * slotBytes;
  }

  /** Publishes an empty region; the magic comes last. */
  void format() {
    memory.set(ValueLayout.JAVA_INT, WORLD, world);
    memory.set(ValueLayout.JAVA_LONG, SLOT_BYTES, slotBytes);
    LONG.setVolatile(memory, 0L, MAGIC);
  }

  static int worldOf(MemorySegment header) {
    return header.get(ValueLayout.JAVA_INT_UNALIGNED, WORLD);
  }

  static long slotBytesOf(MemorySegment header) {
    return header.get(ValueLayout.JAVA_LONG_UNALIGNED, SLOT_BYTES);
  }

  static long creatorOf(MemorySegment control) {
    return control.get(ValueLayout.JAVA_LONG_UNALIGNED, HEADER_BYTES + PID);
  }

  boolean dataReady() {
    return (int) INT.getVolatile(memory, READY) == 1;
  }

  void setDataReady() {
    INT.setVolatile(memory, READY, 1);
  }

  // Arrival.

  int flag(int rank) {
    return (int) INT.getAcquire(memory, record(rank) + FLAG);
  }

  long flagAddress(int rank) {
    return memory.address() + record(rank) + FLAG;
  }

  long call(int rank, int sequence) {
    return memory.get(ValueLayout.JAVA_LONG, record(rank) + CALLS + 8 * (sequence & 1));
  }

  /**
   * Announces arrival number {@code sequence} and what was called. Full ordering against the
   * waiters' count: either the waiter sees the flag or the wake-up is sent.
   */
  void arrive(int rank, int sequence, long call) {
    memory.set(ValueLayout.JAVA_LONG, record(rank) + CALLS + 8 * (sequence & 1), call);
    INT.setVolatile(memory, record(rank) + FLAG, sequence);
    if ((int) INT.getVolatile(memory, record(rank) + WAITERS) != 0) {
      Futex.wake(flagAddress(rank));
    }
  }

  void addWaiter(int rank, int delta) {
    int unused = (int) INT.getAndAdd(memory, record(rank) + WAITERS, delta);
  }

  // Membership.

  /** Enters a rank; false if that rank is there already. */
  boolean join(int rank, long pid, long namespace, String identity) {
    if (!INT.compareAndSet(memory, record(rank) + STATE, ABSENT, -1)) {
      return false;
    }
    byte[] text = utf8(identity, GroupSpec.MAX_IDENTITY_BYTES);
    long at = record(rank);
    memory.set(ValueLayout.JAVA_LONG, at + PID, pid);
    memory.set(ValueLayout.JAVA_LONG, at + NAMESPACE, namespace);
    memory.set(ValueLayout.JAVA_INT, at + IDENTITY_LENGTH, text.length);
    MemorySegment.copy(text, 0, memory, ValueLayout.JAVA_BYTE, at + IDENTITY, text.length);
    setState(rank, JOINED);
    return true;
  }

  int state(int rank) {
    return (int) INT.getVolatile(memory, record(rank) + STATE);
  }

  void setState(int rank, int state) {
    INT.setVolatile(memory, record(rank) + STATE, state);
  }

  boolean allReached(int state) {
    for (int r = 0; r < world; r++) {
      if (state(r) < state) {
        return false;
      }
    }
    return true;
  }

  long pid(int rank) {
    return memory.get(ValueLayout.JAVA_LONG, record(rank) + PID);
  }

  long namespace(int rank) {
    return memory.get(ValueLayout.JAVA_LONG, record(rank) + NAMESPACE);
  }

  /** Publishes the cores that a rank may run on, before it joins. */
  void setCores(int rank, BitSet cores) {
    long[] words = cores.toLongArray();
    for (int i = 0; i < Math.min(words.length, CORE_WORDS); i++) {
      memory.set(ValueLayout.JAVA_LONG, record(rank) + CORES + 8L * i, words[i]);
    }
  }

  /** Cores that all ranks together may run on. */
  int coresOfGroup() {
    int cores = 0;
    for (int i = 0; i < CORE_WORDS; i++) {
      long union = 0;
      for (int r = 0; r < world; r++) {
        union |= memory.get(ValueLayout.JAVA_LONG, record(r) + CORES + 8L * i);
      }
      cores += Long.bitCount(union);
    }
    return cores;
  }

  String identity(int rank) {
    return text(
        record(rank) + IDENTITY_LENGTH, record(rank) + IDENTITY, GroupSpec.MAX_IDENTITY_BYTES);
  }

  long heartbeat(int rank) {
    return (long) LONG.getVolatile(memory, record(rank) + HEARTBEAT);
  }

  void beat(int rank) {
    long unused = (long) LONG.getAndAdd(memory, record(rank) + HEARTBEAT, 1L);
  }

  // Failure: the first to claim the record writes it; everybody else reads the same cause.

  void fail(int culprit, String cause) {
    if (INT.compareAndSet(memory, FAILED, 0, 1)) {
      byte[] text = utf8(cause, FAILED_TEXT_BYTES);
      memory.set(ValueLayout.JAVA_INT, FAILED_RANK, culprit);
      memory.set(ValueLayout.JAVA_INT, FAILED_LENGTH, text.length);
      MemorySegment.copy(text, 0, memory, ValueLayout.JAVA_BYTE, FAILED_TEXT, text.length);
      INT.setVolatile(memory, FAILED, 2);
    }
    for (int r = 0; r < world; r++) {
      Futex.wake(flagAddress(r));
    }
  }

  boolean hasFailed() {
    return (int) INT.getAcquire(memory, FAILED) != 0;
  }

  /** The recorded failure; null if there is none. */
  @Nullable CommunicatorException failure() {
    if (!hasFailed()) {
      return null;
    }
    for (int i = 0; i < 100 && (int) INT.getVolatile(memory, FAILED) == 1; i++) {
      pause(1);
    }
    if ((int) INT.getVolatile(memory, FAILED) == 1) {
      return new CommunicatorException(-1, "the group failed; the rank that noticed died too");
    }
    return new CommunicatorException(
        memory.get(ValueLayout.JAVA_INT, FAILED_RANK),
        text(FAILED_LENGTH, FAILED_TEXT, FAILED_TEXT_BYTES));
  }

  /** Sleeps; an interrupt is kept for the caller. */
  static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private String text(long lengthAt, long at, int limit) {
    int length = Math.clamp(memory.get(ValueLayout.JAVA_INT, lengthAt), 0, limit);
    byte[] bytes = memory.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private static byte[] utf8(String s, int limit) {
    byte[] bytes = s.getBytes(StandardCharsets.UTF_8);
    return bytes.length <= limit ? bytes : Arrays.copyOf(bytes, limit);
  }

  private static long record(int rank) {
    return HEADER_BYTES + rank * RECORD_BYTES;
  }
}
