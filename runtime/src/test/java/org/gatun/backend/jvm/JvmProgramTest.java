package org.gatun.backend.jvm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvSequence;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.backend.Progress;
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
import org.gatun.graph.spec.RandomTensors;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What a program promises beyond single ops: bits that do not depend on the batch, and the repacked
 * file.
 */
class JvmProgramTest {
  private static final StepLimits LIMITS = new StepLimits(64, 4, 4, 1024);
  private static final int WIDTH = 4 * 64;

  private record Keyed(RandomTensors tensors) implements WeightSource {
    @Override
    public Tensor weight(String name) {
      return tensors.weight(name);
    }

    @Override
    public boolean has(String name) {
      return tensors.has(name);
    }

    @Override
    public String key() {
      return "test-key";
    }
  }

  private static Backend backend() {
    return new JvmBackendProvider().open(new BackendOptions("", 2));
  }

  private static CompileOptions options(Path cache, KvCodec kv) {
    return new CompileOptions(LIMITS, 16, kv, cache, false, true, Progress.NONE);
  }

  /** x → q, k, v → attention → product: every kernel whose sums could depend on the tile. */
  private static Graph layer(RandomTensors weights, DType t) {
    GraphBuilder b = new GraphBuilder("layer");
    Value x = b.input("x", DType.F32, Dim.TOKENS, WIDTH);
    b.kvLayer(0, 1, 64);
    List<Value> qkv =
        b.add(
            "qkv",
            new MatMul(3, false),
            x,
            b.weight(weights.add("q", t, WIDTH, WIDTH)),
            b.weight(weights.add("k", t, 64, WIDTH)),
            b.weight(weights.add("v", t, 64, WIDTH)));
    b.add("kv", new KvAppend(0), qkv.get(1), qkv.get(2));
    Value a = b.one("attention", new Attention(0, 4, 1, 64, 0.125f, 0, 0), qkv.get(0));
    b.output("y", b.one("o", MatMul.PLAIN, a, b.weight(weights.add("o", t, 40, WIDTH))));
    return b.build();
  }

  private static int[] run(Program p, KvSequence kv, float[] x, int from, int count) {
    try (Step step = p.newStep()) {
      step.clear();
      step.add(kv, new int[count], Sampling.GREEDY);
      p.input(
          "x",
          MemorySegment.ofArray(
              java.util.Arrays.copyOfRange(x, from * WIDTH, (from + count) * WIDTH)));
      p.run(step);
      step.commit();
      int[] bits = new int[count * 40];
      for (int i = 0; i < bits.length; i++) {
        bits[i] = p.output("y").getAtIndex(ValueLayout.JAVA_INT, i);
      }
      return bits;
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "F16", "Q4_0", "Q5_0", "Q8_0", "Q4_K", "Q6_K", "IQ4_NL"})
  void bitsOfARowDoNotDependOnTheStep(DType t) {
    RandomTensors weights = new RandomTensors(7);
    Graph g = layer(weights, t);
    float[] x = weights.activations(400 * WIDTH);
    try (Backend b = backend();
        Program p = b.compile(g, weights, options(null, KvCodec.F16));
        KvSequence many = p.kv().sequence();
        KvSequence one = p.kv().sequence()) {
      for (int at = 0; at < 320; at += 64) {
        int[] together = run(p, many, x, at, 64);
        for (int i = 0; i < 64; i++) {
          int[] alone = run(p, one, x, at + i, 1);
          assertThat(alone)
              .as("row %d", at + i)
              .containsExactly(java.util.Arrays.copyOfRange(together, i * 40, i * 40 + 40));
        }
      }
    }
  }

