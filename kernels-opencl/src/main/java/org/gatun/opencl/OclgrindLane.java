package org.gatun.opencl;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.gatun.backend.suite.Lane;

/** How the suite runs OpenCL kernels under Oclgrind: which library, which checks, which cases. */
final class OclgrindLane {
  /** The simulator as an OpenCL library; the property names another place. */
  static final Path LIBRARY =
      Path.of(System.getProperty("gatun.library.oclgrind", "/usr/lib/oclgrind/liboclgrind-rt.so"));

  /** Cases whose kernels together cover every source file. */
  private static final List<String> QUICK =
      List.of(
          "(add|gather_rows|rms_norm|add_rms_norm|gated_act)/.*",
          "rope/(half/d=64/r=64|interleaved/d=64/r=32)/h=\\d/near",
          "embed/[A-Z0-9_]+/first=0",
          "sample/(v=2/.*|v=1000/Sampling.temperature=(0\\.7|1\\.3).*)",
          "candidates/n=33/k=31/.*",
          "matmul/(F32|F16|Q8_0|Q5_1|Q4_K|Q3_K|Q6_K)/(1x\\d+x48|3x\\d+x5)",
          "matmul/Q8_0/17x\\d+x48",
          "gated_matmul/Q8_0/GELU_TANH/1x.*",
          "attention_(squeezed|blocktopk)/h=2/1/.*/F16",
          "attention/(full_mask|compacted_window)");

  private static final List<String> FULL =
      List.of(
          "(add|gather_rows|rms_norm|add_rms_norm|gated_act|embed|sample)/.*",
          "candidates/n=(33|1000)/.*",
          "sample_pairs/v=1000/.*",
          "rope/.*/near",
          "matmul/[A-Z0-9_]+/[13]x.*",
          "matmul/(F32|F16|Q8_0|Q4_K)/17x.*x48",
          "gated_matmul/((F16|Q8_0|Q4_K)/.*/1x.*|Q4_K\\+Q6_K/1x.*)",
          "attention_squeezed/h=2/1/.*",
          "attention_blocktopk/h=2/1/.*/F16",
          "attention/(full_mask|compacted_window|tree|int8_halves)");

  private OclgrindLane() {}

  /** All checks and instruction counts, on CPU- or GPU-shaped tiles. */
  static Lane of(boolean gpu) {
    Map<String, String> environment =
        Map.of(
            "OCLGRIND_DATA_RACES",
            "1",
            "OCLGRIND_UNINITIALIZED",
            "1",
            "OCLGRIND_CHECK_API",
            "1",
            "OCLGRIND_INST_COUNTS",
            "1",
            "OCLGRIND_NUM_THREADS",
            "1",
            // The limit is one for the process: behind it nothing is reported any more.
            "OCLGRIND_MAX_ERRORS",
            "1000000",
            // Optimised IR has shuffles with undefined lanes, which crash Oclgrind 21.10.
            "OCLGRIND_BUILD_OPTIONS",
            "-cl-opt-disable",
            "OCLGRIND_LOG",
            "{dir}/log");
    return new Lane(
        gpu ? "oclgrind-gpu" : "oclgrind",
        "opencl",
        Map.of(
            "gatun.library.opencl",
            LIBRARY.toString(),
            "gatun.opencl.checked",
            "true",
            "gatun.opencl.tiles",
            gpu ? "gpu" : "cpu",
            OclgrindWitness.FOLDER,
            "{dir}"),
        environment,
        Files.exists(LIBRARY)
            ? ""
            : "no Oclgrind at " + LIBRARY + " → install it (Debian: oclgrind)",
        QUICK,
        FULL);
  }
}
