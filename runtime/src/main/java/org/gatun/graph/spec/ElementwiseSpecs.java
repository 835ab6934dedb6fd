package org.gatun.graph.spec;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.gatun.graph.op.Activation;
import org.gatun.graph.op.Add;
import org.gatun.graph.op.AddRmsNorm;
import org.gatun.graph.op.GatedAct;
import org.gatun.graph.op.GatherColumns;
import org.gatun.graph.op.GatherRows;
import org.gatun.graph.op.RmsNorm;
import org.gatun.graph.op.Rope;
import org.gatun.tensor.DType;

/**
 * Cases of the ops that are not matrix products: norms, residuals, activations, RoPE, row gathers.
 */
final class ElementwiseSpecs {
  private static final int[] ROWS = {1, 2, 7, 33};
  private static final int[] COLS = {1, 3, 16, 31, 64, 640, 1000};

  private ElementwiseSpecs() {}

  static List<OpCase> add(CaseRequest q) {
    return grid(q, "add", (c, cols) -> c.op(new Add(), c.input("a", cols), c.input("b", cols)));
  }

  static List<OpCase> rmsNorm(CaseRequest q) {
    List<OpCase> cases =
        grid(
            q,
            "rms_norm",
            (c, cols) ->
                c.op(new RmsNorm(1e-6f), c.input("x", cols), c.weight("w", DType.F32, 1, cols)));
    for (int heads : new int[] {1, 4, 5}) {
      CaseBuilder c = new CaseBuilder("rms_norm/heads=" + heads + "x256", q.seed());
      c.op(new RmsNorm(1e-6f), c.input("x", heads * 256), c.weight("w", DType.F32, 1, 256));
      cases.add(c.runRows(5).build());
    }
    for (float scale : new float[] {1e-20f, 1e15f, 0f}) {
      CaseBuilder c = new CaseBuilder("rms_norm/extreme=" + scale, q.seed());
      c.op(new RmsNorm(1e-6f), c.input("x", 640), c.weight("w", DType.F32, 1, 640));
      cases.add(c.run(scale, CaseBuilder.allWanted("a", 3)).build());
    }
    return cases;
  }

  static List<OpCase> addRmsNorm(CaseRequest q) {
    List<OpCase> cases = new ArrayList<>();
    for (boolean first : new boolean[] {false, true}) {
      cases.addAll(
          grid(
              q,
              "add_rms_norm" + (first ? "/norm_first" : "/plain"),
              (c, cols) -> {
                var x = c.input("x", cols);
                var r = c.input("r", cols);
                var w = c.weight("w", DType.F32, 1, cols);
                if (first) {
                  c.op(new AddRmsNorm(1e-6f, true), x, r, w, c.weight("wx", DType.F32, 1, cols));
                } else {
                  c.op(new AddRmsNorm(1e-6f, false), x, r, w);
                }
              }));
    }
    return cases;
  }

  static List<OpCase> gatedAct(CaseRequest q) {
    List<OpCase> cases = new ArrayList<>();
    for (Activation a : Activation.values()) {
      cases.addAll(
          grid(
              q,
              "gated_act/" + a,
              (c, cols) -> c.op(new GatedAct(a), c.input("g", cols), c.input("u", cols))));
      CaseBuilder c = new CaseBuilder("gated_act/" + a + "/saturated", q.seed());
      c.op(new GatedAct(a), c.input("g", 64), c.input("u", 64));
      cases.add(c.run(120f, CaseBuilder.allWanted("a", 4)).build());
    }
    return cases;
  }

