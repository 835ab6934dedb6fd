package org.gatun.opencl;

import org.gatun.bindings.NativeLibrary;
import org.junit.jupiter.api.Assumptions;

/** What tests on a device ask first. */
final class TestDevice {
  private TestDevice() {}

  /** Skips the test where there is no OpenCL device. */
  static void assume() {
    Assumptions.assumeTrue(
        ClRuntime.load() instanceof NativeLibrary.Status.Loaded && !ClDevice.all().isEmpty(),
        "no OpenCL device");
  }
}
