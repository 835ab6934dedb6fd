package org.gatun.graph.op;

import java.util.List;
import org.gatun.graph.Dim;
import org.gatun.graph.GraphException;
import org.gatun.graph.Value;
import org.gatun.tensor.DType;

/**
 * One operation of the graph: its parameters, its shape rule and its float64 definition stand
 * together in one record. Every backend's kernel is held to {@link #reference}.
 */
public sealed interface Op
    permits Add,
        AddRmsNorm,
        AllGather,
        AllReduce,
        Attention,
        Candidates,
        Embed,
        GatedAct,
        GatedMatMul,
        GatherColumns,
        GatherRows,
        KvAppend,
        MatMul,
        RmsNorm,
        Rope,
        Sample {

  /** The op's name in the registry, in profiles and in errors. */
  String name();

  /**
   * Shapes of the results.
   *
   * @throws GraphException if the operands do not fit; the message states both sides
   */
  List<Result> infer(List<Value> in);

  /** Computes the results in float64: the definition that every backend is compared with. */
  void reference(RefFrame f);

  /**
   * Floating-point operations for a step of this size; attention's depend on the step's sequences:
   * {@link LeastWork}.
   */
  default double flops(List<Value> in, List<Value> out, long tokens, long logitRows) {
    double sum = 0;
    for (Value v : out) {
      sum += (double) v.rows().at(tokens, logitRows) * v.cols();
    }
    return sum;
  }

  /** Type and shape of one result. */
  record Result(DType dtype, Dim rows, int cols) {}

  /** One F32 result of this shape. */
  static List<Result> f32(Dim rows, int cols) {
    return List.of(new Result(DType.F32, rows, cols));
  }

  /** Throws unless {@code ok}; the message names the op and its operands. */
  static void require(boolean ok, Op op, List<Value> in, String rule) {
    if (!ok) {
      throw new GraphException(op.name() + in + ": " + rule);
    }
  }
}
