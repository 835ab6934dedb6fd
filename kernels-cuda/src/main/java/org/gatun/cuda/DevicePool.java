package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.gatun.backend.BackendException;

/**
 * What one program takes from the device's stream-ordered pool. Everything is allocated while it is
 * compiled and freed by {@link #close}.
 */
final class DevicePool implements AutoCloseable {
  private final CudaDevice device;
  private final MemorySegment pool;
  private final List<Long> allocated = new ArrayList<>();
  private long bytes;

  DevicePool(CudaDevice device) {
    this.device = device;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment p = arena.allocate(ValueLayout.ADDRESS);
      Cuda.check(cuDeviceGetDefaultMemPool(p, device.ordinal()), "find the device's memory pool");
      pool = p.get(ValueLayout.ADDRESS, 0);
    }
  }

  /**
   * Device memory; its content is undefined.
   *
   * @throws BackendException if there is too little: the message has both sizes
   */
  long allocate(long size, String what) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment p = arena.allocate(ValueLayout.JAVA_LONG);
      int code = cuMemAllocFromPoolAsync(p, Math.max(size, 256), pool, device.stream());
      if (code == 2) {
        throw new BackendException(
            "%s need %,d MiB of device memory and %,d MiB are free on %s; use a smaller --ctx-size or a smaller model"
                .formatted(what, size >> 20, free() >> 20, device.name()));
      }
      Cuda.check(code, "allocate " + size + " bytes for " + what);
      long at = p.get(ValueLayout.JAVA_LONG, 0);
      allocated.add(at);
      bytes += size;
      return at;
    }
  }

  /** Bytes handed out. */
  long bytes() {
    return bytes;
  }

  /** Free bytes of the current device. */
  static long free() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment both = arena.allocate(16);
      Cuda.check(cuMemGetInfo_v2(both, both.asSlice(8)), "read the free memory");
      return both.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  @Override
  public void close() {
    for (long at : allocated) {
      cuMemFreeAsync(at, device.stream());
    }
    allocated.clear();
    cuStreamSynchronize(device.stream());
  }
}
