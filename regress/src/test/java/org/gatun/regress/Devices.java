package org.gatun.regress;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.gatun.backend.suite.Lane;
import org.junit.jupiter.api.Assumptions;

/** The virtual GPU and nvcc of this checkout, for lanes that need them. */
final class Devices {
  static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Path VIRTUAL = ROOT.resolve("build/virtual-gpu/libcuda.so.1");

  private Devices() {}

  /** The lane on the virtual GPU, where that is a CUDA lane and no other driver is named. */
  static Lane here(Lane l) {
    if (!l.backend().equals("cuda")
        || System.getenv("GATUN_LIBRARY_CUDA") != null
        || !Files.exists(VIRTUAL)) {
      return l;
    }
    return new Lane(
        l.name(),
        l.backend(),
        Map.of("gatun.library.cuda", VIRTUAL.toString()),
        l.withEnvironment("NVCC", ROOT.resolve("ci/nvcc").toString()).environment(),
        l.missing(),
        l.quick(),
        l.full());
  }

  /** Skips, out loud, what needs the virtual GPU. */
  static void requireVirtualGpu() {
    Assumptions.assumeTrue(Files.exists(VIRTUAL), "no virtual GPU: ci/virtual-gpu/test builds it");
  }

  /** Skips, out loud, what needs Oclgrind. */
  static void requireOclgrind() {
    Assumptions.assumeTrue(
        Files.exists(Path.of("/usr/lib/oclgrind/liboclgrind-rt.so")),
        "no Oclgrind here (Debian: oclgrind)");
  }
}
