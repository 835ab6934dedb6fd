package org.gatun.backend.suite;

import org.gatun.graph.Node;
import org.gatun.graph.op.LeastWork;
import org.gatun.graph.spec.OpCase;

/**
 * What a case cannot do without, whatever the kernel.
 *
 * @param bytes operands read once and results written once, over all steps of the script
 * @param flops floating-point operations of the definition (attention: without its keys)
 */
public record LowerBound(double bytes, double flops) {
  /** Not known. */
  public static final LowerBound NONE = new LowerBound(0, 0);

  /** The bound of a case of the registry. */
  static LowerBound of(OpCase c) {
    double bytes = 0;
    double flops = 0;
    for (OpCase.Action a : c.script()) {
      if (!(a instanceof OpCase.Run run)) {
        continue;
      }
      long rows = run.sequences().stream().mapToLong(s -> s.tokens().length).sum();
      long wanted = run.sequences().stream().mapToLong(s -> s.want().length).sum();
      for (Node n : c.graph().nodes()) {
        LeastWork w = LeastWork.of(n, rows, wanted);
        bytes += w.bytes();
        flops += w.flops();
      }
    }
    return new LowerBound(bytes, flops);
  }
}
