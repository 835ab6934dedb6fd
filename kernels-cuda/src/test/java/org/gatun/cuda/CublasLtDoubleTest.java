package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.backend.suite.OpSuite;
import org.gatun.bindings.NativeLibrary;
import org.gatun.graph.Sampling;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.Activation;
import org.gatun.graph.op.GatedMatMul;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.spec.CaseBuilder;
import org.gatun.graph.spec.Narrowing;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.Tolerance;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The cuBLASLt way against a double of cuBLASLt, not against cuBLASLt: which calls are made, with
 * which shapes, orders and types; what the double multiplies by them must be right.
 */
class CublasLtDoubleTest {
  private static final int IN = 96;
  private static final int OUT = 48;

  @BeforeAll
  static void build() throws IOException, InterruptedException {
    Path library = Files.createTempDirectory("cublaslt-double").resolve("libcublasLt.so.13");
    int code = -1;
    try {
      code =
          new ProcessBuilder(
                  "gcc",
                  "-O2",
                  "-shared",
                  "-fPIC",
                  "-o",
                  library.toString(),
                  "src/test/c/cublaslt_double.c")
              .inheritIO()
              .start()
              .waitFor();
    } catch (IOException e) {
      Assumptions.abort("gcc is needed to build the double of cuBLASLt");
    }
    assertThat(code).as("gcc's exit code").isZero();
    System.setProperty(NativeLibrary.CUBLASLT.property(), library.toString());
    assertThat(NativeLibrary.CUBLASLT.load())
        .isInstanceOfSatisfying(
            NativeLibrary.Status.Loaded.class, l -> assertThat(l.path()).isEqualTo(library));
  }

  /** The double stays loaded: other tests of this JVM do without it. */
  @AfterAll
  static void switchOff() {
    System.setProperty(CublasLt.ENABLED, "false");
  }

