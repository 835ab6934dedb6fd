package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvSequence;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.bindings.NativeLibrary;
import org.gatun.graph.Dim;
import org.gatun.graph.Graph;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.Sampling;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.op.RmsNorm;
import org.gatun.graph.op.Sample;
import org.gatun.graph.spec.RandomTensors;
import org.gatun.tensor.DType;

/**
 * What {@link LostDeviceTest} runs in a process of its own, on the double of the loader: a model's
 * life from opening the device to a profile, once for each call of OpenCL in it, which is the first
 * that finds the device lost.
 */
final class LostDeviceRun {
  /** CL_DEVICE_NOT_AVAILABLE, and what some drivers say instead: CL_OUT_OF_RESOURCES. */
  private static final int[] STATUS = {-2, -5};

  private static final int DIM = 32;
  private static final int VOCABULARY = 48;
  private static final StepLimits LIMITS = new StepLimits(8, 2, 8, 256);

  private LostDeviceRun() {}

  public static void main(String[] args) throws Throwable {
    assertThat(ClRuntime.load()).isInstanceOf(NativeLibrary.Status.Loaded.class);
    ClDevice device = ClDevice.all().getFirst();
    Path cache = Path.of(args[0]);
    MethodHandle fail = call("openclDoubleFail", FunctionDescriptor.ofVoid(INT, INT));
    MethodHandle alive = call("openclDoubleAlive", FunctionDescriptor.of(INT));
    MethodHandle failed = call("openclDoubleFailed", FunctionDescriptor.of(ValueLayout.ADDRESS));
    Map<String, Integer> errors = new TreeMap<>();
    for (boolean profile : new boolean[] {false, true}) {
      fail.invokeExact(0, 0);
      assertThat(life(device, cache, profile)).as("with a device that stays").isEmpty();
      assertThat((int) alive.invokeExact()).isZero();
      for (int nth = 1; ; nth++) {
        fail.invokeExact(nth, STATUS[nth % STATUS.length]);
        String message = life(device, cache, profile);
        String call = ((MemorySegment) failed.invokeExact()).reinterpret(99).getString(0);
        if (call.isEmpty()) {
          assertThat(message).isEmpty();
          break;
        }
        String what = "call " + nth + ", " + call + ": " + message;
        assertThat((int) alive.invokeExact()).as("objects after " + what).isZero();
        assertThat(ClContext.liveObjects()).as("objects of ours after " + what).isZero();
        if (!message.isEmpty()) {
          assertThat(message)
              .as(what)
              .doesNotContain("\n")
              .contains(
                  nth % STATUS.length == 0 ? "CL_DEVICE_NOT_AVAILABLE" : "CL_OUT_OF_RESOURCES")
              .contains("the device was lost")
              .contains("--backend jvm");
          errors.merge(call, 1, Integer::sum);
        }
      }
    }
    fail.invokeExact(0, 0);
    for (int nth : new int[] {2, 12, 20, 24}) {
      fail.invokeExact(0, 0);
      roofline(
          device,
          cache,
          () -> {
            fail.invokeExact(nth, STATUS[0]);
          });
      assertThat((int) alive.invokeExact()).as("objects after call " + nth).isZero();
      assertThat(ClContext.liveObjects()).as("objects of ours after call " + nth).isZero();
    }
    errors.forEach((call, times) -> System.out.println(call + " " + times));
  }

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;

  private static MethodHandle call(String name, FunctionDescriptor type) {
    return Linker.nativeLinker()
        .downcallHandle(NativeLibrary.OPENCL.symbol(name).orElseThrow(), type);
  }

  private static Graph graph(RandomTensors weights) {
    GraphBuilder g = new GraphBuilder("model");
    g.kvLayer(0, 1, DIM);
    Value x = g.input("x", DType.F32, Dim.TOKENS, DIM);
    Value norm = g.weight(weights.add("norm", DType.F32, 1, DIM));
    Value q = g.one("normed", new RmsNorm(1e-5f), x, norm);
    g.add("append", new KvAppend(0), q, x);
    Value a = g.add("attend", new Attention(0, 1, 1, DIM, 1, 0, 0), q).getFirst();
    Value w = g.weight(weights.add("w", DType.Q8_0, VOCABULARY, DIM));
    g.output("y", g.one("y", MatMul.PLAIN, a, w));
    Value logits = g.input("logits", DType.F32, Dim.LOGIT_ROWS, VOCABULARY);
    g.output("ids", g.add("sample", new Sample(), logits).getFirst());
    return g.build();
  }

  /** The message of what fails, empty if nothing does. */
  private static String life(ClDevice device, Path cache, boolean profile) {
    RandomTensors weights = new RandomTensors(1);
    Graph graph = graph(weights);
    CompileOptions o = CompileOptions.of(LIMITS);
    CompileOptions options =
        new CompileOptions(LIMITS, o.kvPages(), KvCodec.INT8, cache, profile, true, o.progress());
    try (OpenClBackend b = new OpenClBackend(device);
        Program p = b.compile(graph, weights, options);
        Step s = p.newStep()) {
      KvSequence first = p.kv().sequence();
      step(p, s, first, 3);
      KvSequence second = first.fork();
      step(p, s, second, 1);
      if (profile) {
        assertThat(p.profile()).hasSize(5);
      }
      return "";
    } catch (BackendException e) {
      return e.getMessage();
    }
  }

  private interface Action {
    void run() throws Throwable;
  }

  /** Measuring touches a gigabyte: not for every call, and only from there on. */
  private static void roofline(ClDevice device, Path cache, Action lose) throws Throwable {
    RandomTensors weights = new RandomTensors(1);
    CompileOptions o = CompileOptions.of(LIMITS);
    CompileOptions options =
        new CompileOptions(LIMITS, o.kvPages(), KvCodec.F32, cache, true, false, o.progress());
    try (OpenClBackend b = new OpenClBackend(device);
        Program p = b.compile(graph(weights), weights, options)) {
      lose.run();
      assertThatThrownBy(p::roofline).hasMessageContaining("the device was lost");
    }
  }

  private static void step(Program p, Step s, KvSequence sequence, int rows) {
    s.clear();
    s.add(sequence, new int[rows], Sampling.GREEDY);
    p.input("x", MemorySegment.ofArray(new float[rows * DIM]));
    p.input("logits", MemorySegment.ofArray(new float[VOCABULARY]));
    try {
      p.run(s);
    } catch (BackendException e) {
      assertThatThrownBy(() -> p.run(s)).hasMessageContaining("closed by an error");
      throw e;
    }
    s.commit();
    assertThat(p.output("ids").get(INT, 0)).isZero();
  }
}
