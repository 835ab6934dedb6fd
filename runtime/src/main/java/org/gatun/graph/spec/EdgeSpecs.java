package org.gatun.graph.spec;

import java.util.ArrayList;
import java.util.List;
import org.gatun.graph.op.Embed;
import org.gatun.graph.op.MatMul;
import org.gatun.tensor.DType;

/**
 * Values and sizes at the edges: subnormal weights and scales, huge and zero activations, and a
 * weight of more than 2^31 elements, whose last rows an offset of 32 bits does not reach.
 */
final class EdgeSpecs {
  private static final long FAR_ROWS = 8_388_640;
  private static final int FAR_COLS = 256;

  private EdgeSpecs() {}

  static List<OpCase> matMul(CaseRequest q) {
    List<OpCase> cases = new ArrayList<>();
    for (DType t : q.formats()) {
      int in = Math.max(64, t.blockSize());
      // Few rows and many take different kernels.
      for (int rows : new int[] {1, 17}) {
        String shape = "/" + rows + "x" + in + "x20";
        CaseBuilder tiny = new CaseBuilder("matmul/" + t + "/subnormal" + shape, q.seed());
        tiny.op(MatMul.PLAIN, tiny.input("x", in), tiny.subnormalWeight("w", t, 20, in));
        // Products of the smallest f32 and bf16 weights come back to where f32 has all its bits.
        float up = t == DType.F32 || t == DType.BF16 ? 1e9f : 1f;
        cases.add(
            tiny.narrowing(Narrowing.weight(t, 1))
                .run(up, CaseBuilder.allWanted("a", rows))
                .build());

        // f16 products cannot hold more than 65504, and backends with them say so.
        float large = t == DType.F16 ? 6e4f : 1e30f;
        CaseBuilder huge = new CaseBuilder("matmul/" + t + "/huge" + shape, q.seed());
        huge.op(MatMul.PLAIN, huge.input("x", in), huge.weight("w", t, 20, in));
        cases.add(
            huge.narrowing(Narrowing.weight(t, 1))
                .run(large, CaseBuilder.allWanted("a", rows))
                .run(0f, CaseBuilder.allWanted("a", rows))
                .build());
      }
    }
    if (q.full() && q.formats().contains(DType.Q2_K)) {
      CaseBuilder far = new CaseBuilder("matmul/Q2_K/far/1x" + FAR_COLS + "x" + FAR_ROWS, q.seed());
      far.op(
          MatMul.PLAIN,
          far.input("x", FAR_COLS),
          far.sparseWeight("w", DType.Q2_K, FAR_ROWS, FAR_COLS, 0, 1, FAR_ROWS - 40, FAR_ROWS - 1));
      cases.add(
          far.narrowing(Narrowing.weight(DType.Q2_K, 1)).limits(1, 1, 1, 64).runRows(1).build());
    }
    return cases;
  }

  static List<OpCase> embed(CaseRequest q) {
    List<OpCase> cases = new ArrayList<>();
    for (DType t : q.formats()) {
      CaseBuilder c = new CaseBuilder("embed/" + t + "/subnormal", q.seed());
      float up = t == DType.F32 || t == DType.BF16 ? 1e9f : 1f;
      c.op(new Embed(up, 0), c.subnormalWeight("table", t, 12, 2 * t.blockSize()));
      cases.add(c.tolerance(Tolerance.ELEMENTWISE).run(OpCase.Rows.next("a", 0, 11, 5)).build());
    }
    if (q.full() && q.formats().contains(DType.Q2_K)) {
      CaseBuilder far = new CaseBuilder("embed/Q2_K/far/" + FAR_ROWS + "x" + FAR_COLS, q.seed());
      int last = Math.toIntExact(FAR_ROWS - 1);
      far.op(
          new Embed(1f, 0),
          far.sparseWeight("table", DType.Q2_K, FAR_ROWS, FAR_COLS, 0, last - 39, last));
      cases.add(
          far.tolerance(Tolerance.ELEMENTWISE)
              .run(OpCase.Rows.next("a", 0, last, last - 39, 5))
              .build());
    }
    return cases;
  }
}
