package org.gatun.graph;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.gatun.graph.op.Add;
import org.gatun.graph.op.AllReduce;
import org.gatun.graph.op.GatedAct;

/**
 * Where each activation lies in one arena, for steps up to the limits. Values that are never alive
 * at once share bytes, and element-wise ops write over an operand that dies there. Inputs and
 * outputs live for the whole run.
 *
 * @param offsets byte offset of every input and activation
 * @param bytes size of the arena
 */
public record MemoryPlan(Map<Value, Long> offsets, long bytes) {
  private record Interval(long offset, long size, int lastUse) {}

  /**
   * Plans the graph.
   *
   * @param alignment of every offset: 64 for CPUs, 256 for GPUs
   */
  public static MemoryPlan of(Graph graph, StepLimits limits, int alignment) {
    Map<Value, Integer> lastUse = new HashMap<>();
    int end = graph.nodes().size();
    for (Node n : graph.nodes()) {
      n.in().forEach(v -> lastUse.put(v, n.id()));
      n.out().forEach(v -> lastUse.putIfAbsent(v, n.id()));
    }
    graph.inputs().forEach(v -> lastUse.put(v, end));
    graph.outputs().values().forEach(v -> lastUse.put(v, end));

    Map<Value, Long> offsets = new LinkedHashMap<>();
    List<Interval> live = new ArrayList<>();
    long[] high = {0};
    for (Value v : graph.inputs()) {
      place(v, end, limits, alignment, live, offsets, high);
    }
    for (Node n : graph.nodes()) {
      live.removeIf(i -> i.lastUse < n.id());
      Set<Value> reused = new HashSet<>();
      for (Value out : n.out()) {
        Value over = overwritten(n, lastUse, reused);
        if (over == null) {
          place(out, lastUse.getOrDefault(out, n.id()), limits, alignment, live, offsets, high);
        } else {
          reused.add(over);
          long at = offsets.getOrDefault(over, 0L);
          offsets.put(out, at);
          live.add(
              new Interval(at, size(out, limits, alignment), lastUse.getOrDefault(out, n.id())));
        }
      }
    }
    return new MemoryPlan(offsets, high[0]);
  }

  /** Offset of this value. */
  public long offset(Value v) {
    Long at = offsets.get(v);
    if (at == null) {
      throw new GraphException("no memory was planned for " + v);
    }
    return at;
  }

  /** Bytes all values would take if none shared. */
  public long unshared(StepLimits limits) {
    return offsets.keySet().stream().mapToLong(v -> size(v, limits, 64)).sum();
  }

  private static @org.jspecify.annotations.Nullable Value overwritten(
      Node n, Map<Value, Integer> lastUse, Set<Value> reused) {
    if (!(n.op() instanceof Add || n.op() instanceof GatedAct || n.op() instanceof AllReduce)) {
      return null;
    }
    for (Value v : n.in()) {
      if (v.kind() == Value.Kind.ACTIVATION
          && lastUse.getOrDefault(v, -1) == n.id()
          && !reused.contains(v)) {
        return v;
      }
    }
    return null;
  }

  private static void place(
      Value v,
      int lastUse,
      StepLimits limits,
      int alignment,
      List<Interval> live,
      Map<Value, Long> offsets,
      long[] high) {
    long size = size(v, limits, alignment);
    live.sort((a, b) -> Long.compare(a.offset, b.offset));
    long at = 0;
    for (Interval i : live) {
      if (at + size <= i.offset) {
        break;
      }
      at = Math.max(at, i.offset + i.size);
    }
    live.add(new Interval(at, size, lastUse));
    offsets.put(v, at);
    high[0] = Math.max(high[0], at + size);
  }

  private static long size(Value v, StepLimits limits, int alignment) {
    long bytes = v.dtype().bytes(v.rows().at(limits.rows(), limits.logitRows()) * v.cols());
    return Math.ceilDiv(bytes, alignment) * alignment;
  }
}
