package org.gatun.parallel.mpi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicLongArray;
import org.gatun.bindings.mpi.mpi_h;

/**
 * Ranks that wait long in a collective tell all others the number of its call: 8 bytes, point to
 * point, beside the collective's own messages. Who is silent hangs. Nothing here waits: receives
 * stand open, and a peer that did not take one notice gets no second.
 *
 * <p>{@link #exchange} and {@link #close} belong to one thread, the rest to any.
 */
final class WaitNotices {
  private static final int TAG = 7717;

  private final int rank;
  private final int world;
  private final MemorySegment comm;
  private final MemorySegment bytes = mpi_h.ompi_mpi_byte();
  private final Arena arena = Arena.ofAuto();
  private final MemorySegment sent;
  private final MemorySegment received;
  private final MemorySegment sends;
  private final MemorySegment receives;
  private final MemorySegment flag = arena.allocate(ValueLayout.JAVA_INT);
  private final boolean[] sending;
  private final boolean[] receiving;
  private final AtomicLongArray heardAt;
  private final AtomicLongArray calls;

  WaitNotices(int rank, int world, MemorySegment comm) {
    this.rank = rank;
    this.world = world;
    this.comm = comm;
    sent = arena.allocate(ValueLayout.JAVA_LONG, world);
    received = arena.allocate(ValueLayout.JAVA_LONG, world);
    sends = arena.allocate(ValueLayout.ADDRESS, world);
    receives = arena.allocate(ValueLayout.ADDRESS, world);
    sending = new boolean[world];
    receiving = new boolean[world];
    heardAt = new AtomicLongArray(world);
    calls = new AtomicLongArray(world);
  }

  /** Tells every peer that this rank waits in its call number {@code call}; hears theirs. */
  void exchange(long call) {
    for (int peer = 0; peer < world; peer++) {
      if (peer != rank) {
        hear(peer);
        tell(peer, call);
      }
    }
  }

  private void tell(int peer, long call) {
    if (sending[peer] && !done(sends, peer)) {
      return;
    }
    sent.setAtIndex(ValueLayout.JAVA_LONG, peer, call);
    Mpi.check(
        "MPI_Isend",
        mpi_h.MPI_Isend(part(sent, peer), 8, bytes, peer, TAG, comm, part(sends, peer)));
    sending[peer] = true;
  }

  private void hear(int peer) {
    while (!receiving[peer] || done(receives, peer)) {
      if (receiving[peer]) {
        calls.set(peer, received.getAtIndex(ValueLayout.JAVA_LONG, peer));
        heardAt.set(peer, System.nanoTime() | 1);
      }
      Mpi.check(
          "MPI_Irecv",
          mpi_h.MPI_Irecv(part(received, peer), 8, bytes, peer, TAG, comm, part(receives, peer)));
      receiving[peer] = true;
    }
  }

  private boolean done(MemorySegment requests, int peer) {
    Mpi.check("MPI_Test", mpi_h.MPI_Test(part(requests, peer), flag, MemorySegment.NULL));
    return flag.get(ValueLayout.JAVA_INT, 0) != 0;
  }

  private static MemorySegment part(MemorySegment all, int peer) {
    return all.asSlice(8L * peer, 8);
  }

  /** The call that a peer waits in, or -1 if it has not said so for this long. */
  long waitsIn(int peer, long nanos) {
    long at = heardAt.get(peer);
    return at != 0 && System.nanoTime() - at <= nanos ? calls.get(peer) : -1;
  }

  /** Takes back the open receives. */
  void close() {
    for (int peer = 0; peer < world; peer++) {
      if (receiving[peer] && !done(receives, peer)) {
        // Cancelling a receive is local; the wait that frees it returns at once.
        Mpi.check("MPI_Cancel", mpi_h.MPI_Cancel(part(receives, peer)));
        Mpi.check("MPI_Wait", mpi_h.MPI_Wait(part(receives, peer), MemorySegment.NULL));
      }
    }
  }
}