  @BeforeEach
  void device() throws Throwable {
    Gpu.require();
    Assumptions.assumeTrue(VirtualGpu.present(), "the double knows the virtual GPU's driver only");
    System.setProperty(CublasLt.ENABLED, "true");
    System.setProperty(CudaProgram.GRAPHS, "false");
    String path = ((NativeLibrary.Status.Loaded) NativeLibrary.CUDA.load()).path().toString();
    try (Arena arena = Arena.ofConfined()) {
      int code =
          (int)
              call(
                      "cublasLtDoubleCuda",
                      FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS))
                  .invokeExact(arena.allocateFrom(path));
      assertThat(code).isZero();
    }
    reset(false);
  }

  @AfterEach
  void everythingIsGivenBack() throws Throwable {
    System.clearProperty(CudaProgram.GRAPHS);
    int alive =
        (int)
            call("cublasLtDoubleAlive", FunctionDescriptor.of(ValueLayout.JAVA_INT)).invokeExact();
    assertThat(alive).isZero();
  }

  private static java.lang.invoke.MethodHandle call(String name, FunctionDescriptor type) {
    return Linker.nativeLinker()
        .downcallHandle(NativeLibrary.CUBLASLT.symbol(name).orElseThrow(), type);
  }

  private static void reset(boolean withoutAlgorithms) throws Throwable {
    call("cublasLtDoubleReset", FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT))
        .invokeExact(withoutAlgorithms ? 1 : 0);
  }

  private static List<String> multiplications() throws Throwable {
    MemorySegment text =
        (MemorySegment)
            call("cublasLtDoubleLog", FunctionDescriptor.of(ValueLayout.ADDRESS)).invokeExact();
    return text.reinterpret(1 << 20)
        .getString(0)
        .lines()
        .filter(l -> l.startsWith("multiply"))
        .toList();
  }

  private static OpCase product(DType f, int rows) {
    CaseBuilder c =
        new CaseBuilder("cublaslt/" + f + "/" + rows, 3).narrowing(Narrowing.weight(f, 1));
    c.op(MatMul.PLAIN, c.input("x", IN), c.weight("w", f, OUT, IN));
    return c.runRows(rows).build();
  }

  private static void passes(OpCase c) {
    try (Backend b = Backends.named("cuda").open(BackendOptions.DEFAULT)) {
      OpSuite.Result r = OpSuite.run(b, c);
      assertThat(r.status()).as(r.detail()).isEqualTo(OpSuite.Status.PASS);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F16", "BF16"})
  void manyRowsAreOneProductOfTheRightShape(DType f) throws Throwable {
    passes(product(f, 17));
    // 17 rows run in the shape of 32; columns are counted first, so the weight is transposed
    assertThat(multiplications())
        .containsExactly(
            "multiply type "
                + (f == DType.F16 ? 2 : 14)
                + ": 48 x 32 x 96, transposed 1 0, ld 96 96 48, alpha 1 beta 0, workspace 4096");
  }

  @Test
  void biasesAndGatesComeBehindTheProducts() throws Throwable {
    CaseBuilder parts =
        new CaseBuilder("cublaslt/bias", 3).narrowing(Narrowing.weight(DType.F16, 1));
    Value x = parts.input("x", IN);
    parts.op(
        new MatMul(2, true),
        x,
        parts.weight("wq", DType.F16, OUT, IN),
        parts.weight("wk", DType.BF16, 16, IN),
        parts.weight("bq", DType.F32, 1, OUT),
        parts.weight("bk", DType.F32, 1, 16));
    passes(parts.narrowing(Narrowing.weight(DType.BF16, 1)).runRows(9).build());
    assertThat(multiplications()).hasSize(2);
    reset(false);
    CaseBuilder gated =
        new CaseBuilder("cublaslt/gated", 3)
            .narrowing(Narrowing.weight(DType.F16, 2))
            .tolerance(Tolerance.SUM.times(4));
    gated.op(
        new GatedMatMul(Activation.SILU),
        gated.input("x", IN),
        gated.weight("gate", DType.F16, OUT, IN),
        gated.weight("up", DType.F16, OUT, IN));
    passes(gated.runRows(9).build());
    assertThat(multiplications()).hasSize(2);
  }

  @Test
  void fewRowsAndQuantisedWeightsKeepToTheOwnKernels() throws Throwable {
    passes(product(DType.F16, 3));
    passes(product(DType.Q8_0, 17));
    passes(product(DType.F32, 17));
    assertThat(multiplications()).isEmpty();
  }

  @Test
  void withoutAnAlgorithmTheOwnKernelDoesTheWork() throws Throwable {
    reset(true);
    passes(product(DType.F16, 17));
    assertThat(multiplications()).isEmpty();
  }

  @Test
  void switchedOffItIsNotCalled() throws Throwable {
    System.setProperty(CublasLt.ENABLED, "false");
    passes(product(DType.F16, 17));
    assertThat(multiplications()).isEmpty();
  }

  @Test
  void aShapeIsCapturedOnceAndTheProfileSaysWhoMultiplies() throws Throwable {
    OpCase c = product(DType.F16, 17);
    for (boolean profile : new boolean[] {false, true}) {
      System.setProperty(CudaProgram.GRAPHS, "true");
      reset(false);
      CompileOptions plain = CompileOptions.of(new StepLimits(64, 1, 64, 256));
      CompileOptions options =
          new CompileOptions(
              plain.limits(),
              plain.kvPages(),
              plain.kvCodec(),
              null,
              profile,
              false,
              plain.progress());
      try (Backend b = Backends.named("cuda").open(BackendOptions.DEFAULT);
          Program p = b.compile(c.graph(), c.weights(), options);
          Step s = p.newStep();
          var sequence = p.kv().sequence()) {
        for (int i = 0; i < 2; i++) {
          s.clear();
          s.add(sequence, new int[17], Sampling.GREEDY);
          p.input("x", MemorySegment.ofArray(new float[17 * IN]));
          p.run(s);
        }
        if (profile) {
          assertThat(p.profile()).extracting(Program.OpProfile::op).contains("matmul (cuBLASLt)");
        } else {
          assertThat(multiplications()).singleElement().asString().startsWith("multiply captured");
        }
      }
    }
  }
}
