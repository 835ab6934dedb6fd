package org.gatun.opencl;

import static org.gatun.bindings.opencl.opencl_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * One recorded launch: a kernel object of its own, so that its arguments are set once and an
 * enqueue passes only sizes.
 */
final class ClKernel implements AutoCloseable {
  private static final MemorySegment NULL = MemorySegment.NULL;

  private final ClContext context;
  private final String name;
  private final MemorySegment handle;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment argument = arena.allocate(16, 16);
  private final MemorySegment global = arena.allocate(ValueLayout.JAVA_LONG, 3);
  private final MemorySegment local = arena.allocate(ValueLayout.JAVA_LONG, 3);
  private final MemorySegment event = arena.allocate(ValueLayout.ADDRESS);
  private int next;
  private boolean ran;
  private boolean closed;

  ClKernel(ClContext context, MemorySegment program, String name) {
    this.context = context;
    this.name = name;
    MemorySegment status = arena.allocate(ValueLayout.JAVA_INT);
    handle = clCreateKernel(program, arena.allocateFrom(name), status);
    try {
      context.created(status, "creating kernel " + name);
    } catch (ClException e) {
      arena.close();
      throw e;
    }
    local(1, 1, 1);
  }

  String name() {
    return name;
  }

  /** Sets the next argument to a buffer, or to a null pointer. */
  ClKernel arg(@Nullable ClBuffer buffer) {
    argument.set(ValueLayout.ADDRESS, 0, buffer == null ? NULL : buffer.handle());
    return set(ValueLayout.ADDRESS.byteSize(), argument);
  }

  /** Sets the next argument. */
  ClKernel arg(int value) {
    argument.set(ValueLayout.JAVA_INT, 0, value);
    return set(4, argument);
  }

  /** Sets the next argument. */
  ClKernel arg(long value) {
    argument.set(ValueLayout.JAVA_LONG, 0, value);
    return set(8, argument);
  }

  /** Sets the next argument. */
  ClKernel arg(float value) {
    argument.set(ValueLayout.JAVA_FLOAT, 0, value);
    return set(4, argument);
  }

  /** Sets the next argument to an int4. */
  ClKernel arg(int a, int b, int c, int d) {
    argument.setAtIndex(ValueLayout.JAVA_INT, 0, a);
    argument.setAtIndex(ValueLayout.JAVA_INT, 1, b);
    argument.setAtIndex(ValueLayout.JAVA_INT, 2, c);
    argument.setAtIndex(ValueLayout.JAVA_INT, 3, d);
    return set(16, argument);
  }

  /** The next argument set is this one. */
  ClKernel at(int index) {
    next = index;
    return this;
  }

  /** A kernel that does not take its argument is released: it is of no use to anybody. */
  private ClKernel set(long size, MemorySegment value) {
    int status = clSetKernelArg(handle, next, size, value);
    if (status != 0) {
      close();
      throw new ClException("argument " + next + " of kernel " + name, status);
    }
    next++;
    return this;
  }

  /** The work-group's shape. */
  ClKernel local(long x, long y, long z) {
    local.setAtIndex(ValueLayout.JAVA_LONG, 0, x);
    local.setAtIndex(ValueLayout.JAVA_LONG, 1, y);
    local.setAtIndex(ValueLayout.JAVA_LONG, 2, z);
    return this;
  }

  /** Enqueues this many work-groups in each direction. */
  void enqueue(ClQueue queue, long x, long y, long z) {
    enqueue(queue, x, y, z, NULL);
  }

  /** Enqueues and returns the event, which the caller releases. */
  MemorySegment enqueueTimed(ClQueue queue, long x, long y, long z) {
    event.set(ValueLayout.ADDRESS, 0, NULL);
    try {
      enqueue(queue, x, y, z, event);
    } catch (ClException e) {
      MemorySegment made = event.get(ValueLayout.ADDRESS, 0);
      if (!made.equals(NULL)) {
        context.released(clReleaseEvent(made), "releasing an event");
      }
      throw e;
    }
    return event.get(ValueLayout.ADDRESS, 0);
  }

  private void enqueue(ClQueue queue, long x, long y, long z, MemorySegment timed) {
    global.setAtIndex(ValueLayout.JAVA_LONG, 0, x * local.getAtIndex(ValueLayout.JAVA_LONG, 0));
    global.setAtIndex(ValueLayout.JAVA_LONG, 1, y * local.getAtIndex(ValueLayout.JAVA_LONG, 1));
    global.setAtIndex(ValueLayout.JAVA_LONG, 2, z * local.getAtIndex(ValueLayout.JAVA_LONG, 2));
    if (!ran) {
      queue.guardSignals(); // drivers finish compiling when a kernel first runs
      ran = true;
    }
    launch(queue, timed);
  }

  private void launch(ClQueue queue, MemorySegment timed) {
    int status =
        clEnqueueNDRangeKernel(queue.handle(), handle, 3, NULL, global, local, 0, NULL, timed);
    if (status != 0) {
      throw new ClException("launching kernel " + name, status);
    }
    if (!timed.equals(NULL)) {
      context.counted();
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      context.released(clReleaseKernel(handle), "releasing kernel " + name);
      arena.close();
    }
  }
}
