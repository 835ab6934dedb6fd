package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.gatun.backend.Program.OpProfile;
import org.gatun.graph.Value;

/** Times each node between two events. Kernels are then launched one by one. */
final class Profiler implements AutoCloseable {
  private final CudaDevice device;
  private final List<Work> work;
  private final MemorySegment[] events;
  private final long[] calls;
  private final double[] nanos;
  private final double[] bytes;
  private final double[] flops;

  Profiler(CudaDevice device, List<Work> work) {
    this.device = device;
    this.work = work;
    events = new MemorySegment[work.size() + 1];
    calls = new long[work.size()];
    nanos = new double[work.size()];
    bytes = new double[work.size()];
    flops = new double[work.size()];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment p = arena.allocate(ValueLayout.ADDRESS);
      for (int i = 0; i < events.length; i++) {
        Cuda.check(cuEventCreate(p, 0), "create an event");
        events[i] = p.get(ValueLayout.ADDRESS, 0);
      }
    }
  }

  void launch(Shape shape, int rows, int logitRows) {
    Cuda.check(cuEventRecord(events[0], device.stream()), "record an event");
    for (int i = 0; i < work.size(); i++) {
      Work w = work.get(i);
      w.body().launch(shape);
      Cuda.check(cuEventRecord(events[i + 1], device.stream()), "record an event");
      calls[i]++;
      flops[i] += w.node().op().flops(w.node().in(), w.node().out(), rows, logitRows);
      for (List<Value> side : List.of(w.node().in(), w.node().out())) {
        for (Value v : side) {
          bytes[i] += v.dtype().bytes(v.rows().at(rows, logitRows) * v.cols());
        }
      }
    }
  }

  /** Adds the times of the step that has just ended. */
  void collect() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ms = arena.allocate(ValueLayout.JAVA_FLOAT);
      for (int i = 0; i < work.size(); i++) {
        Cuda.check(cuEventElapsedTime_v2(ms, events[i], events[i + 1]), "read a time");
        nanos[i] += 1e6 * ms.get(ValueLayout.JAVA_FLOAT, 0);
      }
    }
  }

  List<OpProfile> report() {
    List<OpProfile> all = new ArrayList<>();
    for (int i = 0; i < work.size(); i++) {
      if (calls[i] > 0) {
        Work w = work.get(i);
        all.add(
            new OpProfile(
                w.node().label(),
                w.node().op().name(),
                calls[i],
                (long) nanos[i],
                bytes[i],
                flops[i]));
      }
      calls[i] = 0;
      nanos[i] = bytes[i] = flops[i] = 0;
    }
    return all;
  }

  @Override
  public void close() {
    for (MemorySegment e : events) {
      cuEventDestroy_v2(e);
    }
  }
}
