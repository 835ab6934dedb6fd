package org.gatun.opencl;

import static org.gatun.bindings.opencl.opencl_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** Device time of one node's launches, from OpenCL's profiling events. */
final class Timer implements AutoCloseable {
  private final List<MemorySegment> events = new ArrayList<>();
  private final ClContext context;
  long calls;
  long nanos;
  double bytes;
  double flops;

  Timer(ClContext context) {
    this.context = context;
  }

  void add(MemorySegment event) {
    events.add(event);
  }

  /** Reads and releases the events of a finished step. */
  void collect() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment at = arena.allocate(ValueLayout.JAVA_LONG);
      for (MemorySegment e : events) {
        nanos +=
            time(e, CL_PROFILING_COMMAND_END(), at) - time(e, CL_PROFILING_COMMAND_START(), at);
      }
    } finally {
      close();
    }
    calls++;
  }

  private static long time(MemorySegment event, int what, MemorySegment at) {
    ClException.check(
        clGetEventProfilingInfo(event, what, 8, at, MemorySegment.NULL), "reading a timer");
    return at.get(ValueLayout.JAVA_LONG, 0);
  }

  void reset() {
    calls = nanos = 0;
    bytes = flops = 0;
  }

  /** Releases the events of a step that was not finished. */
  @Override
  public void close() {
    events.forEach(e -> context.released(clReleaseEvent(e), "releasing an event"));
    events.clear();
  }
}
