package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.gatun.backend.BackendException;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.parallel.Columns;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.ReduceType;
import org.jspecify.annotations.Nullable;

/**
 * Collectives. One rank copies. Several ranks go through the host: correct everywhere, and what a
 * device without peer access has; such a program is not captured.
 */
final class Collectives {
  private final CudaDevice device;
  private final Staging staging;
  private final Arena arena;
  private final @Nullable Communicator group;

  Collectives(CudaDevice device, Staging staging, Arena arena, @Nullable Communicator group) {
    this.device = device;
    this.staging = staging;
    this.arena = arena;
    this.group = group;
  }

  Work.Body allReduce(Node n, Lowering lowering) {
    Value x = n.in().getFirst();
    Value y = n.out().getFirst();
    Communicator all = group;
    if (all == null) {
      return lowering.copy(n, x, y);
    }
    MemorySegment host = arena.allocate(limit(x, lowering), 64);
    return s -> {
      MemorySegment rows = host.asSlice(0, 4L * s.rows(x.rows()) * x.cols());
      download(rows, lowering.at(x));
      all.allReduce(rows, ReduceType.F32);
      staging.upload(lowering.at(y), rows);
    };
  }

  Work.Body allGather(Node n, Lowering lowering, int ranks) {
    Value x = n.in().getFirst();
    Value y = n.out().getFirst();
    Communicator all = group;
    if (all == null) {
      if (ranks == 1) {
        return lowering.copy(n, x, y);
      }
      throw new BackendException(
          "all_gather of " + ranks + " ranks needs a group; start with gatun launch");
    }
    MemorySegment in = arena.allocate(limit(x, lowering), 64);
    MemorySegment out = arena.allocate(ranks * limit(x, lowering), 64);
    MemorySegment scratch = arena.allocate(ranks * limit(x, lowering), 64);
    return s -> {
      int rows = s.rows(x.rows());
      long bytes = 4L * rows * x.cols();
      download(in.asSlice(0, bytes), lowering.at(x));
      Columns.allGather(all, in.asSlice(0, bytes), out.asSlice(0, ranks * bytes), scratch, rows);
      staging.upload(lowering.at(y), out.asSlice(0, ranks * bytes));
    };
  }

  private void download(MemorySegment to, long from) {
    Cuda.check(
        cuMemcpyDtoHAsync_v2(to, from, to.byteSize(), device.stream()), "download a partial sum");
    device.synchronize("run the step up to a collective");
  }

  private static long limit(Value x, Lowering lowering) {
    var limits = lowering.options().limits();
    return 4L * x.rows().at(limits.rows(), limits.logitRows()) * x.cols();
  }
}
