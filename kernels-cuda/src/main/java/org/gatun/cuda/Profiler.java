package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.gatun.attention.KvCodec;
import org.gatun.backend.Program.OpProfile;
import org.gatun.graph.Step;
import org.gatun.graph.op.LeastWork;
import org.jspecify.annotations.Nullable;

/**
 * Times each node between two events; kernels are then launched one by one. A node that a library
 * computes in some shapes counts for both: behind the nodes come as many entries for libraries.
 */
final class Profiler implements AutoCloseable {
  private final CudaDevice device;
  private final List<Work> work;
  private final @Nullable MemorySegment[] events;
  private final long[] calls;
  private final double[] nanos;
  private final double[] bytes;
  private final double[] flops;
  private final Lowering lowering;
  private final KvCodec kv;
  private final String[] by;
  private final int[] entry;

  Profiler(CudaDevice device, List<Work> work, Lowering lowering, KvCodec kv) {
    this.kv = kv;
    this.device = device;
    this.work = work;
    this.lowering = lowering;
    events = new MemorySegment[work.size() + 1];
    int entries = 2 * work.size();
    calls = new long[entries];
    nanos = new double[entries];
    bytes = new double[entries];
    flops = new double[entries];
    by = new String[entries];
    entry = new int[work.size()];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment p = arena.allocate(ValueLayout.ADDRESS);
      for (int i = 0; i < events.length; i++) {
        Cuda.check(cuEventCreate(p, 0), "create an event");
        events[i] = p.get(ValueLayout.ADDRESS, 0);
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  void launch(Shape shape, Step step) {
    Cuda.check(cuEventRecord(events[0], device.stream()), "record an event");
    for (int i = 0; i < work.size(); i++) {
      Work w = work.get(i);
      w.body().launch(shape);
      Cuda.check(cuEventRecord(events[i + 1], device.stream()), "record an event");
      String who = lowering.by(w.node(), shape);
      int e = who.isEmpty() ? i : i + work.size();
      entry[i] = e;
      by[e] = who;
      calls[e]++;
      LeastWork least = LeastWork.of(w.node(), step, kv);
      flops[e] += least.flops();
      bytes[e] += least.bytes();
    }
  }

  /** Adds the times of the step that has just ended. */
  void collect() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ms = arena.allocate(ValueLayout.JAVA_FLOAT);
      for (int i = 0; i < work.size(); i++) {
        Cuda.check(cuEventElapsedTime_v2(ms, events[i], events[i + 1]), "read a time");
        nanos[entry[i]] += 1e6 * ms.get(ValueLayout.JAVA_FLOAT, 0);
      }
    }
  }

  List<OpProfile> report() {
    List<OpProfile> all = new ArrayList<>();
    for (int i = 0; i < calls.length; i++) {
      if (calls[i] > 0) {
        Work w = work.get(i % work.size());
        all.add(
            new OpProfile(
                w.node().label(),
                w.node().op().name() + (by[i].isEmpty() ? "" : " (" + by[i] + ")"),
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
      if (e != null) {
        cuEventDestroy_v2(e);
      }
    }
  }
}
