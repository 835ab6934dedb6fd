package org.gatun.opencl;

import static org.gatun.bindings.opencl.opencl_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** An in-order queue. One thread uses it at a time. */
final class ClQueue implements AutoCloseable {
  private static final MemorySegment NULL = MemorySegment.NULL;

  private final ClContext context;
  private final MemorySegment handle;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment pattern = arena.allocate(ValueLayout.JAVA_INT);
  private @Nullable SignalGuard signals;

  ClQueue(ClContext context, boolean profiling) {
    this.context = context;
    MemorySegment status = arena.allocate(ValueLayout.JAVA_INT);
    handle =
        clCreateCommandQueue(
            context.handle(),
            context.device().id(),
            profiling ? CL_QUEUE_PROFILING_ENABLE() : 0,
            status);
    try {
      context.created(status, "creating a queue");
    } catch (ClException e) {
      arena.close();
      throw e;
    }
  }

  ClContext context() {
    return context;
  }

  MemorySegment handle() {
    return handle;
  }

  /** Copies host bytes to a buffer; they are free for reuse when this returns if blocking. */
  void write(ClBuffer to, long offset, MemorySegment from, long size, boolean blocking) {
    if (ClContext.CHECKED && blocking && size < to.size()) {
      writeWhole(to, offset, from, size);
      return;
    }
    ClException.check(
        clEnqueueWriteBuffer(
            handle, to.handle(), blocking ? 1 : 0, offset, size, from, 0, NULL, NULL),
        "writing to the device");
  }

  /**
   * Oclgrind 21.10 forgets what was initialised in a buffer at each write of the host, but for as
   * many bytes as that write has, from the buffer's start: a part goes with all the rest.
   */
  private void writeWhole(ClBuffer to, long offset, MemorySegment from, long size) {
    try (Arena a = Arena.ofConfined()) {
      MemorySegment whole = a.allocate(to.size(), 64);
      read(to, 0, whole, to.size());
      MemorySegment.copy(from, 0, whole, offset, size);
      write(to, 0, whole, to.size(), true);
    }
  }

  /** Copies device bytes to the host and waits for them. */
  void read(ClBuffer from, long offset, MemorySegment to, long size) {
    ClException.check(
        clEnqueueReadBuffer(handle, from.handle(), 1, offset, size, to, 0, NULL, NULL),
        "reading from the device");
  }

  /** Fills whole words of a buffer. */
  void fill(ClBuffer buffer, int word) {
    pattern.set(ValueLayout.JAVA_INT, 0, word);
    ClException.check(
        clEnqueueFillBuffer(
            handle, buffer.handle(), pattern, 4, 0, buffer.size() & ~3L, 0, NULL, NULL),
        "filling a buffer");
  }

  void flush() {
    ClException.check(clFlush(handle), "submitting work");
  }

  /** Signals' handlers are the present ones again after the next wait for all that is enqueued. */
  void guardSignals() {
    if (signals == null) {
      signals = new SignalGuard();
    }
  }

  /** Waits for kernels that run for the first time, if there are such. */
  void finishFirstRuns() {
    if (signals != null) {
      finish();
    }
  }

  private void giveSignalsBack() {
    SignalGuard s = signals;
    if (s != null) {
      signals = null;
      s.close();
    }
  }

  void finish() {
    int status = clFinish(handle);
    giveSignalsBack();
    ClException.check(status, "waiting for the device");
  }

  /**
   * Waits until nothing reads or writes host memory any more; a device that is lost has dropped it.
   */
  void drain() {
    int ignored = clFinish(handle);
    giveSignalsBack();
    assert ignored <= 0;
  }

  @Override
  public void close() {
    giveSignalsBack();
    context.released(clReleaseCommandQueue(handle), "releasing a queue");
    arena.close();
  }
}
