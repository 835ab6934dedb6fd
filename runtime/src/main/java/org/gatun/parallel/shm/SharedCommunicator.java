package org.gatun.parallel.shm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import org.gatun.parallel.AllReduceAlgorithm;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.GroupSpec;
import org.gatun.parallel.ReduceType;
import org.gatun.parallel.SharedMemoryCost;
import org.gatun.parallel.Stage;
import org.gatun.parallel.StageWait;
import org.jspecify.annotations.Nullable;

/**
 * Collectives over a {@link Region}. A message goes in pieces of at most one slot; successive
 * pieces use a rank's two slots in turn. No meeting is needed after the last read of a piece: a
 * slot is written again only after every rank has arrived at the piece in between, hence finished
 * reading this one.
 */
final class SharedCommunicator implements Communicator {
  private static final int SLICE_ALIGN = 64;
  private static final long WAIT_MILLIS = 20;
  private static final int CALIBRATION_BYTES = 128 << 10;
  private static final int CALIBRATION_ROUNDS = 150;
  private static final int SPINS = 4000;
  private static final int YIELDS = 16;

  private enum Call {
    ALL_REDUCE("all-reduce"),
    ALL_GATHER("all-gather"),
    REDUCE_SCATTER("reduce-scatter"),
    BROADCAST("broadcast"),
    BARRIER("barrier"),
    RENDEZVOUS("rendezvous");

    final String text;

    Call(String text) {
      this.text = text;
    }
  }

  private final Region region;

  /** All of memory, by address: one segment for every loop, whose bounds are known. */
  private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private final MemorySegment memory;
  private final long base;
  private final int rank;
  private final int world;
  private final GroupSpec spec;
  private final long timeoutNanos;
  private SharedMemoryCost cost;
  private final @Nullable AllReduceAlgorithm forced;
  private final int spins;
  private final Runnable onClose;
  private final Futex futex = new Futex(WAIT_MILLIS);
  private final long[] sources;
  private final Reduction reduction = new Reduction();

  private int sequence;
  private int turn;
  private long calls;
  private Call current = Call.BARRIER;
  private @Nullable StageWait stage;
  private volatile boolean closed;

