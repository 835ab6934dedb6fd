package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.graph.Dim;
import org.gatun.graph.Graph;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.spec.RandomTensors;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What goes wrong is said in one line, and nothing stays on the device. */
class FailureTest {
  private OpenClBackend backend;

  @BeforeEach
  void open() {
    TestDevice.assume();
    backend = new OpenClBackend(ClDevice.all().getFirst());
  }

  @AfterEach
  void nothingIsLeft() {
    if (backend != null) {
      backend.close();
      assertThat(ClContext.liveObjects()).isZero();
    }
  }

  private static Graph product(RandomTensors weights, int out, int in) {
    GraphBuilder g = new GraphBuilder("product");
    Value x = g.input("x", DType.F32, Dim.TOKENS, in);
    g.output("y", g.one("y", MatMul.PLAIN, x, g.weight(weights.add("w", DType.F32, out, in))));
    return g.build();
  }

  @Test
  void aKernelThatDoesNotCompileShowsTheLog() {
    try (ClContext context = new ClContext(ClDevice.all().getFirst());
        KernelLibrary kernels = new KernelLibrary(context, Variants.NONE)) {
      assertThatThrownBy(
              () -> kernels.build(null, "kernel void k() { nonsense(); }", "", "wrong.cl"))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("wrong.cl")
          .hasMessageContaining("nonsense")
          .message()
          .doesNotContain("\n");
    }
  }

  @Test
  void tooLargeAStepNamesBothSizes() {
    RandomTensors weights = new RandomTensors(1);
    Graph g = product(weights, 64, 64);
    StepLimits huge = new StepLimits(1 << 30, 1, 1, 64);
    assertThatThrownBy(() -> backend.compile(g, weights, CompileOptions.of(huge)))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("MiB");
  }

  @Test
  void whatIsLackingIsRefusedByName() {
    GraphBuilder g = new GraphBuilder("attention");
    g.kvLayer(0, 1, 20);
    Value q = g.input("q", DType.F32, Dim.TOKENS, 20);
    g.output("y", g.one("y", new Attention(0, 1, 1, 20, 1, 0, 0), q));
    StepLimits limits = new StepLimits(4, 1, 1, 64);
    RandomTensors none = new RandomTensors(1);
    assertThatThrownBy(() -> backend.compile(g.build(), none, CompileOptions.of(limits)))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("Attention")
        .hasMessageContaining("multiple of 16");
  }

  @Test
  void aMissingWeightFreesWhatWasUploaded() {
    RandomTensors weights = new RandomTensors(1);
    Graph g = product(weights, 64, 64);
    assertThatThrownBy(
            () ->
                backend.compile(
                    g, new RandomTensors(2), CompileOptions.of(new StepLimits(4, 1, 1, 64))))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void binariesAreKeptAndADamagedOneIsBuiltAnew(@TempDir Path dir) throws Exception {
    RandomTensors weights = new RandomTensors(1);
    Graph g = product(weights, 64, 64);
    CompileOptions base = CompileOptions.of(new StepLimits(4, 1, 1, 64));
    CompileOptions options =
        new CompileOptions(
            base.limits(), base.kvPages(), base.kvCodec(), dir, false, false, base.progress());
    try (Program p = backend.compile(g, weights, options)) {
      assertThat(p.memory().weights()).isEqualTo(4 * 64 * 64);
    }
    try (var files = Files.list(dir.resolve("opencl"))) {
      var all = files.toList();
      assertThat(all).isNotEmpty();
      for (Path f : all) {
        Files.writeString(f, "damaged");
      }
    }
    try (OpenClBackend other = new OpenClBackend(ClDevice.all().getFirst());
        Program p = other.compile(g, weights, options)) {
      assertThat(p.memory().weights()).isEqualTo(4 * 64 * 64);
    }
  }

  @Test
  void anUnknownDeviceIsAnsweredWithThoseThatAre() {
    assertThatThrownBy(() -> OpenClBackendProvider.choose(ClDevice.all(), "gpu:7"))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("gpu:7")
        .hasMessageContaining(ClDevice.all().getFirst().driver());
  }
}
