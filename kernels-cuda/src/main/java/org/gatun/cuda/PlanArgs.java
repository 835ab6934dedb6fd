package org.gatun.cuda;

import org.gatun.graph.op.Attention;

/** Parameters that several plans' kernels share. */
final class PlanArgs {
  private PlanArgs() {}

  /** The kernels' {@code Scoring}: heads, KV heads, head dim, scale, soft cap. */
  static Args scoring(Args args, Attention a) {
    return args.struct(
        new long[0],
        a.heads(),
        a.kvHeads(),
        a.headDim(),
        Float.floatToRawIntBits(a.scale()),
        Float.floatToRawIntBits(a.softCap()));
  }

  /** Shared memory for the queries of this many heads. */
  static int queryBytes(Attention a, int heads) {
    return 4 * heads * (Math.ceilDiv(a.headDim(), 64) * 64);
  }
}
