package org.gatun.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.AddRmsNorm;
import org.gatun.graph.op.AllGather;
import org.gatun.parallel.DeviceCost;

/** Collectives over the peers' memory: kernels of the step, captured with it. */
final class PeerCollectives implements Collectives {
  private static final int THREADS = 256;

  private final CudaDevice device;
  private final Kernels kernels;
  private final PeerGroup peers;

  PeerCollectives(CudaDevice device, Kernels kernels, PeerGroup peers) {
    this.device = device;
    this.kernels = kernels;
    this.peers = peers;
  }

  @Override
  public Work.Body allReduce(Node n, Lowering lowering) {
    Value x = n.in().getFirst();
    Value y = n.out().getFirst();
    MemorySegment args =
        peers
            .into(lowering.args().i(lowering.field(x.rows())))
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
          kernel.get(choose(bytes).ordinal()), blocks(bytes), 1, 1, THREADS, 0, args, n);
    };
  }

  @Override
  public boolean fuses(Node reduce, Node norm, Lowering lowering) {
    Value x = reduce.in().getFirst();
    Value y = reduce.out().getFirst();
    // In place, so that the norm's results do not lie where a partial sum is still to be read.
    return norm.op() instanceof AddRmsNorm
        && norm.in().getFirst().equals(y)
        && lowering.at(x) == lowering.at(y)
        && x.cols() % 4 == 0;
  }

  /** In one kernel while the message is small; else one by one. */
  @Override
  public Work.Body reduceAndNorm(Node reduce, Node norm, Lowering lowering, Work.Body normAlone) {
    Work.Body reduceAlone = allReduce(reduce, lowering);
    AddRmsNorm op = (AddRmsNorm) norm.op();
    Value x = reduce.in().getFirst();
    MemorySegment args =
        peers
            .into(lowering.args().i(lowering.field(x.rows())))
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
      if (choose(bytes(x, s)) == DeviceCost.Algorithm.CELLS) {
        int rows = Math.min(PeerGroup.BLOCKS, s.rows(x.rows()));
        lowering.launch(f, rows, 1, 1, THREADS, 0, args, norm);
      } else {
        reduceAlone.launch(s);
        normAlone.launch(s);
      }
    };
  }

  @Override
  public Work.Body allGather(Node n, AllGather op, Lowering lowering) {
    Value x = n.in().getFirst();
    Value y = n.out().getFirst();
    MemorySegment args =
        peers
            .into(lowering.args().i(lowering.field(x.rows())))
            .p(lowering.at(x))
            .p(lowering.at(y))
            .i(x.cols())
            .pointers();
    MemorySegment cells = kernels.function("allreduce", "all_gather_cells");
    MemorySegment bulk = kernels.function("allreduce", "all_gather_bulk");
    return s -> {
      long bytes = bytes(x, s);
      boolean small = choose(bytes) == DeviceCost.Algorithm.CELLS;
      lowering.launch(small ? cells : bulk, blocks(bytes), 1, 1, THREADS, 0, args, n);
    };
  }

  @Override
  public void finish(String what) {
    device.synchronize(what);
    peers.check();
  }

  @Override
  public void abort() {
    peers.abort();
  }

  private DeviceCost.Algorithm choose(long bytes) {
    return DeviceCost.NVLINK.choose(bytes, peers.world());
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
    peers.close();
  }
}
