package org.gatun.parallel.mpi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.gatun.bindings.mpi.mpi_h;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.GroupSpec;
import org.gatun.parallel.ReduceType;
import org.gatun.parallel.Stage;
import org.gatun.parallel.StageWait;
import org.gatun.parallel.shm.Reduction;

/**
 * Collectives of {@code MPI_COMM_WORLD}. Native f32 buffers go to MPI as they are; heap buffers and
 * 16-bit types, which MPI does not know, pass through native scratch memory, the latter as f32.
 *
 * <p>A rank that dies is the launcher's to notice. A rank that does not arrive is noticed by a
 * {@link WaitClock}, which ends the job: a blocking MPI call cannot be left in any other way.
 */
final class MpiCommunicator implements Communicator {
  private static final long PIECE_ELEMENTS = 1 << 20;
  private static final long ABORT_MILLIS = 2000;
  private static final long POLL_NANOS = 2_000_000;
  private static final MemorySegment IN_PLACE = MemorySegment.ofAddress(1);

  private final GroupSpec spec;
  private final MemorySegment world;
  private final MemorySegment scratch = Arena.ofAuto().allocate(4 * PIECE_ELEMENTS, 64);
  private final MemorySegment floats = mpi_h.ompi_mpi_float();
  private final MemorySegment bytes = mpi_h.ompi_mpi_byte();
  private final MemorySegment sum = mpi_h.ompi_mpi_op_sum();
  private final MemorySegment request = Arena.ofAuto().allocate(ValueLayout.ADDRESS);
  private final MemorySegment done = Arena.ofAuto().allocate(ValueLayout.JAVA_INT);
  private final WaitClock clock;
  private volatile boolean closed;

  /** A communicator; {@code threads}: whether MPI allows calls from several threads. */
  MpiCommunicator(GroupSpec spec, MemorySegment world, boolean threads) {
    this.spec = spec;
    this.world = world;
    this.clock = new WaitClock(spec, world, threads, this::end);
  }

  @Override
  public int rank() {
    return spec.rank();
  }

  @Override
  public int worldSize() {
    return spec.worldSize();
  }

  @Override
  public void allReduce(MemorySegment buffer, ReduceType type) {
    long n = type.elements(buffer.byteSize());
    enter("all-reduce");
    boolean direct = type == ReduceType.F32 && buffer.isNative();
    for (long at = 0; at < n; at += PIECE_ELEMENTS) {
      int count = (int) Math.min(PIECE_ELEMENTS, n - at);
      long offset = at * type.bytes();
      MemorySegment piece = direct ? buffer.asSlice(offset, 4L * count) : scratch;
      if (!direct) {
        Reduction.widen(type, buffer, offset, scratch, 0, count);
      }
      startClock();
      stopClock("MPI_Allreduce", mpi_h.MPI_Allreduce(IN_PLACE, piece, count, floats, sum, world));
      if (!direct) {
        Reduction.narrow(type, scratch, 0, buffer, offset, count);
      }
    }
  }

  @Override
  public void allGather(MemorySegment send, MemorySegment receive) {
    long n = send.byteSize();
    checkSize("receive", receive, n * worldSize());
    enter("all-gather");
    long part = scratch.byteSize() / (worldSize() + 1);
    for (long at = 0; at < n; at += part) {
      int count = (int) Math.min(part, n - at);
      MemorySegment.copy(send, at, scratch, 0, count);
      MemorySegment all = scratch.asSlice(part);
      startClock();
      stopClock(
          "MPI_Allgather", mpi_h.MPI_Allgather(scratch, count, bytes, all, count, bytes, world));
      for (int r = 0; r < worldSize(); r++) {
        MemorySegment.copy(all, (long) r * count, receive, r * n + at, count);
      }
    }
  }

