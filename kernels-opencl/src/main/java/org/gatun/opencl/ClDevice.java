package org.gatun.opencl;

import static org.gatun.bindings.opencl.opencl_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * An OpenCL device and what kernels are chosen by.
 *
 * @param id {@code cl_device_id}
 * @param gpu whether GPU-shaped tiles suit it
 * @param vectorWidth native f32 lanes, as the driver states them
 * @param globalBytes device memory
 * @param maxAllocBytes largest single buffer
 * @param localBytes local memory of a work-group
 */
record ClDevice(
    MemorySegment id,
    MemorySegment platform,
    String platformName,
    String name,
    String version,
    String driver,
    boolean gpu,
    int computeUnits,
    int vectorWidth,
    long globalBytes,
    long maxAllocBytes,
    long localBytes,
    long maxWorkGroup,
    Set<String> extensions) {

  /** All devices with a compiler, GPUs first. The library must be loaded. */
  static List<ClDevice> all() {
    List<ClDevice> devices = new ArrayList<>();
    try (Arena arena = Arena.ofConfined();
        SignalGuard signals = new SignalGuard()) {
      MemorySegment count = arena.allocate(ValueLayout.JAVA_INT);
      if (clGetPlatformIDs(0, MemorySegment.NULL, count) != CL_SUCCESS()) {
        return devices;
      }
      int platforms = count.get(ValueLayout.JAVA_INT, 0);
      MemorySegment ids = arena.allocate(ValueLayout.ADDRESS, Math.max(1, platforms));
      ClException.check(
          clGetPlatformIDs(platforms, ids, MemorySegment.NULL), "listing OpenCL platforms");
      for (int p = 0; p < platforms; p++) {
        list(ids.getAtIndex(ValueLayout.ADDRESS, p), devices, arena);
      }
    }
    devices.sort((a, b) -> Boolean.compare(b.gpu, a.gpu));
    return devices;
  }

  private static void list(MemorySegment platform, List<ClDevice> out, Arena arena) {
    MemorySegment count = arena.allocate(ValueLayout.JAVA_INT);
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL(), 0, MemorySegment.NULL, count) != 0) {
      return; // CL_DEVICE_NOT_FOUND: a driver without its device
    }
    int n = count.get(ValueLayout.JAVA_INT, 0);
    MemorySegment ids = arena.allocate(ValueLayout.ADDRESS, Math.max(1, n));
    ClException.check(
        clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL(), n, ids, MemorySegment.NULL),
        "listing OpenCL devices");
    for (int i = 0; i < n; i++) {
      MemorySegment d = ids.getAtIndex(ValueLayout.ADDRESS, i);
      if (number(d, CL_DEVICE_AVAILABLE(), 4) != 0
          && number(d, CL_DEVICE_COMPILER_AVAILABLE(), 4) != 0) {
        out.add(
            new ClDevice(
                d,
                platform,
                text(platform, CL_PLATFORM_NAME(), true),
                text(d, CL_DEVICE_NAME(), false),
                text(d, CL_DEVICE_VERSION(), false),
                text(d, CL_DRIVER_VERSION(), false),
                (number(d, CL_DEVICE_TYPE(), 8) & CL_DEVICE_TYPE_GPU()) != 0,
                (int) number(d, CL_DEVICE_MAX_COMPUTE_UNITS(), 4),
                (int) number(d, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT(), 4),
                number(d, CL_DEVICE_GLOBAL_MEM_SIZE(), 8),
                number(d, CL_DEVICE_MAX_MEM_ALLOC_SIZE(), 8),
                number(d, CL_DEVICE_LOCAL_MEM_SIZE(), 8),
                number(d, CL_DEVICE_MAX_WORK_GROUP_SIZE(), 8),
                Set.of(text(d, CL_DEVICE_EXTENSIONS(), false).trim().split("\\s+"))));
      }
    }
  }

  private static long number(MemorySegment device, int what, int bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(ValueLayout.JAVA_LONG);
      ClException.check(
          clGetDeviceInfo(device, what, bytes, value, MemorySegment.NULL), "querying a device");
      return value.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  private static String text(MemorySegment id, int what, boolean ofPlatform) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
      MemorySegment none = MemorySegment.NULL;
      ClException.check(
          ofPlatform
              ? clGetPlatformInfo(id, what, 0, none, size)
              : clGetDeviceInfo(id, what, 0, none, size),
          "querying OpenCL");
      long n = size.get(ValueLayout.JAVA_LONG, 0);
      MemorySegment s = arena.allocate(n + 1);
      ClException.check(
          ofPlatform
              ? clGetPlatformInfo(id, what, n, s, none)
              : clGetDeviceInfo(id, what, n, s, none),
          "querying OpenCL");
      return s.getString(0);
    }
  }

  @Override
  public String toString() {
    return name.trim()
        + " ("
        + platformName
        + ", "
        + driver
        + ", "
        + computeUnits
        + " units, "
        + (globalBytes >> 20)
        + " MiB, "
        + (Variants.present(this).isEmpty() ? "no variants" : "has " + Variants.present(this))
        + ")";
  }
}
