package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.gatun.bindings.nccl.ncclUniqueId;
import org.gatun.bindings.nccl.nccl_h;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.AllGather;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;

/**
 * Collectives by NCCL on the program's stream, captured with it. The unique id travels over the
 * host's control channel. Two ranks on one GPU would hang in NCCL, so that is refused first.
 */
final class NcclCollectives implements Collectives {
  private static final int NOT_READY = 600;
  private static final long POLL_NANOS = 50_000;
  private static final int THREADS = 256;

  private final CudaDevice device;
  private final Kernels kernels;
  private final DevicePool pool;
  private final Communicator control;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment asyncError = arena.allocate(ValueLayout.JAVA_INT);
  private final MemorySegment communicator;
  private boolean aborted;

  NcclCollectives(CudaDevice device, Kernels kernels, DevicePool pool, Communicator control) {
    this.device = device;
    this.kernels = kernels;
    this.pool = pool;
    this.control = control;
    requireDistinctDevices();
    try (Arena temporary = Arena.ofConfined()) {
      MemorySegment id = ncclUniqueId.allocate(temporary);
      int rank = control.rank();
      if (rank == 0) {
        Nccl.check(nccl_h.ncclGetUniqueId(id), rank, "make a unique id");
      }
      control.broadcast(id, 0);
      MemorySegment p = temporary.allocate(ValueLayout.ADDRESS);
      Nccl.check(nccl_h.ncclCommInitRank(p, control.worldSize(), id, rank), rank, "join its group");
      communicator = p.get(ValueLayout.ADDRESS, 0);
    }
  }

  private void requireDistinctDevices() {
    byte[] own = device.uuid();
    byte[] all = new byte[own.length * control.worldSize()];
    control.allGather(MemorySegment.ofArray(own), MemorySegment.ofArray(all));
    Map<String, Integer> owners = new HashMap<>();
    for (int r = 0; r < control.worldSize(); r++) {
      String uuid = HexFormat.of().formatHex(all, r * own.length, (r + 1) * own.length);
      Integer other = owners.put(uuid, r);
      if (other != null) {
        throw new CommunicatorException(
            r,
            "uses the same GPU "
                + uuid
                + " as rank "
                + other
                + ", which NCCL cannot; give each rank its own with --devices");
      }
    }
  }

  @Override
  public Work.Body allReduce(Node n, Lowering lowering) {
    Value x = n.in().getFirst();
    MemorySegment from = MemorySegment.ofAddress(lowering.at(x));
    MemorySegment to = MemorySegment.ofAddress(lowering.at(n.out().getFirst()));
    return s -> {
      long count = (long) s.rows(x.rows()) * x.cols();
      if (count > 0) {
        Nccl.check(
            nccl_h.ncclAllReduce(
                from,
                to,
                count,
                nccl_h.ncclFloat32(),
                nccl_h.ncclSum(),
                communicator,
                device.stream()),
            control.rank(),
            "queue the all-reduce of " + n.label());
      }
    };
  }

  /** NCCL puts whole buffers behind each other; a kernel then sets the columns side by side. */
  @Override
  public Work.Body allGather(Node n, AllGather op, Lowering lowering) {
    Value x = n.in().getFirst();
    MemorySegment from = MemorySegment.ofAddress(lowering.at(x));
    long gathered = pool.allocate(lowering.limit(x) * op.ranks(), "the ranks' logits");
    Args args =
        lowering
            .args()
            .i(lowering.field(x.rows()))
            .p(gathered)
            .p(lowering.at(n.out().getFirst()))
            .i(x.cols(), op.ranks(), 0);
    int rowsAt = args.size() - 1;
    MemorySegment pointers = args.pointers();
    MemorySegment f = kernels.function("allreduce", "place_columns");
    int blocks = Math.ceilDiv(x.cols(), THREADS);
    return s -> {
      int rows = s.rows(x.rows());
      if (rows > 0) {
        Nccl.check(
            nccl_h.ncclAllGather(
                from,
                MemorySegment.ofAddress(gathered),
                (long) rows * x.cols(),
                nccl_h.ncclFloat32(),
                communicator,
                device.stream()),
            control.rank(),
            "queue the all-gather of " + n.label());
        args.value(rowsAt).set(ValueLayout.JAVA_INT, 0, rows);
        lowering.launch(f, blocks, rows, op.ranks(), THREADS, 0, pointers, n);
      }
    };
  }

  /** Polls, so that an error of NCCL, a dead rank or the deadline ends the wait. */
  @Override
  public void finish(String what) {
    long start = System.nanoTime();
    long patience = control.timeout().toNanos();
    while (true) {
      int code = cuStreamQuery(device.stream());
      if (code == 0) {
        return;
      }
      if (code != NOT_READY) {
        throw Cuda.failure(code, what);
      }
      Nccl.check(
          nccl_h.ncclCommGetAsyncError(communicator, asyncError), control.rank(), "report errors");
      int error = asyncError.get(ValueLayout.JAVA_INT, 0);
      if (error != nccl_h.ncclSuccess() && error != nccl_h.ncclInProgress()) {
        abort();
        throw Nccl.failure(error, control.rank(), what);
      }
      if (System.nanoTime() - start > patience) {
        abort();
        throw new CommunicatorException(
            control.rank(),
            "waited in vain for the other ranks' collectives for "
                + control.timeout().toMillis()
                + " ms (a rank hangs?)");
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
  }

  @Override
  public void abort() {
    if (!aborted) {
      aborted = true;
      nccl_h.ncclCommAbort(communicator);
    }
  }

  @Override
  public void close() {
    if (!aborted) {
      aborted = true;
      nccl_h.ncclCommFinalize(communicator);
      nccl_h.ncclCommDestroy(communicator);
    }
    arena.close();
  }
}
