package org.gatun.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.gatun.backend.BackendException;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.AddRmsNorm;
import org.gatun.graph.op.AllGather;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.DeviceCost;
import org.jspecify.annotations.Nullable;

/**
 * The collectives of a sharded graph as kernels of the step: over the peers' memory where devices
 * reach each other, else through the host. One rank copies.
 */
final class Collectives implements AutoCloseable {
  private static final int THREADS = 256;

  private final Kernels kernels;
  private final @Nullable PeerGroup peers;
  private final @Nullable HostCollectives host;

  Collectives(CudaDevice device, Kernels kernels, Staging staging, @Nullable Communicator group) {
    this.kernels = kernels;
    this.peers = group == null ? null : PeerGroup.join(device, group);
    this.host = group == null || peers != null ? null : new HostCollectives(device, staging, group);
  }

  /** Whether a collective needs the host in the middle of a step. */
  boolean throughHost() {
    return host != null;
  }

  Work.Body allReduce(Node n, Lowering lowering) {
    Value x = n.in().getFirst();
    Value y = n.out().getFirst();
    if (host != null) {
      return host.allReduce(x, y, lowering);
    }
    PeerGroup p = peers;
    if (p == null) {
      return lowering.copy(n, x, y);
    }
    MemorySegment args =
        p.into(lowering.args().i(lowering.field(x.rows())))
            .p(lowering.at(x))
            .p(lowering.at(y))
            .p(x.cols())
            .pointers();
    // Looked up now: a module must not be loaded while a step is captured.
    List<MemorySegment> kernel = new ArrayList<>();
    for (DeviceCost.Algorithm a : DeviceCost.Algorithm.values()) {
      kernel.add(kernels.function("allreduce", "all_reduce_" + a.kernel() + "_f32"));
    }
    return s -> {
      long bytes = bytes(x, s);
      lowering.launch(
          kernel.get(choose(bytes, p).ordinal()), blocks(bytes), 1, 1, THREADS, 0, args, n);
    };
  }

  /** Whether {@link #reduceAndNorm} can stand for these two nodes. */
  boolean fuses(Node reduce, Node norm, Lowering lowering) {
    Value x = reduce.in().getFirst();
    Value y = reduce.out().getFirst();
    // In place, so that the norm's results do not lie where a partial sum is still to be read.
    return peers != null
        && norm.op() instanceof AddRmsNorm
        && norm.in().getFirst().equals(y)
        && lowering.at(x) == lowering.at(y)
        && x.cols() % 4 == 0;
  }

  /** All-reduce, residual and norm in one kernel while the message is small; else one by one. */
  Work.Body reduceAndNorm(Node reduce, Node norm, Lowering lowering, Work.Body normAlone) {
    PeerGroup p = Objects.requireNonNull(peers);
    Work.Body reduceAlone = allReduce(reduce, lowering);
    AddRmsNorm op = (AddRmsNorm) norm.op();
    Value x = reduce.in().getFirst();
    MemorySegment args =
        p.into(lowering.args().i(lowering.field(x.rows())))
            .p(lowering.at(x))
            .p(lowering.at(norm.in().get(1)))
            .p(lowering.weights().vector(norm.in().get(2)))
            .p(op.normFirst() ? lowering.weights().vector(norm.in().get(3)) : 0)
            .p(lowering.at(norm.out().get(0)))
            .p(lowering.at(norm.out().get(1)))
            .i(x.cols())
            .f(op.eps())
            .pointers();
    MemorySegment f = kernels.function("allreduce", "all_reduce_add_rms_norm");
    return s -> {
      if (choose(bytes(x, s), p) == DeviceCost.Algorithm.CELLS) {
        int rows = Math.min(PeerGroup.BLOCKS, s.rows(x.rows()));
        lowering.launch(f, rows, 1, 1, THREADS, 0, args, norm);
      } else {
        reduceAlone.launch(s);
        normAlone.launch(s);
      }
    };
  }

  Work.Body allGather(Node n, AllGather op, Lowering lowering) {
    Value x = n.in().getFirst();
    Value y = n.out().getFirst();
    if (host != null) {
      return host.allGather(x, y, lowering);
    }
    PeerGroup p = peers;
    if (p == null) {
      if (op.ranks() == 1) {
        return lowering.copy(n, x, y);
      }
      throw new BackendException(
          "all_gather of " + op.ranks() + " ranks needs a group; start with gatun launch");
    }
    MemorySegment args =
        p.into(lowering.args().i(lowering.field(x.rows())))
            .p(lowering.at(x))
            .p(lowering.at(y))
            .i(x.cols())
            .pointers();
    MemorySegment cells = kernels.function("allreduce", "all_gather_cells");
    MemorySegment bulk = kernels.function("allreduce", "all_gather_bulk");
    return s -> {
      long bytes = bytes(x, s);
      boolean small = choose(bytes, p) == DeviceCost.Algorithm.CELLS;
      lowering.launch(small ? cells : bulk, blocks(bytes), 1, 1, THREADS, 0, args, n);
    };
  }

  /** After each step: throws if what its collectives gave is no result. */
  void check() {
    if (peers != null) {
      peers.check();
    }
  }

  /** This rank failed: the kernels of the others shall not wait for it. */
  void abort() {
    if (peers != null) {
      peers.abort();
    }
  }

  private static DeviceCost.Algorithm choose(long bytes, PeerGroup p) {
    return DeviceCost.DEFAULT.choose(bytes, p.world());
  }

  /** Blocks for a message of this size; 0 for none. The same on every rank, as the size is. */
  private static int blocks(long bytes) {
    return (int) Math.min(PeerGroup.BLOCKS, Math.ceilDiv(bytes, 16L * THREADS));
  }

  private static long bytes(Value x, Shape s) {
    return 4L * s.rows(x.rows()) * x.cols();
  }

  @Override
  public void close() {
    if (peers != null) {
      peers.close();
    }
  }
}