  static List<OpCase> gatherColumns(CaseRequest q) {
    List<OpCase> cases = new ArrayList<>();
    for (int cols : new int[] {1, 17, 640}) {
      // All columns in another order, and fewer than there are, as one rank of several takes them.
      for (int n : new int[] {cols, Math.ceilDiv(cols, 3)}) {
        CaseBuilder c = new CaseBuilder("gather_columns/" + n + "of" + cols, q.seed());
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < cols; i++) {
          order.add(i);
        }
        Collections.shuffle(order, new Random(q.seed() + cols));
        float[] values = new float[n];
        for (int i = 0; i < n; i++) {
          values[i] = order.get(i);
        }
        c.op(new GatherColumns(), c.input("x", cols), c.weight("order", values));
        cases.add(c.tolerance(Tolerance.EXACT).runRows(5).build());
      }
    }
    return cases;
  }

  static List<OpCase> gatherRows(CaseRequest q) {
    List<OpCase> cases = new ArrayList<>();
    for (int cols : new int[] {1, 17, 640}) {
      CaseBuilder c = new CaseBuilder("gather_rows/cols=" + cols, q.seed());
      c.op(new GatherRows(), c.input("x", cols));
      cases.add(
          c.tolerance(Tolerance.EXACT)
              .run(
                  OpCase.Rows.next("a", 1, 2, 3),
                  OpCase.Rows.next("b", 4),
                  CaseBuilder.allWanted("c", 5))
              .run(OpCase.Rows.next("a", 9), OpCase.Rows.next("b", 9))
              .build());
    }
    return cases;
  }

  static List<OpCase> rope(CaseRequest q) {
    List<OpCase> cases = new ArrayList<>();
    for (boolean interleaved : new boolean[] {false, true}) {
      for (int[] shape :
          new int[][] {{64, 64, 1}, {128, 128, 3}, {256, 256, 4}, {80, 80, 2}, {64, 32, 2}}) {
        for (boolean factors : new boolean[] {false, true}) {
          String id =
              "rope/"
                  + (interleaved ? "interleaved" : "half")
                  + "/d="
                  + shape[0]
                  + "/r="
                  + shape[1]
                  + "/h="
                  + shape[2]
                  + (factors ? "/factors" : "");
          CaseBuilder c = new CaseBuilder(id, q.seed());
          Rope op =
              new Rope(
                  shape[0],
                  shape[1],
                  factors ? 500000f : 10000f,
                  factors ? 0.125f : 1f,
                  interleaved);
          var x = c.input("x", shape[0] * shape[2]);
          if (factors) {
            c.op(op, x, c.weight("f", DType.F32, 1, shape[1] / 2));
          } else {
            c.op(op, x);
          }
          int[] far = {0, 1, 1000, 131071};
          // A f32 angle at position 131071 is off by 131071 × 2^-24 turns of a radian: 0.8 %.
          cases.add(
              c.tolerance(new Tolerance(1e-4, 2e-2))
                  .run(
                      new OpCase.Rows(
                          "a",
                          new int[4],
                          far,
                          org.gatun.graph.Mask.CAUSAL,
                          new int[0],
                          org.gatun.graph.Sampling.GREEDY))
                  .build());
          CaseBuilder near = new CaseBuilder(id + "/near", q.seed());
          var y = near.input("x", shape[0] * shape[2]);
          if (factors) {
            near.op(op, y, near.weight("f", DType.F32, 1, shape[1] / 2));
          } else {
            near.op(op, y);
          }
          cases.add(near.tolerance(new Tolerance(1e-5, 2e-5)).runRows(33).build());
        }
      }
    }
    return cases;
  }

  private interface Fill {
    void fill(CaseBuilder c, int cols);
  }

  private static List<OpCase> grid(CaseRequest q, String name, Fill fill) {
    List<OpCase> cases = new ArrayList<>();
    for (int cols : q.full() ? COLS : new int[] {1, 31, 640}) {
      for (int rows : q.full() ? ROWS : new int[] {1, 7}) {
        CaseBuilder c = new CaseBuilder(name + "/" + rows + "x" + cols, q.seed());
        fill.fill(c, cols);
        cases.add(c.runRows(rows).build());
      }
    }
    return cases;
  }
}
