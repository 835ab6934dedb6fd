package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.gatun.backend.BackendException;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kernels that go beyond OpenCL C 1.2 are at least accepted, builtins and all, by a compiler that
 * knows the extensions; OpenClSuiteTest runs them with stand-ins.
 */
class VariantsTest {
  private static final Variants ALL =
      new Variants(EnumSet.allOf(Variants.Feature.class), false, "-cl-std=CL3.0");

  @TempDir Path dir;

  private static Path clang() {
    for (String folder : System.getenv("PATH").split(":")) {
      for (String name :
          List.of("clang-15", "clang-19", "clang-18", "clang-17", "clang-16", "clang")) {
        Path p = Path.of(folder, name);
        if (Files.isExecutable(p)) {
          return p;
        }
      }
    }
    System.out.println("SKIPPED: fp16, subgroups, dot as builtins: no clang (Debian: clang-15)");
    Assumptions.abort("no clang");
    throw new IllegalStateException();
  }

  @TestFactory
  List<DynamicTest> everyKernelThatUsesOneIsAccepted() {
    List<DynamicTest> tests = new ArrayList<>();
    List<String> plain = List.of("-DLOCAL=64 -DWIDTH=4");
    tests.add(accepts(List.of("norm.cl"), plain));
    tests.add(accepts(List.of("sample.cl"), plain));
    tests.add(accepts(List.of("quantise.cl"), List.of("-DSEG=16", "-DSEG=32")));
    String shape = " -DLOCAL=64 -DLEVELS=2 -DHEADS=4 -DKV_HEADS=2 -DDIM=64 -DQT=4";
    List<String> codecs =
        Stream.of("-DKV_F32", "-DKV_F16", "-DKV_INT8").map(c -> c + shape).toList();
    tests.add(accepts(List.of("lookup_gpu.cl", "lookup.cl"), codecs.subList(0, 1)));
    tests.add(accepts(List.of("kv.cl", "blocks.cl", "choose_gpu.cl"), codecs));
    tests.add(accepts(List.of("kv.cl", "attention.cl", "attention_gpu.cl"), codecs));
    for (DType t : DType.values()) {
      if (t.isWeight()) {
        List<String> files = new ArrayList<>(List.of("lanes.cl"));
        files.addAll(BlockLayout.of(t).sources());
        files.addAll(List.of("gate.cl", "project_gpu.cl"));
        String x = t.isQuantized() ? " -DX_INT8" : "";
        tests.add(
            accepts(
                files,
                List.of(
                    "-DLANES=1 -DGATED=0 -DNT=1" + x,
                    "-DLANES=1 -DGATED=1 -DNT=4" + x,
                    "-DLANES=1 -DGATED=2 -DNT=8" + x)));
      }
    }
    return tests;
  }

  private DynamicTest accepts(List<String> files, List<String> options) {
    return DynamicTest.dynamicTest(
        String.join(" ", files),
        () -> {
          for (String o : options) {
            Outcome outcome = compile(files, ALL.options(o));
            assertThat(outcome.exit).as(o + "\n" + outcome.log).isZero();
          }
        });
  }

  @Test
  void aBuiltinThatDoesNotExistIsNotAccepted() throws Exception {
    Path wrong = dir.resolve("wrong.cl");
    Files.writeString(wrong, "kernel void k(global int *y) { y[0] = dot_4x9packed_ss_int(1, 2); }");
    assertThat(run(wrong, "-cl-std=CL3.0").exit).isNotZero();
  }

  private record Outcome(int exit, String log) {}

  private Outcome compile(List<String> files, String options)
      throws IOException, InterruptedException {
    StringBuilder text = new StringBuilder();
    KernelLibrary.PRELUDE.forEach(f -> text.append(KernelLibrary.load(f)));
    files.forEach(f -> text.append(KernelLibrary.load(f)));
    Path source = dir.resolve("kernel.cl");
    Files.writeString(source, text);
    return run(source, options);
  }

  private Outcome run(Path source, String options) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(clang().toString(), "-x", "cl"));
    command.addAll(Arrays.asList(options.split(" ")));
    command.addAll(
        List.of(
            "-target",
            "spir64-unknown-unknown",
            "-Xclang",
            "-finclude-default-header",
            "-Xclang",
            "-cl-ext=+all",
            "-fsyntax-only",
            source.toString()));
    Path log = dir.resolve("log");
    Process p =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    assertThat(p.waitFor(300, TimeUnit.SECONDS)).isTrue();
    return new Outcome(p.exitValue(), Files.readString(log));
  }

  @Test
  void whatADeviceLacksIsRefusedByName() {
    TestDevice.assume();
    ClDevice d = ClDevice.all().getFirst();
    Set<Variants.Feature> present = Variants.present(d);
    System.setProperty("gatun.opencl.variants", "auto");
    try {
      try (OpenClBackend b = new OpenClBackend(d)) {
        assertThat(b.device().contains("using")).isEqualTo(!present.isEmpty());
      }
      System.setProperty("gatun.opencl.variants", "fp16,abacus");
      assertThatThrownBy(() -> new OpenClBackend(d))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("abacus")
          .hasMessageContaining("fp16, subgroups, dot");
      if (!present.contains(Variants.Feature.DOT)) {
        System.setProperty("gatun.opencl.variants", "dot");
        assertThatThrownBy(() -> new OpenClBackend(d))
            .isInstanceOf(BackendException.class)
            .hasMessageContaining("asks for dot")
            .hasMessageContaining(d.name().trim());
      }
    } finally {
      System.clearProperty("gatun.opencl.variants");
    }
    assertThat(ClContext.liveObjects()).isZero();
  }
}
