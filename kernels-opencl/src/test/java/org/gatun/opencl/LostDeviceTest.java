package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.gatun.generate.golden.GoldenFiles;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A device that is lost at any call, which no driver at hand does on demand: a double of the loader
 * passes calls on to the real one and, from a chosen one on, answers with an error.
 */
class LostDeviceTest {
  @TempDir private static Path dir;
  private static Path library;

  @BeforeAll
  static void build() throws IOException, InterruptedException {
    TestDevice.assume();
    library = dir.resolve("libopencl_double.so");
    int code = -1;
    try {
      code =
          new ProcessBuilder(
                  "gcc",
                  "-O1",
                  "-shared",
                  "-fPIC",
                  "-o",
                  library.toString(),
                  "src/test/c/opencl_double.c")
              .inheritIO()
              .start()
              .waitFor();
    } catch (IOException e) {
      Assumptions.abort("gcc is needed to build the double of OpenCL's loader");
    }
    assertThat(code).as("gcc's exit code").isZero();
  }

  private static ChildJvm onTheDouble(Map<String, String> environment, String main, String... args)
      throws IOException, InterruptedException {
    return ChildJvm.run(
        dir,
        environment,
        List.of("-ea", "-XX:+UseSerialGC", "-Dgatun.library.opencl=" + library),
        main,
        args);
  }

  @Test
  void whicheverCallFailsOneLineSaysSoAndEverythingIsFreed() throws Exception {
    ChildJvm child =
        onTheDouble(Map.of(), LostDeviceRun.class.getName(), dir.resolve("cache").toString());
    assertThat(child.exit()).as(child.output()).isZero();
    System.out.println("calls that were the first to fail, with an error:\n" + child.output());
    assertThat(child.lines())
        .extracting(l -> l.split(" ")[0])
        .contains(
            "clCreateContext",
            "clCreateCommandQueue",
            "clCreateBuffer",
            "clCreateSubBuffer",
            "clCreateKernel",
            "clSetKernelArg",
            "clEnqueueWriteBuffer",
            "clEnqueueReadBuffer",
            "clEnqueueNDRangeKernel",
            "clGetEventProfilingInfo",
            "clFinish");
  }

  /** The command line: opening, while weights are uploaded, in a step of many tokens, in one. */
  @ParameterizedTest
  @CsvSource({
    "clCreateContext,1",
    "clEnqueueWriteBuffer,5",
    "clEnqueueNDRangeKernel,60",
    "clEnqueueReadBuffer,5"
  })
  void theCommandEndsWithOneLine(String call, int nth) throws Exception {
    ChildJvm child =
        onTheDouble(
            Map.of("OPENCL_DOUBLE_FAIL", call + " " + nth + " -2"),
            "org.gatun.cli.Main",
            "run",
            "-m",
            GoldenFiles.tiny("llama").folder().resolve("model.gguf").toString(),
            "--backend",
            "opencl",
            "--raw",
            "-p",
            "hello",
            "-n",
            "16",
            "--json");
    assertThat(child.exit()).as(child.output()).isEqualTo(1);
    assertThat(child.lines().stream().filter(l -> !l.startsWith("gatun: uploading weights")))
        .as(child.output())
        .singleElement()
        .asString()
        .startsWith("gatun: ")
        .contains("CL_DEVICE_NOT_AVAILABLE (the device was lost: restart, or use --backend jvm)");
  }
}
