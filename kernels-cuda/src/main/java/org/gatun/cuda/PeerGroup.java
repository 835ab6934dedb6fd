package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;
import org.jspecify.annotations.Nullable;

/**
 * One rank's end of a group whose devices read and write each other's memory: ranks are threads of
 * this process, each with its own device. Every rank has a mailbox on its device that the others
 * push into ({@code collectives.cuh} has the layout); a page of pinned host memory ends all waits
 * when a rank fails. Built over a host communicator, which is used for nothing else.
 */
final class PeerGroup implements AutoCloseable {
  static final int MAX_RANKS = 8;
  static final int BLOCKS = 32;
  static final int PIECE = 1024;

  private static final int HEADER_BYTES = 4096;
  private static final int RECORD_WORDS = 16;
  private static final int LEFT_WORD = 15;
  private static final long PAGE_BYTES = 4L * RECORD_WORDS * (1 + MAX_RANKS);
  private static final int PORTABLE_AND_MAPPED = 3;
  private static final int ALREADY_ENABLED = 704;
  private static final long LEAVE_MILLIS = 1000;
  private static final long MAX_WAIT_MILLIS = 10_000;

  private static final VarHandle WORD = ValueLayout.JAVA_INT.varHandle();

  /** Ranks that still use a group's page, by its address. */
  private static final Map<Long, AtomicInteger> PAGE_USERS = new ConcurrentHashMap<>();

  private final CudaDevice device;
  private final Communicator host;
  private final long[] boxes;
  private final MemorySegment page;
  private boolean closed;

  private PeerGroup(CudaDevice device, Communicator host, long[] boxes, MemorySegment page) {
    this.device = device;
    this.host = host;
    this.boxes = boxes;
    this.page = page;
  }

  /** Bytes of one rank's mailbox. */
  static long boxBytes(int world) {
    long slots = 2L * world * BLOCKS * PIECE * 16;
    return HEADER_BYTES + 2 * slots + 2 * slots;
  }

  /**
   * Joins if all ranks are in this process on devices that reach each other; null if they are not,
   * on every rank alike.
   *
   * @throws CommunicatorException if a rank fails meanwhile
   */
  static @Nullable PeerGroup join(CudaDevice device, Communicator host) {
    int world = host.worldSize();
    long[][] where =
        gather(host, ProcessHandle.current().pid(), device.ordinal(), device.context().address());
    if (world > MAX_RANKS || !reachable(where)) {
      return null;
    }
    try (Arena arena = Arena.ofConfined()) {
      for (int r = 0; r < world; r++) {
        if (r != host.rank()) {
          int code = cuCtxEnablePeerAccess(MemorySegment.ofAddress(where[r][2]), 0);
          if (code != ALREADY_ENABLED) {
            Cuda.check(code, "reach the memory of device " + where[r][1]);
          }
        }
      }
      // The stream-ordered pool's memory is closed to peers, so this is an allocation of its own.
      MemorySegment p = arena.allocate(ValueLayout.JAVA_LONG);
      Cuda.check(cuMemAlloc_v2(p, boxBytes(world)), "allocate a mailbox for the other ranks");
      long box = p.get(ValueLayout.JAVA_LONG, 0);
      Cuda.check(cuMemsetD8_v2(box, (byte) 0, boxBytes(world)), "clear a mailbox");
      Cuda.check(cuCtxSynchronize(), "clear a mailbox");
      long pageAt = 0;
      if (host.rank() == 0) {
        MemorySegment a = arena.allocate(ValueLayout.ADDRESS);
        Cuda.check(cuMemHostAlloc(a, PAGE_BYTES, PORTABLE_AND_MAPPED), "allocate pinned memory");
        pageAt = a.get(ValueLayout.ADDRESS, 0).address();
        MemorySegment.ofAddress(pageAt).reinterpret(PAGE_BYTES).fill((byte) 0);
        PAGE_USERS.put(pageAt, new AtomicInteger(world));
      }
      // Nobody pushes before all mailboxes are clear: this exchange is the barrier.
      long[][] memory = gather(host, box, pageAt);
      long[] boxes = new long[MAX_RANKS];
      for (int r = 0; r < world; r++) {
        boxes[r] = memory[r][0];
      }
      MemorySegment page = MemorySegment.ofAddress(memory[0][1]).reinterpret(PAGE_BYTES);
      return new PeerGroup(device, host, boxes, page);
    }
  }

