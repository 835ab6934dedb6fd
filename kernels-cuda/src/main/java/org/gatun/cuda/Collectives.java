package org.gatun.cuda;

import org.gatun.backend.BackendException;
import org.gatun.bindings.NativeLibrary;
import org.gatun.graph.Node;
import org.gatun.graph.op.AllGather;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.Stage;
import org.jspecify.annotations.Nullable;

/**
 * How a program's collectives are done: over peers' memory where the ranks are threads of this
 * process, by NCCL between processes, else through the host.
 */
interface Collectives extends AutoCloseable {
  /** The way for this group; every rank finds the same one. */
  static Collectives of(
      CudaDevice device,
      Kernels kernels,
      DevicePool pool,
      Staging staging,
      @Nullable Communicator group) {
    if (group == null) {
      return new SingleRank(device);
    }
    // What follows are collectives; a rank may compile kernels that another finds in its cache.
    group.rendezvous(Stage.DEVICE);
    if (group instanceof NcclCommunicator) {
      return new NcclCollectives(device, kernels, pool, group);
    }
    PeerGroup peers = PeerGroup.join(device, group);
    if (peers != null) {
      return new PeerCollectives(device, kernels, peers);
    }
    return NativeLibrary.NCCL.isAvailable()
        ? new NcclCollectives(device, kernels, pool, group)
        : new HostCollectives(device, staging, group);
  }

  Work.Body allReduce(Node n, Lowering lowering);

  Work.Body allGather(Node n, AllGather op, Lowering lowering);

  /** Whether a collective needs the host in the middle of a step. */
  default boolean throughHost() {
    return false;
  }

  /** Whether {@link #reduceAndNorm} can stand for these two nodes. */
  default boolean fuses(Node reduce, Node norm, Lowering lowering) {
    return false;
  }

  /** All-reduce, residual and norm as one node; {@code normAlone} is the norm without the sum. */
  default Work.Body reduceAndNorm(Node reduce, Node norm, Lowering lowering, Work.Body normAlone) {
    throw new IllegalStateException("nothing fuses here");
  }

  /**
   * Waits for the step.
   *
   * @throws org.gatun.parallel.CommunicatorException if what its collectives gave is no result
   */
  void finish(String what);

  /** This rank failed: the kernels of the others shall not wait for it. */
  default void abort() {}

  @Override
  default void close() {}

  /** One rank: a sum over it is a copy. */
  record SingleRank(CudaDevice device) implements Collectives {
    @Override
    public Work.Body allReduce(Node n, Lowering lowering) {
      return lowering.copy(n, n.in().getFirst(), n.out().getFirst());
    }

    @Override
    public Work.Body allGather(Node n, AllGather op, Lowering lowering) {
      if (op.ranks() != 1) {
        throw new BackendException(
            "all_gather of " + op.ranks() + " ranks needs a group; start with gatun launch");
      }
      return lowering.copy(n, n.in().getFirst(), n.out().getFirst());
    }

    @Override
    public void finish(String what) {
      device.synchronize(what);
    }
  }
}
