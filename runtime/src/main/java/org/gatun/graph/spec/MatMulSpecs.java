package org.gatun.graph.spec;

import java.util.ArrayList;
import java.util.List;
import org.gatun.graph.Value;
import org.gatun.graph.op.Activation;
import org.gatun.graph.op.Embed;
import org.gatun.graph.op.GatedMatMul;
import org.gatun.graph.op.MatMul;
import org.gatun.tensor.DType;

/** Cases of matrix products and embeddings, for every weight format. */
final class MatMulSpecs {
  private MatMulSpecs() {}

  static List<OpCase> matMul(CaseRequest q) {
    List<OpCase> cases = new ArrayList<>();
    for (DType t : q.formats()) {
      int[] inner =
          t.blockSize() == 1
              ? new int[] {1, 33, 64, 640}
              : new int[] {t.blockSize(), 3 * t.blockSize(), 1024};
      for (int in : q.full() ? inner : new int[] {inner[1]}) {
        for (int out : q.full() ? new int[] {1, 5, 16, 48, 130} : new int[] {5, 48}) {
          for (int rows : q.full() ? new int[] {1, 2, 3, 4, 8, 17, 64} : new int[] {1, 3, 17}) {
            if (t.isQuantized() && rows * out < Tolerance.TELLING) {
              continue; // rounded activations are judged by a scale that so few sums do not tell
            }
            CaseBuilder c =
                new CaseBuilder("matmul/" + t + "/" + rows + "x" + in + "x" + out, q.seed());
            c.op(MatMul.PLAIN, c.input("x", in), c.weight("w", t, out, in));
            cases.add(c.narrowing(Narrowing.weight(t, 1)).runRows(rows).build());
          }
        }
      }
      int in = Math.max(256, t.blockSize());
      CaseBuilder parts = new CaseBuilder("matmul/" + t + "/qkv_bias", q.seed());
      Value x = parts.input("x", in);
      parts.op(
          new MatMul(3, true),
          x,
          parts.weight("wq", t, 96, in),
          parts.weight("wk", t, 32, in),
          parts.weight("wv", t, 32, in),
          parts.weight("bq", DType.F32, 1, 96),
          parts.weight("bk", DType.F32, 1, 32),
          parts.weight("bv", DType.F32, 1, 32));
      cases.add(parts.narrowing(Narrowing.weight(t, 1)).runRows(1).runRows(9).build());
    }
    cases.addAll(EdgeSpecs.matMul(q));
    return cases;
  }

  static List<OpCase> gatedMatMul(CaseRequest q) {
    List<OpCase> cases = new ArrayList<>();
    for (DType t : q.formats()) {
      for (Activation a : Activation.values()) {
        for (int rows : q.full() ? new int[] {1, 2, 9, 64} : new int[] {1, 9}) {
          int in = Math.max(256, t.blockSize());
          CaseBuilder c =
              new CaseBuilder(
                  "gated_matmul/" + t + "/" + a + "/" + rows + "x" + in + "x80", q.seed());
          c.op(
              new GatedMatMul(a),
              c.input("x", in),
              c.weight("gate", t, 80, in),
              c.weight("up", t, 80, in));
          cases.add(
              c.narrowing(Narrowing.weight(t, 2))
                  .tolerance(Tolerance.SUM.times(4))
                  .runRows(rows)
                  .build());
        }
      }
    }
    if (q.formats().containsAll(List.of(DType.Q4_K, DType.Q6_K))) {
      for (int rows : new int[] {1, 9}) {
        CaseBuilder c = new CaseBuilder("gated_matmul/Q4_K+Q6_K/" + rows + "x512x72", q.seed());
        c.op(
            new GatedMatMul(Activation.GELU_TANH),
            c.input("x", 512),
            c.weight("gate", DType.Q4_K, 72, 512),
            c.weight("up", DType.Q6_K, 72, 512));
        cases.add(
            c.narrowing(Narrowing.weight(DType.Q6_K, 2))
                .tolerance(Tolerance.SUM.times(4))
                .runRows(rows)
                .build());
      }
    }
    return cases;
  }

  static List<OpCase> embed(CaseRequest q) {
    List<OpCase> cases = new ArrayList<>();
    for (DType t : q.formats()) {
      int cols = 2 * t.blockSize();
      for (int first : new int[] {0, 4}) {
        CaseBuilder c = new CaseBuilder("embed/" + t + "/first=" + first, q.seed());
        c.op(new Embed(25.298f, first), c.weight("table", t, 12, cols));
        cases.add(
            c.tolerance(Tolerance.ELEMENTWISE)
                .run(OpCase.Rows.next("a", 0, 11, 5, 5, 3), OpCase.Rows.next("b", 4))
                .build());
      }
    }
    cases.addAll(EdgeSpecs.embed(q));
    return cases;
  }
}
