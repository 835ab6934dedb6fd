package org.gatun.graph.op;

import org.gatun.attention.KvCodec;
import org.gatun.graph.Node;
import org.gatun.graph.Step;
import org.gatun.graph.Value;

/**
 * What a node must do at least in a step, for profiles beside a roofline: every operand read once,
 * every result written once. Attention counts as dense, whatever its plan leaves out.
 *
 * @param bytes read and written
 * @param flops floating-point operations, a multiply-add as two
 */
public record LeastWork(double bytes, double flops) {
  /** The work of a node in this step, its KV stored as {@code kv}. */
  public static LeastWork of(Node node, Step step, KvCodec kv) {
    LeastWork w = of(node, step.rows(), step.logitRows());
    return node.op() instanceof Attention a
        ? new LeastWork(w.bytes + keyBytes(a, step, kv), keyFlops(a, step))
        : w;
  }

  /** The same for a step of this size; of attention what it does beside its keys. */
  public static LeastWork of(Node node, long rows, long logitRows) {
    double bytes = 0;
    for (Value v : node.in()) {
      long read =
          switch (node.op()) {
            case Embed _ -> rows;
            case GatherRows _ -> logitRows;
            default -> v.rows().at(rows, logitRows);
          };
      bytes += (double) read * v.dtype().bytes(v.cols());
    }
    for (Value v : node.out()) {
      bytes += (double) v.rows().at(rows, logitRows) * v.dtype().bytes(v.cols());
    }
    return new LeastWork(bytes, node.op().flops(node.in(), node.out(), rows, logitRows));
  }

  /** Keys and values that a causal step reads, those of a sequence once for all of its rows. */
  private static double keyBytes(Attention a, Step step, KvCodec kv) {
    double keys = 0;
    for (int s = 0; s < step.sequences(); s++) {
      int length = step.sequence(Step.KV_LENGTH, s);
      keys += Math.min(length, (long) window(a, length) + step.sequence(Step.ROW_COUNT, s) - 1);
    }
    return 2 * keys * a.kvHeads() * kv.headBytes(a.headDim());
  }

  private static double keyFlops(Attention a, Step step) {
    double pairs = 0;
    for (int s = 0; s < step.sequences(); s++) {
      int length = step.sequence(Step.KV_LENGTH, s);
      int rows = step.sequence(Step.ROW_COUNT, s);
      for (int i = 1; i <= rows; i++) {
        pairs += Math.min(window(a, length), length - rows + i);
      }
    }
    return 4 * pairs * a.heads() * a.headDim();
  }

  private static int window(Attention a, int length) {
    return a.window() > 0 ? a.window() : length;
  }
}
