package org.gatun.opencl;

import static org.gatun.bindings.opencl.opencl_h.clReleaseMemObject;

import java.lang.foreign.MemorySegment;

/** A device buffer. */
final class ClBuffer implements AutoCloseable {
  private final ClContext context;
  private final MemorySegment handle;
  private final long size;
  private boolean closed;

  ClBuffer(ClContext context, MemorySegment handle, long size) {
    this.context = context;
    this.handle = handle;
    this.size = size;
  }

  MemorySegment handle() {
    return handle;
  }

  long size() {
    return size;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      context.freed(size);
      context.released(clReleaseMemObject(handle), "freeing a buffer");
    }
  }
}
