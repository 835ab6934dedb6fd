package org.gatun.opencl;

import static org.gatun.bindings.opencl.opencl_h.*;

import org.gatun.backend.BackendException;

/**
 * An OpenCL call that failed: what was tried, the error's name, and a remedy where there is one.
 */
public final class ClException extends BackendException {
  private final int status;

  /** States the failed action and the status that OpenCL returned. */
  public ClException(String action, int status) {
    super(action + ": " + name(status) + remedy(status));
    this.status = status;
  }

  /** The {@code CL_…} status. */
  public int status() {
    return status;
  }

  /** Throws unless the status is {@code CL_SUCCESS}. */
  static void check(int status, String action) {
    if (status != 0) {
      throw new ClException(action, status);
    }
  }

  /** Whether the device or its memory failed, rather than our use of the API. */
  static boolean deviceFailed(int status) {
    return status == CL_DEVICE_NOT_AVAILABLE()
        || status == CL_OUT_OF_RESOURCES()
        || status == CL_OUT_OF_HOST_MEMORY();
  }

  private static String name(int s) {
    if (s == CL_OUT_OF_RESOURCES()) return "CL_OUT_OF_RESOURCES";
    if (s == CL_OUT_OF_HOST_MEMORY()) return "CL_OUT_OF_HOST_MEMORY";
    if (s == CL_MEM_OBJECT_ALLOCATION_FAILURE()) return "CL_MEM_OBJECT_ALLOCATION_FAILURE";
    if (s == CL_INVALID_BUFFER_SIZE()) return "CL_INVALID_BUFFER_SIZE";
    if (s == CL_BUILD_PROGRAM_FAILURE()) return "CL_BUILD_PROGRAM_FAILURE";
    if (s == CL_DEVICE_NOT_AVAILABLE()) return "CL_DEVICE_NOT_AVAILABLE";
    if (s == CL_COMPILER_NOT_AVAILABLE()) return "CL_COMPILER_NOT_AVAILABLE";
    if (s == CL_INVALID_WORK_GROUP_SIZE()) return "CL_INVALID_WORK_GROUP_SIZE";
    if (s == CL_INVALID_KERNEL_ARGS()) return "CL_INVALID_KERNEL_ARGS";
    if (s == CL_INVALID_KERNEL_NAME()) return "CL_INVALID_KERNEL_NAME";
    if (s == CL_INVALID_COMMAND_QUEUE()) return "CL_INVALID_COMMAND_QUEUE";
    if (s == CL_INVALID_CONTEXT()) return "CL_INVALID_CONTEXT";
    return "OpenCL error " + s;
  }

  private static String remedy(int s) {
    if (s == CL_OUT_OF_RESOURCES()) {
      // Drivers also answer so when a kernel died, or the device with it.
      return " (too little device memory, or the device was lost: use a smaller --ctx-size or model;"
          + " if that does not help, restart, or use --backend jvm)";
    }
    if (s == CL_OUT_OF_HOST_MEMORY()
        || s == CL_MEM_OBJECT_ALLOCATION_FAILURE()
        || s == CL_INVALID_BUFFER_SIZE()) {
      return " (too little device memory: use a smaller --ctx-size or model)";
    }
    if (s == CL_DEVICE_NOT_AVAILABLE()
        || s == CL_INVALID_COMMAND_QUEUE()
        || s == CL_INVALID_CONTEXT()) {
      return " (the device was lost: restart, or use --backend jvm)";
    }
    return "";
  }
}
