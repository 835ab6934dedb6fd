package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.gatun.backend.BackendException;

/** One device with its primary context and stream. */
final class CudaDevice implements AutoCloseable {
  private static final int MULTIPROCESSORS = 16;
  private static final int CAPABILITY_MAJOR = 75;
  private static final int CAPABILITY_MINOR = 76;
  private static final int MEMORY_POOLS = 115;
  private static final int NON_BLOCKING = 1;

  private final int device;
  private final MemorySegment context;
  private final MemorySegment stream;
  private final String name;
  private final int multiprocessors;

  private CudaDevice(
      int device, MemorySegment context, MemorySegment stream, String name, int multiprocessors) {
    this.device = device;
    this.context = context;
    this.stream = stream;
    this.name = name;
    this.multiprocessors = multiprocessors;
  }

  /** Names of all devices. */
  static List<String> names() {
    Cuda.check(cuInit(0), "start");
    List<String> names = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment n = arena.allocate(ValueLayout.JAVA_INT);
      Cuda.check(cuDeviceGetCount(n), "count devices");
      int count = n.get(ValueLayout.JAVA_INT, 0);
      if (count == 0) {
        throw Cuda.failure(100, "find a device");
      }
      for (int i = 0; i < count; i++) {
        Cuda.check(cuDeviceGet(n, i), "open device " + i);
        names.add(describe(n.get(ValueLayout.JAVA_INT, 0)));
      }
    }
    return names;
  }

  /** Opens device {@code ordinal}; the caller closes it. */
  static CudaDevice open(int ordinal) {
    List<String> names = names();
    if (ordinal < 0 || ordinal >= names.size()) {
      throw new BackendException(
          "no CUDA device " + ordinal + "; there are " + names.size() + ": " + names);
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment n = arena.allocate(ValueLayout.JAVA_INT);
      Cuda.check(cuDeviceGet(n, ordinal), "open device " + ordinal);
      int device = n.get(ValueLayout.JAVA_INT, 0);
      int capability =
          attribute(device, CAPABILITY_MAJOR) * 10 + attribute(device, CAPABILITY_MINOR);
      if (capability < 80) {
        throw new BackendException(
            names.get(ordinal)
                + " is older than compute capability 8.0, which the kernels need; use --backend opencl");
      }
      if (attribute(device, MEMORY_POOLS) == 0) {
        throw new BackendException(
            names.get(ordinal) + " has no memory pools; update the NVIDIA driver");
      }
      MemorySegment p = arena.allocate(ValueLayout.ADDRESS);
      Cuda.check(cuDevicePrimaryCtxRetain(p, device), "open a context on device " + ordinal);
      MemorySegment context = p.get(ValueLayout.ADDRESS, 0);
      try {
        Cuda.check(cuCtxSetCurrent(context), "enter the context");
        int multiprocessors = attribute(device, MULTIPROCESSORS);
        Cuda.check(cuStreamCreate(p, NON_BLOCKING), "create a stream");
        MemorySegment stream = p.get(ValueLayout.ADDRESS, 0);
        return new CudaDevice(device, context, stream, names.get(ordinal), multiprocessors);
      } catch (RuntimeException e) {
        cuDevicePrimaryCtxRelease_v2(device);
        throw e;
      }
    }
  }

  /** Makes the context current on this thread: every entry from outside begins with it. */
  void enter() {
    Cuda.check(cuCtxSetCurrent(context), "enter the context");
  }

  /**
   * The same before things are given back: whether or not it works, the rest must be tried, since a
   * lost context is given back too.
   */
  void enterToClose() {
    cuCtxSetCurrent(context);
  }

  /** Waits for all work of the stream; a failed kernel shows here. */
  void synchronize(String what) {
    Cuda.check(cuStreamSynchronize(stream), what);
  }

  int ordinal() {
    return device;
  }

  /** The device's identity, which no other has: 16 bytes. */
  byte[] uuid() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(16);
      Cuda.check(cuDeviceGetUuid_v2(bytes, device), "read the device's identity");
      return bytes.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  MemorySegment context() {
    return context;
  }

  MemorySegment stream() {
    return stream;
  }

  String name() {
    return name;
  }

  /** The architecture, such as {@code sm_90}. */
  String architecture() {
    return "sm_" + attribute(device, CAPABILITY_MAJOR) + attribute(device, CAPABILITY_MINOR);
  }

  int multiprocessors() {
    return multiprocessors;
  }

  @Override
  public void close() {
    enterToClose();
    cuStreamSynchronize(stream);
    cuStreamDestroy_v2(stream);
    cuDevicePrimaryCtxRelease_v2(device);
  }

  private static int attribute(int device, int which) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment n = arena.allocate(ValueLayout.JAVA_INT);
      Cuda.check(cuDeviceGetAttribute(n, which, device), "read attribute " + which);
      return n.get(ValueLayout.JAVA_INT, 0);
    }
  }

  private static String describe(int device) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocate(256);
      Cuda.check(cuDeviceGetName(text, 256, device), "read the device's name");
      MemorySegment bytes = arena.allocate(ValueLayout.JAVA_LONG);
      Cuda.check(cuDeviceTotalMem_v2(bytes, device), "read the device's memory");
      return "%s (compute %d.%d, %.1f GiB)"
          .formatted(
              text.getString(0),
              attribute(device, CAPABILITY_MAJOR),
              attribute(device, CAPABILITY_MINOR),
              bytes.get(ValueLayout.JAVA_LONG, 0) / (double) (1L << 30));
    }
  }
}