  @Override
  public void reduceScatter(MemorySegment send, MemorySegment receive, ReduceType type) {
    long n = type.elements(receive.byteSize());
    checkSize("send", send, receive.byteSize() * worldSize());
    enter("reduce-scatter");
    long part = PIECE_ELEMENTS / (worldSize() + 1);
    for (long at = 0; at < n; at += part) {
      int count = (int) Math.min(part, n - at);
      for (int r = 0; r < worldSize(); r++) {
        long from = (r * n + at) * type.bytes();
        Reduction.widen(type, send, from, scratch, 4L * r * count, count);
      }
      MemorySegment own = scratch.asSlice(4L * worldSize() * count, 4L * count);
      startClock();
      stopClock(
          "MPI_Reduce_scatter_block",
          mpi_h.MPI_Reduce_scatter_block(scratch, own, count, floats, sum, world));
      Reduction.narrow(type, own, 0, receive, at * type.bytes(), count);
    }
  }

  @Override
  public void broadcast(MemorySegment buffer, int root) {
    if (root < 0 || root >= worldSize()) {
      throw new IllegalArgumentException("no root " + root + " in a group of " + worldSize());
    }
    enter("broadcast");
    for (long at = 0; at < buffer.byteSize(); at += scratch.byteSize()) {
      int count = (int) Math.min(scratch.byteSize(), buffer.byteSize() - at);
      if (rank() == root) {
        MemorySegment.copy(buffer, at, scratch, 0, count);
      }
      startClock();
      stopClock("MPI_Bcast", mpi_h.MPI_Bcast(scratch, count, bytes, root, world));
      if (rank() != root) {
        MemorySegment.copy(scratch, 0, buffer, at, count);
      }
    }
  }

  @Override
  public void barrier() {
    enter("barrier");
    startClock();
    stopClock("MPI_Barrier", mpi_h.MPI_Barrier(world));
  }

  /** Polled with pauses: ranks that load on this host need the cores. */
  @Override
  public void rendezvous(Stage stage) {
    enter("rendezvous");
    clock.stage(new StageWait(stage, spec));
    startClock();
    int code = mpi_h.MPI_Ibarrier(world, request);
    done.set(ValueLayout.JAVA_INT, 0, 0);
    while (code == 0) {
      code = mpi_h.MPI_Test(request, done, MemorySegment.NULL);
      if (done.get(ValueLayout.JAVA_INT, 0) != 0) {
        break;
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
    stopClock("MPI_Ibarrier", code);
    clock.stage(null);
  }

  @Override
  public Duration timeout() {
    return spec.deadlines().collective();
  }

  /** Ends every process of the job, this one included; mpirun reports it. */
  @Override
  public void abort(String cause) {
    end(new CommunicatorException(rank(), cause));
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      clock.close();
      Mpi.check("MPI_Finalize", mpi_h.MPI_Finalize());
    }
  }

  private void enter(String call) {
    if (closed) {
      throw new IllegalStateException("communicator is closed");
    }
    clock.next(call);
  }

  /** The deadline is for the wait inside MPI, not for own work around it. */
  private void startClock() {
    clock.start();
  }

  private void stopClock(String call, int code) {
    clock.stop();
    Mpi.check(call, code);
  }

  private void end(CommunicatorException failure) {
    spec.onFailure().accept(failure);
    System.err.println("gatun: " + failure.getMessage());
    System.err.flush();
    // Where MPI itself is stuck, the end of this process is what its launcher notices.
    Thread abort = Thread.ofPlatform().daemon().start(() -> mpi_h.MPI_Abort(world, 1));
    try {
      abort.join(ABORT_MILLIS);
    } catch (InterruptedException e) {
      // Then at once.
    }
    Runtime.getRuntime().halt(1);
  }

  private static void checkSize(String name, MemorySegment segment, long bytes) {
    if (segment.byteSize() != bytes) {
      throw new IllegalArgumentException(
          name + " has " + segment.byteSize() + " bytes; " + bytes + " are needed");
    }
  }
}
