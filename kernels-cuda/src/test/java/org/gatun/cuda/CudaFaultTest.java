package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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

  /**
   * One call of the driver after another fails, from opening the device over compiling to steps
   * that are captured and replayed: each time one line says so, and what was taken is given back
   * (the virtual GPU reports what is alive when the context ends; pinned memory and graphs are
   * counted).
   */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whicheverCallFailsOneLineSaysSoAndEverythingIsFreed(boolean profile) {
    Assumptions.assumeTrue(VirtualGpu.present(), "only the virtual GPU fails when it is told to");
    Set<String> said = new HashSet<>();
    int failed = 0;
    for (int nth = 1; ; nth++) {
      String before = VirtualGpu.report();
      long findings = VirtualGpu.findings();
      VirtualGpu.fail(nth, failed % 2 == 0 ? 2 : 999);
      String message = twoSteps(profile);
      boolean came = VirtualGpu.fail(0, 0) == 0;
      assertThat(VirtualGpu.findings())
          .as("findings after call %d: %s", nth, message)
          .isEqualTo(findings);
      if (!came) {
        assertThat(message).isEmpty();
        break;
      }
      failed++;
      if (!message.isEmpty()) {
        assertThat(message).doesNotContain("\n").containsAnyOf("; ", "CUDA could not", "MiB");
        said.add(message);
      }
      String after = VirtualGpu.report();
      String what = "call " + nth + ": " + message;
      assertThat(made(after, before, "cuMemHostAlloc", message, "pinned"))
          .as(what)
          .isEqualTo(made(after, before, "cuMemFreeHost", "", "-"));
      assertThat(made(after, before, "cuStreamEndCapture", "", "-"))
          .as(what)
          .isEqualTo(made(after, before, "cuGraphDestroy", "", "-"));
    }
    assertThat(failed).isGreaterThan(40);
    assertThat(said).hasSizeGreaterThan(10);
  }

  /** Calls between two reports, less the one that failed. */
  private static long made(
      String after, String before, String call, String message, String failure) {
    return count(after, call) - count(before, call) - (message.contains(failure) ? 1 : 0);
  }

  /** The message of what fails, empty if nothing does. */
  private static String twoSteps(boolean profile) {
    CompileOptions o = CompileOptions.of(LIMITS);
    CompileOptions options =
        new CompileOptions(LIMITS, o.kvPages(), o.kvCodec(), null, profile, false, o.progress());
    try (Backend b = Backends.named("cuda").open(BackendOptions.DEFAULT);
        Program p = b.compile(attention(64), new RandomTensors(1), options);
        Step s = p.newStep()) {
      var sequence = p.kv().sequence();
      decode(p, s, sequence);
      decode(p, s, sequence);
      return "";
    } catch (BackendException e) {
      return e.getMessage();
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
