package org.gatun.backend.suite;

import org.gatun.graph.Node;
import org.gatun.graph.Value;
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
        for (Value v : n.in()) {
          bytes +=
              switch (n.op().name()) { // some read a few rows of an operand
                case "embed" -> rows * v.dtype().bytes(v.cols());
                case "gather_rows" -> wanted * v.dtype().bytes(v.cols());
                default -> bytes(v, rows, wanted);
              };
        }
        for (Value v : n.out()) {
          bytes += bytes(v, rows, wanted);
        }
        flops += n.op().flops(n.in(), n.out(), rows, wanted);
      }
    }
    return new LowerBound(bytes, flops);
  }

  private static double bytes(Value v, long rows, long wanted) {
    return v.dtype().bytes(v.rows().at(rows, wanted) * v.cols());
  }
}
