package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendException;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.graph.Dim;
import org.gatun.graph.Graph;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.Sampling;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.op.Sample;
import org.gatun.graph.spec.RandomTensors;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the backend does when something is missing, and what it does not do while it decodes. */
class CudaFaultTest {
  private static final StepLimits LIMITS = new StepLimits(8, 2, 8, 512);

  @BeforeEach
  void device() {
    Gpu.require();
  }

  private static Graph attention(int headDim) {
    GraphBuilder g = new GraphBuilder("t");
    g.kvLayer(0, 1, headDim);
    Value q = g.input("q", DType.F32, Dim.TOKENS, headDim);
    g.add("append", new KvAppend(0), q, q);
    List<Value> out = g.add("attend", new Attention(0, 1, 1, headDim, 1, 0, 0), q);
    g.output("y", out.getFirst());
    g.output(
        "ids",
        g.add("sample", new Sample(), g.input("logits", DType.F32, Dim.LOGIT_ROWS, 64)).getFirst());
    return g.build();
  }

  @Test
  void tooLittleMemoryIsOneLineAndEverythingIsFreed() {
    try (Backend b = Backends.named("cuda").open(BackendOptions.DEFAULT)) {
      CompileOptions ok = CompileOptions.of(LIMITS);
      CompileOptions huge =
          new CompileOptions(LIMITS, 1 << 28, ok.kvCodec(), null, false, false, ok.progress());
      long before = DevicePool.free();
      for (int i = 0; i < 3; i++) {
        assertThatThrownBy(() -> b.compile(attention(256), new RandomTensors(1), huge))
            .isInstanceOf(BackendException.class)
            .hasMessageContaining("MiB")
            .hasMessageContaining("--ctx-size")
            .hasMessageNotContaining("\n");
      }
      assertThat(DevicePool.free()).isEqualTo(before);
      b.compile(attention(256), new RandomTensors(1), ok).close();
      assertThat(DevicePool.free()).isEqualTo(before);
    }
  }

  /** {@code gatun devices} prints what the provider says here. */
  @Test
  void aVirtualDeviceSaysSo() {
    Assumptions.assumeTrue(VirtualGpu.present(), "this is a real device");
    assertThat(new CudaBackendProvider().probe().toString()).contains("Virtual");
    assertThat(CudaDevice.names()).isNotEmpty().allMatch(n -> n.contains("Virtual"));
  }

  @Test
  void anUnsupportedHeadDimIsRefusedByName() {
    try (Backend b = Backends.named("cuda").open(BackendOptions.DEFAULT)) {
      assertThatThrownBy(
              () -> b.compile(attention(12), new RandomTensors(1), CompileOptions.of(LIMITS)))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("head dim 12");
    }
  }

  @Test
  void decodingAllocatesNothingAndWaitsOncePerStep() {
    Assumptions.assumeTrue(VirtualGpu.present(), "only the virtual GPU counts driver calls");
    try (Backend b = Backends.named("cuda").open(BackendOptions.DEFAULT);
        Program p = b.compile(attention(64), new RandomTensors(1), CompileOptions.of(LIMITS));
        Step s = p.newStep()) {
      var sequence = p.kv().sequence();
      decode(p, s, sequence);
      decode(p, s, sequence);
      String before = VirtualGpu.report();
      int steps = 5;
      for (int i = 0; i < steps; i++) {
        decode(p, s, sequence);
      }
      String after = VirtualGpu.report();
      for (String none :
          List.of(
              "cuMemAllocFromPoolAsync",
              "cuMemFreeAsync",
              "cuMemHostAlloc",
              "cuCtxSynchronize",
              "cuLaunchKernel",
              "cuGraphInstantiate")) {
        assertThat(count(after, none)).as(none).isEqualTo(count(before, none));
      }
      assertThat(count(after, "cuStreamSynchronize") - count(before, "cuStreamSynchronize"))
          .isEqualTo(steps);
      assertThat(count(after, "cuGraphLaunch") - count(before, "cuGraphLaunch")).isEqualTo(steps);
    }
  }

  private static void decode(Program p, Step s, org.gatun.attention.KvSequence sequence) {
    s.clear();
    s.add(sequence, new int[] {1}, Sampling.GREEDY);
    p.input("q", MemorySegment.ofArray(new float[64]));
    p.input("logits", MemorySegment.ofArray(new float[64]));
    p.run(s);
    s.commit();
    assertThat(p.output("ids").get(ValueLayout.JAVA_INT, 0)).isZero();
  }

  private static long count(String report, String name) {
    Matcher m = Pattern.compile("\"" + name + "\":(\\d+)").matcher(report);
    return m.find() ? Long.parseLong(m.group(1)) : 0;
  }
}