  /** Wider than a panel, with whole units of rows and some left over. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "BF16", "Q4_1", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q5_K", "Q6_K"})
  void bitsOfAWideProductDoNotDependOnTheStep(DType t) {
    RandomTensors weights = new RandomTensors(8);
    GraphBuilder g = new GraphBuilder("wide");
    int cols = Product.DEPTH + 256;
    Value x = g.input("x", DType.F32, Dim.TOKENS, cols);
    g.kvLayer(0, 1, 64);
    g.output("y", g.one("o", MatMul.PLAIN, x, g.weight(weights.add("o", t, 100, cols))));
    float[] rows = weights.activations(3 * cols);
    try (Backend b = backend();
        Program p = b.compile(g.build(), weights, options(null, KvCodec.F16));
        KvSequence kv = p.kv().sequence()) {
      MemorySegment three = MemorySegment.ofArray(rows);
      int[] together = product(p, kv, three, 3);
      for (int i = 0; i < 3; i++) {
        assertThat(product(p, kv, three.asSlice(4L * i * cols, 4L * cols), 1))
            .as("row %d", i)
            .containsExactly(java.util.Arrays.copyOfRange(together, 100 * i, 100 * i + 100));
      }
    }
  }

  private static int[] product(Program p, KvSequence kv, MemorySegment x, int rows) {
    try (Step step = p.newStep()) {
      step.clear();
      step.add(kv, new int[rows], Sampling.GREEDY);
      p.input("x", x);
      p.run(step);
      step.commit();
      return p.output("y").toArray(ValueLayout.JAVA_INT);
    }
  }

  @Test
  void int8KeysAndValuesAreCloseToF32() {
    RandomTensors weights = new RandomTensors(9);
    Graph g = layer(weights, DType.F32);
    float[] x = weights.activations(64 * WIDTH);
    try (Backend b = backend();
        Program exact = b.compile(g, weights, options(null, KvCodec.F32));
        Program small = b.compile(g, weights, options(null, KvCodec.INT8));
        KvSequence one = exact.kv().sequence();
        KvSequence two = small.kv().sequence()) {
      int[] want = run(exact, one, x, 0, 64);
      int[] got = run(small, two, x, 0, 64);
      for (int i = 0; i < want.length; i++) {
        assertThat(Float.intBitsToFloat(got[i]))
            .isCloseTo(Float.intBitsToFloat(want[i]), within(0.02f));
      }
    }
  }

  private static org.assertj.core.data.Offset<Float> within(float e) {
    return org.assertj.core.data.Offset.offset(e);
  }

  @Test
  void repackedFileIsReusedAndReplacedWhenDamaged(@TempDir Path dir) throws IOException {
    RandomTensors weights = new RandomTensors(8);
    Graph g = layer(weights, DType.Q8_0);
    float[] x = weights.activations(8 * WIDTH);
    int[] first = once(g, weights, x, dir);
    Path file;
    try (var files = Files.list(dir.resolve("repack"))) {
      file =
          files.filter(f -> f.toString().endsWith(".lanes" + Lanes.ROWS)).findFirst().orElseThrow();
    }
    assertThat(file.getFileName().toString()).startsWith("test-key");
    Object written = Files.getLastModifiedTime(file);
    byte[] good = Files.readAllBytes(file);
    assertThat(once(g, weights, x, dir)).containsExactly(first);
    assertThat(Files.getLastModifiedTime(file)).isEqualTo(written);
    byte[] bad = good.clone();
    bad[5000] ^= 1;
    overwrite(file, bad);
    assertThat(once(g, weights, x, dir)).containsExactly(first);
    assertThat(Files.readAllBytes(file)).isEqualTo(good);
    overwrite(file, java.util.Arrays.copyOf(good, good.length - 1));
    assertThat(once(g, weights, x, dir)).containsExactly(first);
  }

  private static void overwrite(Path file, byte[] bytes) throws IOException {
    assertThat(file.toFile().setWritable(true)).isTrue();
    Files.write(file, bytes);
  }

  private static int[] once(Graph g, RandomTensors weights, float[] x, Path dir) {
    try (Backend b = backend();
        Program p = b.compile(g, new Keyed(weights), options(dir, KvCodec.F32));
        KvSequence s = p.kv().sequence()) {
      return run(p, s, x, 0, 8);
    }
  }
}
