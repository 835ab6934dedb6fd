package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.AllGather;
import org.gatun.parallel.Columns;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.ReduceType;

/**
 * Collectives through host memory: what devices without peer access have. Such a program is not
 * captured, as each of them waits for the device in the middle of a step.
 */
final class HostCollectives implements Collectives {
  private final CudaDevice device;
  private final Staging staging;
  private final Communicator group;

  HostCollectives(CudaDevice device, Staging staging, Communicator group) {
    this.device = device;
    this.staging = staging;
    this.group = group;
  }

  @Override
  public boolean throughHost() {
    return true;
  }

  @Override
  public void finish(String what) {
    device.synchronize(what);
  }

  @Override
  public Work.Body allReduce(Node n, Lowering lowering) {
    Value x = n.in().getFirst();
    Value y = n.out().getFirst();
    MemorySegment host = Arena.ofAuto().allocate(lowering.limit(x), 64);
    return s -> {
      MemorySegment rows = host.asSlice(0, 4L * s.rows(x.rows()) * x.cols());
      download(rows, lowering.at(x));
      group.allReduce(rows, ReduceType.F32);
      staging.upload(lowering.at(y), rows);
    };
  }

  @Override
  public Work.Body allGather(Node n, AllGather op, Lowering lowering) {
    Value x = n.in().getFirst();
    Value y = n.out().getFirst();
    int ranks = group.worldSize();
    MemorySegment in = Arena.ofAuto().allocate(lowering.limit(x), 64);
    MemorySegment out = Arena.ofAuto().allocate(ranks * lowering.limit(x), 64);
    MemorySegment scratch = Arena.ofAuto().allocate(ranks * lowering.limit(x), 64);
    return s -> {
      int rows = s.rows(x.rows());
      long bytes = 4L * rows * x.cols();
      download(in.asSlice(0, bytes), lowering.at(x));
      Columns.allGather(group, in.asSlice(0, bytes), out.asSlice(0, ranks * bytes), scratch, rows);
      staging.upload(lowering.at(y), out.asSlice(0, ranks * bytes));
    };
  }

  private void download(MemorySegment to, long from) {
    Cuda.check(
        cuMemcpyDtoHAsync_v2(to, from, to.byteSize(), device.stream()), "download a partial sum");
    device.synchronize("run the step up to a collective");
  }
}
