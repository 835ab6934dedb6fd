package org.gatun.opencl;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.gatun.attention.KvCodec;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.backend.Progress;
import org.gatun.graph.Dim;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.spec.CaseBuilder;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.RandomTensors;
import org.gatun.tensor.DType;

/**
 * Device time of matrix products; run by {@code ci/bench-opencl}. Arguments: {@code gemm M N K}, or
 * {@code matvec FORMAT ROWS COLS}, which measures the device's read bandwidth first. Prints lines
 * of JSON: what, median, unit.
 */
final class ProductBench {
  /** Weights are rotated over more bytes than caches hold. */
  private static final long ROTATED = 1L << 30;

  private static final int WARM_UP = 3;
  private static final int RUNS = 9;

  private ProductBench() {}

  public static void main(String[] args) {
    ClRuntime.load();
    ClDevice device = ClDevice.all().getFirst();
    switch (args[0]) {
      case "matvec" -> {
        roof(device);
        matVec(device, DType.valueOf(args[1]), number(args, 2), number(args, 3));
      }
      case "gemm" -> gemm(device, number(args, 1), number(args, 2), number(args, 3));
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  private static int number(String[] args, int i) {
    return Integer.parseInt(args[i]);
  }

  private static void roof(ClDevice device) {
    try (ClContext context = new ClContext(device);
        KernelLibrary kernels = new KernelLibrary(context, Variants.NONE)) {
      Program.Roofline r = RooflineProbe.measure(context, kernels, Tiles.of(device), null);
      print("read", r.gigabytes(), "GB/s");
    }
  }

  private static void matVec(ClDevice device, DType t, int rows, int cols) {
    double bytes = (double) rows * t.bytes(cols);
    int copies = (int) Math.ceil(ROTATED / bytes);
    double nanos = nanos(device, t, 1, rows, cols, copies);
    print("matvec " + t + " " + rows + "x" + cols, bytes * copies / nanos, "GB/s");
  }

  /** C [M, N] = A [M, K] · Bᵀ, B [N, K]. */
  private static void gemm(ClDevice device, int m, int n, int k) {
    double nanos = nanos(device, DType.F32, m, n, k, 1);
    print("gemm " + m + "x" + n + "x" + k, 2.0 * m * n * k / nanos, "GFLOP/s");
  }

  /** Median device time of a step of {@code tokens} rows through all copies. */
  private static double nanos(
      ClDevice device, DType t, int tokens, int rows, int cols, int copies) {
    GraphBuilder g = new GraphBuilder("bench");
    RandomTensors weights = new RandomTensors(1);
    Value x = g.input("x", DType.F32, Dim.TOKENS, cols);
    for (int i = 0; i < copies; i++) {
      g.output(
          "y" + i, g.one("y" + i, MatMul.PLAIN, x, g.weight(weights.add("w" + i, t, rows, cols))));
    }
    StepLimits limits = new StepLimits(tokens, 1, tokens, Math.max(64, tokens));
    CompileOptions options =
        new CompileOptions(limits, limits.pages(), KvCodec.F32, null, true, false, Progress.NONE);
    try (OpenClBackend backend = new OpenClBackend(device);
        Program p = backend.compile(g.build(), weights, options);
        Step step = p.newStep()) {
      p.input("x", MemorySegment.ofArray(weights.activations(tokens * cols)));
      double[] took = new double[RUNS];
      for (int i = -WARM_UP; i < RUNS; i++) {
        step.clear();
        OpCase.Rows r = CaseBuilder.allWanted("a", tokens);
        try (var kv = p.kv().sequence()) {
          int s = step.begin(kv, tokens, r.mask());
          for (int row = 0; row < tokens; row++) {
            step.row(s, row, 0, row);
          }
          p.run(step);
        }
        List<Program.OpProfile> profile = p.profile();
        if (i >= 0) {
          took[i] = profile.stream().mapToLong(Program.OpProfile::nanos).sum();
        }
      }
      Arrays.sort(took);
      return took[RUNS / 2];
    }
  }

  private static void print(String what, double value, String unit) {
    System.out.printf("{\"what\": \"%s\", \"value\": %.2f, \"unit\": \"%s\"}%n", what, value, unit);
  }
}