  /** The kernels' {@code Group}. */
  Args into(Args args) {
    long[] pointers = new long[MAX_RANKS + 1];
    System.arraycopy(boxes, 0, pointers, 0, MAX_RANKS);
    pointers[MAX_RANKS] = page.address();
    int millis = Math.toIntExact(Math.min(Integer.MAX_VALUE, host.timeout().toMillis()));
    return args.struct(pointers, host.rank(), host.worldSize(), millis, 0);
  }

  int world() {
    return host.worldSize();
  }

  /**
   * Throws if a wait ended before its data came: what the kernels then left is no result.
   *
   * @throws CommunicatorException with the rank that did not come, the same on every rank
   */
  void check() {
    if (page.get(ValueLayout.JAVA_INT, 0) == 0) {
      return;
    }
    for (int r = 0; r < host.worldSize(); r++) {
      long at = 4L * RECORD_WORDS * (1 + r);
      if (page.get(ValueLayout.JAVA_INT, at) != 0) {
        int peer = page.get(ValueLayout.JAVA_INT, at + 4);
        String cause =
            "did not arrive at a collective on the device within %d ms (hung?); rank %d waited for %s, piece %d of block %d"
                .formatted(
                    host.timeout().toMillis(),
                    r,
                    waitedFor(page.get(ValueLayout.JAVA_INT, at + 16)),
                    page.get(ValueLayout.JAVA_INT, at + 8),
                    page.get(ValueLayout.JAVA_INT, at + 12));
        host.abort("rank " + peer + " " + cause);
        throw new CommunicatorException(peer, cause);
      }
    }
    throw new CommunicatorException(-1, "another rank of this process failed");
  }

  private static String waitedFor(int kind) {
    return switch (kind) {
      case 1 -> "its data";
      case 2 -> "its part of a sum";
      default -> "its finished slice";
    };
  }

  /** Ends every wait of the group's kernels, now and later. */
  void abort() {
    WORD.setVolatile(page, 0L, 1);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    cuStreamSynchronize(device.stream());
    WORD.setVolatile(page, 4L * (RECORD_WORDS * (1L + host.rank()) + LEFT_WORD), 1);
    // A peer's kernel may still push into this mailbox, until it ends or its patience does.
    awaitOthers();
    cuMemFree_v2(boxes[host.rank()]);
    AtomicInteger users = PAGE_USERS.get(page.address());
    if (users != null && users.decrementAndGet() == 0) {
      PAGE_USERS.remove(page.address());
      cuMemFreeHost(page);
    }
  }

  private void awaitOthers() {
    long millis = LEAVE_MILLIS + Math.min(MAX_WAIT_MILLIS, host.timeout().toMillis());
    long end = System.nanoTime() + millis * 1_000_000;
    while (System.nanoTime() < end) {
      boolean all = true;
      for (int r = 0; r < host.worldSize(); r++) {
        all &= (int) WORD.getVolatile(page, 4L * (RECORD_WORDS * (1L + r) + LEFT_WORD)) != 0;
      }
      if (all) {
        return;
      }
      LockSupport.parkNanos(100_000);
    }
  }

  private static boolean reachable(long[][] where) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment can = arena.allocate(ValueLayout.JAVA_INT);
      for (int a = 0; a < where.length; a++) {
        for (int b = 0; b < where.length; b++) {
          if (a == b) {
            continue;
          }
          if (where[a][0] != where[b][0] || where[a][1] == where[b][1]) {
            return false;
          }
          int code = cuDeviceCanAccessPeer(can, (int) where[a][1], (int) where[b][1]);
          if (code != 0 || can.get(ValueLayout.JAVA_INT, 0) == 0) {
            return false;
          }
        }
      }
      return true;
    }
  }

  private static long[][] gather(Communicator host, long... own) {
    MemorySegment send = MemorySegment.ofArray(own);
    long[] all = new long[own.length * host.worldSize()];
    host.allGather(send, MemorySegment.ofArray(all));
    long[][] byRank = new long[host.worldSize()][own.length];
    for (int r = 0; r < byRank.length; r++) {
      System.arraycopy(all, r * own.length, byRank[r], 0, own.length);
    }
    return byRank;
  }
}
