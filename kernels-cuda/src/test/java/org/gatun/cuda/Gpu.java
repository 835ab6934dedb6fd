package org.gatun.cuda;

import java.nio.file.Files;
import java.nio.file.Path;
import org.gatun.bindings.NativeLibrary;
import org.junit.jupiter.api.Assumptions;

/**
 * Which device the tests use: the one that is named, else the virtual GPU of this checkout, else a
 * real driver.
 */
final class Gpu {
  private Gpu() {}

  /** Skips the test, out loud, where there is no device or no PTX. */
  static void require() {
    Path virtual = Path.of("../build/virtual-gpu/libcuda.so.1").toAbsolutePath().normalize();
    NativeLibrary cuda = NativeLibrary.CUDA;
    boolean named =
        System.getProperty(cuda.property()) != null
            || System.getenv(cuda.environmentVariable()) != null;
    if (!named && Files.isRegularFile(virtual)) {
      System.setProperty(cuda.property(), virtual.toString());
    }
    Assumptions.assumeTrue(
        cuda.load() instanceof NativeLibrary.Status.Loaded,
        "no CUDA device: build the virtual GPU with ci/virtual-gpu/test, or set "
            + cuda.environmentVariable());
    Assumptions.assumeTrue(Kernels.present(), Kernels.MISSING);
    // A library is looked for once per JVM. The virtual GPU runs none; the double's test wants to
    // be
    // first to name one, and switches it on.
    if (VirtualGpu.present() && System.getProperty(CublasLt.ENABLED) == null) {
      System.setProperty(CublasLt.ENABLED, "false");
    }
  }

  /** Skips the test, out loud, where fewer than {@code devices} devices are there. */
  static void requireSeveral(int devices) {
    require();
    int there = CudaDevice.names().size();
    Assumptions.assumeTrue(
        there >= devices,
        devices + " devices are needed, " + there + " are there (GATUN_VGPU_DEVICES gives more)");
  }
}
