package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.gatun.attention.KvCodec;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.backend.Program.OpProfile;
import org.gatun.generate.golden.GoldenFiles;
import org.gatun.graph.Dim;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.Sampling;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.spec.RandomTensors;
import org.gatun.model.gguf.GgufFile;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Time, bytes and operations of each op, beside what the device was measured to do at most. */
class ProfileTest {
  private static final int OUT = 96;
  private static final int IN = 64;

  @TempDir Path dir;

  @BeforeEach
  void device() {
    TestDevice.assume();
  }

  @Test
  void aProductCostsItsBytesAndItsMultiplications() {
    RandomTensors weights = new RandomTensors(1);
    GraphBuilder g = new GraphBuilder("product");
    Value x = g.input("x", DType.F32, Dim.TOKENS, IN);
    Value w = g.weight(weights.add("w", DType.Q8_0, OUT, IN));
    g.output("y", g.one("y", MatMul.PLAIN, x, w));
    CompileOptions o = CompileOptions.of(new StepLimits(8, 1, 1, 64));
    CompileOptions options =
        new CompileOptions(o.limits(), o.kvPages(), KvCodec.F32, dir, true, false, o.progress());
    int[] rows = {5, 1};
    try (OpenClBackend b = new OpenClBackend(ClDevice.all().getFirst());
        Program p = b.compile(g.build(), weights, options);
        Step s = p.newStep()) {
      for (int r : rows) {
        s.clear();
        s.add(p.kv().sequence(), new int[r], Sampling.GREEDY);
        p.input("x", MemorySegment.ofArray(new float[r * IN]));
        p.run(s);
      }
      OpProfile product = p.profile().getFirst();
      assertThat(product.op()).isEqualTo("matmul");
      assertThat(product.calls()).isEqualTo(rows.length);
      assertThat(product.nanos()).isPositive();
      assertThat(product.flops()).isEqualTo(2.0 * (5 + 1) * OUT * IN);
      double weightBytes = DType.Q8_0.bytes(IN) * OUT;
      assertThat(product.bytes()).isEqualTo(rows.length * weightBytes + 4.0 * (5 + 1) * (IN + OUT));
      // Each report begins anew.
      assertThat(p.profile().getFirst().calls()).isZero();
      assertThat(p.roofline())
          .hasValueSatisfying(
              r -> {
                assertThat(r.gigabytes()).isPositive();
                assertThat(r.gigaflops()).isPositive();
              });
    }
  }

  private static final Pattern ROW =
      Pattern.compile(
          "(\\S+) +(\\d+) +([\\d.]+) +([\\d.]+) +([\\d.]+) +([\\d.]+) +[\\d.]+ +[\\d.]+ +\\d+%");

  /** A prompt of 16 tokens and a token after it, then one token and four after it. */
  @Test
  void theCommandPrintsATableThatAddsUp() throws Exception {
    Path model = GoldenFiles.tiny("llama").folder().resolve("model.gguf");
    String[] command =
        ("bench --backend opencl --profile -p 16 -n 4 -r 1 --warmup 0 -m " + model).split(" ");
    ChildJvm child = ChildJvm.run(dir, Map.of(), List.of(), "org.gatun.cli.Main", command);
    assertThat(child.exit()).as(child.output()).isZero();
    Map<String, Matcher> rows = new HashMap<>();
    for (String line : child.lines()) {
      Matcher m = ROW.matcher(line.strip());
      if (m.matches()) {
        rows.put(m.group(1), m);
      }
    }
    assertThat(rows.keySet())
        .as(child.output())
        .contains("embed", "matmul", "gated_matmul", "attention", "kv_append", "rope", "sample");
    double shares = rows.values().stream().mapToDouble(m -> Double.parseDouble(m.group(4))).sum();
    assertThat(shares).as("per cent of the time").isCloseTo(100, within(0.1 * rows.size()));
    assertThat(child.output()).containsPattern("measured roof: [\\d.]+ GB/s, [\\d.]+ GFLOP/s");

    // Steps have 16, 1, 1, 1, 1, 1 rows, of which each time one wants logits: behind the last of
    // two attentions nothing else is computed.
    double matmulFlops = 0;
    double gatedFlops = 0;
    double matmulBytes = 0;
    double gatedBytes = 0;
    try (GgufFile file = GgufFile.open(model)) {
      String head = file.has("output.weight") ? "output.weight" : "token_embd.weight";
      for (String name : file.tensors().stream().map(x -> x.name()).toList()) {
        Tensor w = file.weight(name);
        boolean last = name.equals(head) || name.matches("blk\\.1\\.(ffn_|attn_output).*");
        double flops = 2.0 * w.rows() * w.cols() * (last ? 6 : 21);
        if (name.contains("ffn_gate") || name.contains("ffn_up")) {
          gatedFlops += flops;
          gatedBytes += 6.0 * w.byteSize();
        } else if (w.rows() > 1 && (name.equals(head) || name.startsWith("blk."))) {
          matmulFlops += flops;
          matmulBytes += 6.0 * w.byteSize();
        }
      }
    }
    holds(rows.get("matmul"), matmulFlops, matmulBytes);
    holds(rows.get("gated_matmul"), gatedFlops, gatedBytes);
  }

  private static void holds(Matcher row, double flops, double leastBytes) {
    assertThat(Double.parseDouble(row.group(6))).isCloseTo(flops / 1e6, within(0.005));
    // Activations, which are small, come on top.
    assertThat(Double.parseDouble(row.group(5)))
        .isBetween(leastBytes / 1e6 - 0.005, leastBytes / 1e6 * 2);
  }
}
