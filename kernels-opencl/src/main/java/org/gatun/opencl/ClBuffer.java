package org.gatun.opencl;

import static org.gatun.bindings.opencl.opencl_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** A device buffer. */
final class ClBuffer implements AutoCloseable {
  private final ClContext context;
  private final MemorySegment handle;
  private final long size;
  private final boolean owner;
  private final @Nullable Arena host;
  private boolean closed;

  /**
   * @param host its memory, freed with it, if the device did not allocate it
   */
  ClBuffer(
      ClContext context, MemorySegment handle, long size, boolean owner, @Nullable Arena host) {
    this.host = host;
    this.context = context;
    this.handle = handle;
    this.size = size;
    this.owner = owner;
  }

  MemorySegment handle() {
    return handle;
  }

  long size() {
    return size;
  }

  /** A view of some bytes; closed before its parent. */
  ClBuffer slice(long offset, long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = arena.allocate(ValueLayout.JAVA_INT);
      MemorySegment region = arena.allocateFrom(ValueLayout.JAVA_LONG, offset, bytes);
      MemorySegment sub =
          clCreateSubBuffer(
              handle, CL_MEM_READ_WRITE(), CL_BUFFER_CREATE_TYPE_REGION(), region, status);
      context.created(status, "slicing a buffer");
      return new ClBuffer(context, sub, bytes, false, null);
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      context.free(handle, owner ? size : 0);
      if (host != null) {
        host.close();
      }
    }
  }
}