  SharedCommunicator(
      Region region,
      GroupSpec spec,
      SharedMemoryCost cost,
      @Nullable AllReduceAlgorithm forced,
      Runnable onClose) {
    this.region = region;
    this.memory = region.memory();
    this.base = region.memory().address();
    this.rank = spec.rank();
    this.world = spec.worldSize();
    this.spec = spec;
    this.timeoutNanos = spec.deadlines().collective().toNanos();
    this.cost = cost;
    this.forced = forced;
    this.onClose = onClose;
    this.sources = new long[world];
    // A rank that spins on a core which its peer needs only delays both.
    this.spins = region.coresOfGroup() >= world ? SPINS : 0;
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int worldSize() {
    return world;
  }

  @Override
  public void allReduce(MemorySegment buffer, ReduceType type) {
    long bytes = buffer.byteSize();
    long unused = type.elements(bytes);
    begin(Call.ALL_REDUCE);
    if (world == 1) {
      return;
    }
    pieces(buffer, type, forced != null ? forced : cost.choose(bytes, world));
  }

  private void pieces(MemorySegment buffer, ReduceType type, AllReduceAlgorithm algorithm) {
    long bytes = buffer.byteSize();
    long call = describe(Call.ALL_REDUCE, type.ordinal(), bytes);
    MemorySegment own = buffer.isNative() ? ALL : buffer;
    long start = buffer.isNative() ? buffer.address() : 0;
    try {
      for (long at = 0; at < bytes; at += region.slotBytes()) {
        long n = Math.min(region.slotBytes(), bytes - at);
        switch (algorithm) {
          case ONE_SHOT -> oneShot(own, start + at, n, type, call);
          case TWO_SHOT -> twoShot(own, start + at, n, type, call);
        }
      }
    } finally {
      // Both are only known by address in the loops.
      Reference.reachabilityFence(buffer);
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Measures what meetings, copies and additions cost here, on all ranks at once; afterwards every
   * rank chooses by rank 0's figures. The first rounds only get the code compiled.
   */
  void calibrate() {
    MemorySegment probe = Arena.ofAuto().allocate(CALIBRATION_BYTES, 64);
    MemorySegment fitted = Arena.ofAuto().allocate(3 * 8, 8);
    double[] nanos = new double[3];
    for (int round = 0; round < CALIBRATION_ROUNDS; round++) {
      double[] now = {
        timed(this::barrier),
        timed(() -> pieces(probe, ReduceType.F32, AllReduceAlgorithm.ONE_SHOT)),
        timed(() -> pieces(probe, ReduceType.F32, AllReduceAlgorithm.TWO_SHOT))
      };
      for (int i = 0; i < nanos.length; i++) {
        // The least time is the one that nothing else on the machine disturbed.
        nanos[i] = round == 0 ? now[i] : Math.min(nanos[i], now[i]);
      }
    }
    SharedMemoryCost own =
        SharedMemoryCost.fit(nanos[0], CALIBRATION_BYTES, nanos[1], nanos[2], world);
    fitted.setAtIndex(ValueLayout.JAVA_DOUBLE, 0, own.meetingNanos());
    fitted.setAtIndex(ValueLayout.JAVA_DOUBLE, 1, own.copyNanosPerByte());
    fitted.setAtIndex(ValueLayout.JAVA_DOUBLE, 2, own.addNanosPerByte());
    broadcast(fitted, 0);
    cost =
        new SharedMemoryCost(
            fitted.getAtIndex(ValueLayout.JAVA_DOUBLE, 0),
            fitted.getAtIndex(ValueLayout.JAVA_DOUBLE, 1),
            fitted.getAtIndex(ValueLayout.JAVA_DOUBLE, 2));
  }

  /** What all ranks choose by. */
  SharedMemoryCost cost() {
    return cost;
  }

  private static double timed(Runnable call) {
    long start = System.nanoTime();
    call.run();
    return System.nanoTime() - start;
  }

  private void oneShot(MemorySegment buffer, long at, long n, ReduceType type, long call) {
    int t = nextTurn();
    MemorySegment.copy(buffer, at, ALL, slot(rank, t), n);
    meet(call);
    reduce(t, 0, n, type, buffer, at, buffer, at);
  }

  private void twoShot(MemorySegment buffer, long at, long n, ReduceType type, long call) {
    int t = nextTurn();
    long mine = sliceStart(rank, n);
    long mineEnd = sliceStart(rank + 1, n);
    long slot = slot(rank, t);
    if (world == 2) {
      long peers = sliceStart(1 - rank, n);
      long peersEnd = sliceStart(2 - rank, n);
      MemorySegment.copy(buffer, at + peers, ALL, slot + peers, peersEnd - peers);
    } else {
      MemorySegment.copy(buffer, at, ALL, slot, n);
    }
    meet(call);
    // The sum of slice r replaces rank r's own contribution to it, which only rank r reads.
    reduce(t, mine, mineEnd - mine, type, buffer, at + mine, ALL, slot + mine);
    meet(call);
    for (int r = 0; r < world; r++) {
      long start = sliceStart(r, n);
      long end = sliceStart(r + 1, n);
      MemorySegment.copy(ALL, slot(r, t) + start, buffer, at + start, end - start);
    }
  }

  private long slot(int r, int t) {
    return base + region.slot(r, t);
  }

  /** Adds all ranks' contributions to bytes [start, start + n) of the piece; own is this rank's. */
  private void reduce(
      int t,
      long start,
      long n,
      ReduceType type,
      MemorySegment own,
      long ownAt,
      MemorySegment out,
      long outAt) {
    long elements = n / type.bytes();
    if (world == 2) {
      // Two terms commute exactly, so own data need not come through the slot.
      reduction.addTwo(type, own, ownAt, ALL, slot(1 - rank, t) + start, out, outAt, elements);
      return;
    }
    for (int r = 0; r < world; r++) {
      sources[r] = slot(r, t) + start;
    }
    reduction.addAll(type, ALL, sources, out, outAt, elements);
  }

  private long sliceStart(int r, long n) {
    long slice = (n + world - 1) / world;
    slice = (slice + SLICE_ALIGN - 1) / SLICE_ALIGN * SLICE_ALIGN;
    return Math.min(n, r * slice);
  }

  @Override
  public void allGather(MemorySegment send, MemorySegment receive) {
    long bytes = send.byteSize();
    checkSize("receive", receive, world * bytes);
    begin(Call.ALL_GATHER);
    long call = describe(Call.ALL_GATHER, 0, bytes);
    for (long at = 0; at < bytes; at += region.slotBytes()) {
      long n = Math.min(region.slotBytes(), bytes - at);
      int t = nextTurn();
      MemorySegment.copy(send, at, memory, region.slot(rank, t), n);
      meet(call);
      for (int r = 0; r < world; r++) {
        MemorySegment.copy(memory, region.slot(r, t), receive, r * bytes + at, n);
      }
    }
  }

  @Override
  public void reduceScatter(MemorySegment send, MemorySegment receive, ReduceType type) {
    long bytes = receive.byteSize();
    long unused = type.elements(bytes);
    checkSize("send", send, world * bytes);
    begin(Call.REDUCE_SCATTER);
    long call = describe(Call.REDUCE_SCATTER, type.ordinal(), bytes);
    // A slot holds one equal part for every receiver.
    long part = region.slotBytes() / world / SLICE_ALIGN * SLICE_ALIGN;
    for (long at = 0; at < bytes; at += part) {
      long n = Math.min(part, bytes - at);
      int t = nextTurn();
      for (int r = 0; r < world; r++) {
        MemorySegment.copy(send, r * bytes + at, memory, region.slot(rank, t) + r * part, n);
      }
      meet(call);
      for (int r = 0; r < world; r++) {
        sources[r] = region.slot(r, t) + rank * part;
      }
      reduction.addAll(type, memory, sources, receive, at, n / type.bytes());
    }
  }

  @Override
  public void broadcast(MemorySegment buffer, int root) {
    if (root < 0 || root >= world) {
      throw new IllegalArgumentException("no root " + root + " in a group of " + world);
    }
    long bytes = buffer.byteSize();
    begin(Call.BROADCAST);
    long call = describe(Call.BROADCAST, root, bytes);
    for (long at = 0; at < bytes; at += region.slotBytes()) {
      long n = Math.min(region.slotBytes(), bytes - at);
      int t = nextTurn();
      if (rank == root) {
        MemorySegment.copy(buffer, at, memory, region.slot(rank, t), n);
      }
      meet(call);
      if (rank != root) {
        MemorySegment.copy(memory, region.slot(root, t), buffer, at, n);
      }
    }
  }

  @Override
  public void barrier() {
    begin(Call.BARRIER);
    meet(describe(Call.BARRIER, 0, 0));
  }

  @Override
  public void rendezvous(Stage next) {
    begin(Call.RENDEZVOUS);
    stage = new StageWait(next, spec);
    try {
      meet(describe(Call.RENDEZVOUS, next.ordinal(), 0));
    } finally {
      stage = null;
    }
  }

  @Override
  public java.time.Duration timeout() {
    return java.time.Duration.ofNanos(timeoutNanos);
  }

  @Override
  public void abort(String cause) {
    region.fail(rank, cause);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    region.setState(rank, Region.LEFT);
    for (int r = 0; r < world; r++) {
      Futex.wake(region.flagAddress(r));
    }
    onClose.run();
  }

  private int nextTurn() {
    turn ^= 1;
    return turn;
  }

  private void begin(Call call) {
    if (closed) {
      throw new IllegalStateException("communicator is closed");
    }
    current = call;
    calls++;
    throwIfFailed();
  }

  /** Returns once all ranks have arrived here with the same call. */
  private void meet(long call) {
    sequence++;
    region.arrive(rank, sequence, call);
    for (int i = 1; i < world; i++) {
      int peer = (rank + i) % world;
      await(peer);
      long theirs = region.call(peer, sequence);
      if (theirs != call) {
        fail(peer, "called " + text(theirs) + " where rank " + rank + " called " + text(call));
      }
    }
  }

  private void await(int peer) {
    for (int i = 0; i < spins; i++) {
      if (region.flag(peer) - sequence >= 0) {
        return;
      }
      Thread.onSpinWait();
    }
    for (int i = 0; i < YIELDS; i++) {
      if (region.flag(peer) - sequence >= 0) {
        return;
      }
      Thread.yield();
    }
    awaitAsleep(peer);
  }

  private void awaitAsleep(int peer) {
    long start = System.nanoTime();
    long address = region.flagAddress(peer);
    while (true) {
      region.addWaiter(peer, 1);
      int seen = region.flag(peer);
      if (seen - sequence < 0 && !region.hasFailed() && region.state(peer) != Region.LEFT) {
        futex.await(address, seen);
      }
      region.addWaiter(peer, -1);
      if (region.flag(peer) - sequence >= 0) {
        return;
      }
      throwIfFailed();
      if (region.state(peer) == Region.LEFT && region.flag(peer) - sequence < 0) {
        fail(peer, "left the group while rank " + rank + " waited for it in " + where());
      }
      long waited = System.nanoTime() - start;
      StageWait s = stage;
      if (s != null) {
        s.look(waited, this::arrived);
        if (waited > s.limit().toNanos()) {
          fail(s.late(this::arrived));
        }
      } else if (waited > timeoutNanos) {
        fail(
            peer,
            "did not arrive at " + where() + " within " + timeoutNanos / 1_000_000 + " ms (hung?)");
      }
    }
  }

  private boolean arrived(int r) {
    return region.flag(r) - sequence >= 0;
  }

  private String where() {
    return current.text + " #" + calls;
  }

  private void fail(int culprit, String cause) {
    region.fail(culprit, cause);
    throwIfFailed();
  }

  private void fail(CommunicatorException failure) {
    fail(failure.rank(), failure.text());
  }

  private void throwIfFailed() {
    CommunicatorException failure = region.failure();
    if (failure != null) {
      throw failure;
    }
  }

  /**
   * Call (8 bits), element type or root (16), bytes (40), compared between ranks at each meeting.
   */
  private static long describe(Call call, int detail, long bytes) {
    return (long) call.ordinal() << 56 | (long) detail << 40 | (bytes & 0xff_ffff_ffffL);
  }

  private static String text(long call) {
    int index = (int) (call >>> 56);
    Call[] all = Call.values();
    String name = index < all.length ? all[index].text : "call " + index;
    return name + " of " + (call & 0xff_ffff_ffffL) + " bytes, kind " + (call >>> 40 & 0xffff);
  }

  private static void checkSize(String name, MemorySegment segment, long bytes) {
    if (segment.byteSize() != bytes) {
      throw new IllegalArgumentException(
          name + " has " + segment.byteSize() + " bytes; " + bytes + " are needed");
    }
  }
}
