package org.gatun.graph.op;

import org.gatun.attention.KvCodec;
import org.gatun.attention.PrefixData;
import org.gatun.graph.Step;

/** What a float64 reference sees: operands and results of one node, the step, and the KV cache. */
public interface RefFrame {
  /** An activation or small weight, row-major. */
  double[] in(int i);

  /** An operand as every rank holds it, by rank; without a group only this rank's. */
  default double[][] inOfRanks(int i) {
    return new double[][] {in(i)};
  }

  /** Number of operands. */
  int inputs();

  /** Rows of an operand. */
  int rows(int i);

  /** Elements per row of an operand. */
  int cols(int i);

  /** Decodes one row of a weight operand. */
  void weightRow(int i, long row, double[] dst);

  /** A result, row-major, zero before the op runs. */
  double[] out(int i);

  /** The step that runs. */
  Step step();

  /** K (or V) of one token: {@code kvHeads × headDim} elements; writable. */
  double[] kv(int layer, boolean key, int page, int slot);

  /** Elements per head of a KV layer. */
  int headDim(int layer);

  /** How the KV cache stores its elements. */
  default KvCodec kvCodec() {
    return KvCodec.F32;
  }

  /** The prefix of this number, as a step's descriptor names it. */
  default PrefixData prefix(int id) {
    throw new IllegalStateException("no prefix " + id);
  }

  /**
   * Says that what row {@code r} reads hangs on two numbers that nearly agree, so that another
   * precision may choose otherwise: its results are then not compared.
   */
  default void ambiguous(int r) {}
}
