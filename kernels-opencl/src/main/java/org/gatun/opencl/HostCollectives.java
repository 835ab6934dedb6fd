package org.gatun.opencl;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.gatun.graph.Node;
import org.gatun.graph.Step;
import org.gatun.graph.Value;
import org.gatun.graph.op.AllGather;
import org.gatun.graph.op.AllReduce;
import org.gatun.parallel.Columns;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.ReduceType;

/**
 * Collectives of several ranks, through host memory inside the step: OpenCL has no way to another
 * device's memory. Reading waits for the queue, so a partial sum is complete when it leaves.
 */
final class HostCollectives {
  private final Communicator group;
  private final ClQueue queue;
  private final Lowering.Operands at;
  private final ToLongFunction<Value> maxBytes;
  private final Arena arena;
  private final Map<String, MemorySegment> buffers = new HashMap<>();

  HostCollectives(
      Communicator group,
      ClQueue queue,
      Lowering.Operands at,
      ToLongFunction<Value> maxBytes,
      Arena arena) {
    this.group = group;
    this.queue = queue;
    this.at = at;
    this.maxBytes = maxBytes;
    this.arena = arena;
  }

  /** Does the node's part on the host; nothing for a node that is no collective. */
  void run(Node n, Step step) {
    if (n.op() instanceof AllReduce) {
      allReduce(n.out().getFirst(), step);
    } else if (n.op() instanceof AllGather g && g.isDue(step)) {
      allGather(n.in().getFirst(), n.out().getFirst(), step);
    }
  }

  /** The value holds this rank's part already: its launch copied it there. */
  private void allReduce(Value v, Step step) {
    MemorySegment part = host("sum", v, step);
    if (part.byteSize() == 0) {
      return;
    }
    queue.read(at.activation(v), 0, part, part.byteSize());
    group.allReduce(part, ReduceType.F32);
    queue.write(at.activation(v), 0, part, part.byteSize(), true);
  }

  private void allGather(Value x, Value y, Step step) {
    MemorySegment own = host("columns", x, step);
    MemorySegment all = host("all", y, step);
    if (own.byteSize() == 0) {
      return;
    }
    queue.read(at.activation(x), 0, own, own.byteSize());
    long rows = x.rows().at(step.rows(), step.logitRows());
    Columns.allGather(group, own, all, host("turned", y, step), rows);
    queue.write(at.activation(y), 0, all, all.byteSize(), true);
  }

  private MemorySegment host(String use, Value v, Step step) {
    long bytes = 4L * v.rows().at(step.rows(), step.logitRows()) * v.cols();
    return buffers
        .computeIfAbsent(use + v.id(), k -> arena.allocate(maxBytes.applyAsLong(v), 64))
        .asSlice(0, bytes);
  }
}
