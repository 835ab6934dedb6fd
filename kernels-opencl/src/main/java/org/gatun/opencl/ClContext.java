package org.gatun.opencl;

import static org.gatun.bindings.opencl.opencl_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.gatun.backend.LargePages;
import org.jspecify.annotations.Nullable;

/** A context on one device; creates and counts every OpenCL object, so that leaks show. */
final class ClContext implements AutoCloseable {
  /** Objects of all contexts of this process that were created and not yet released. */
  private static final AtomicInteger LIVE = new AtomicInteger();

  /**
   * For checkers such as Oclgrind ({@code -Dgatun.opencl.checked=true}): each value has a buffer of
   * its own and of its exact size, and no buffer is freed before its context, so that an access
   * beyond a value shows, and no address inherits what a checker remembers of an earlier buffer.
   */
  static final boolean CHECKED = Boolean.getBoolean("gatun.opencl.checked");

  private final ClDevice device;
  private final MemorySegment handle;
  private final AtomicLong bytes = new AtomicLong();
  private final Queue<MemorySegment> kept = new ConcurrentLinkedQueue<>();

  ClContext(ClDevice device) {
    this.device = device;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = arena.allocate(ValueLayout.JAVA_INT);
      MemorySegment ids = arena.allocateFrom(ValueLayout.ADDRESS, device.id());
      handle =
          clCreateContext(
              MemorySegment.NULL, 1, ids, MemorySegment.NULL, MemorySegment.NULL, status);
      created(status, "creating a context on " + device.name());
    }
  }

  /** Live OpenCL objects that Gatun made in this process. */
  static int liveObjects() {
    return LIVE.get();
  }

  ClDevice device() {
    return device;
  }

  MemorySegment handle() {
    return handle;
  }

  /** Bytes in buffers that are not yet freed. */
  long bytes() {
    return bytes.get();
  }

  /** Counts an object whose creation returned this status. */
  void created(MemorySegment status, String action) {
    ClException.check(status.get(ValueLayout.JAVA_INT, 0), action);
    counted();
  }

  /** Counts an object that a successful call made beside its work: an event. */
  void counted() {
    LIVE.incrementAndGet();
  }

  /**
   * Counts a released object. A device that is lost answers with an error here, too; that must not
   * keep the rest from being released, and whoever needs to know was told by the call that failed.
   */
  void released(int status, String action) {
    LIVE.decrementAndGet();
    if (!ClException.deviceFailed(status)) {
      ClException.check(status, action);
    }
  }

  /** A read-write buffer; {@code what} names it in errors. */
  ClBuffer buffer(String what, long size) {
    return buffer(what, size, false);
  }

  /** A buffer that is read in short pieces from all over: on a CPU it asks for large pages. */
  ClBuffer scattered(String what, long size) {
    return buffer(what, size, !device.gpu() && !CHECKED);
  }

  @SuppressWarnings("MustBeClosedChecker") // the buffer owns its host memory and closes it
  private ClBuffer buffer(String what, long size, boolean largePages) {
    long padded = Math.max(CHECKED ? 4 : 64, size);
    if (padded > device.maxAllocBytes()) {
      throw new org.gatun.backend.BackendException(
          what
              + " needs one buffer of "
              + (padded >> 20)
              + " MiB and "
              + device.name().trim()
              + " allows "
              + (device.maxAllocBytes() >> 20)
              + " MiB; use a smaller --ctx-size or model");
    }
    @Nullable Arena host = largePages ? Arena.ofShared() : null;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = arena.allocate(ValueLayout.JAVA_INT);
      MemorySegment at = host == null ? MemorySegment.NULL : LargePages.allocate(host, padded);
      long flags = CL_MEM_READ_WRITE() | (host == null ? 0 : CL_MEM_USE_HOST_PTR());
      MemorySegment mem = clCreateBuffer(handle, flags, padded, at, status);
      created(status, "allocating " + (padded >> 10) + " KiB for " + what);
      bytes.addAndGet(padded);
      return new ClBuffer(this, mem, padded, true, host);
    } catch (RuntimeException e) {
      if (host != null) {
        host.close();
      }
      throw e;
    }
  }

  /** Releases a buffer; {@code size} is zero for a slice. */
  void free(MemorySegment buffer, long size) {
    bytes.addAndGet(-size);
    if (CHECKED) {
      kept.add(buffer);
    } else {
      released(clReleaseMemObject(buffer), "freeing a buffer");
    }
  }

  @Override
  public void close() {
    kept.forEach(b -> released(clReleaseMemObject(b), "freeing a buffer"));
    released(clReleaseContext(handle), "releasing a context");
  }
}
