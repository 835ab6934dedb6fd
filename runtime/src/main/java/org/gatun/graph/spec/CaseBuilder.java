package org.gatun.graph.spec;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.KvCodec;
import org.gatun.attention.PrefixData;
import org.gatun.graph.Dim;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.Op;
import org.gatun.tensor.DType;
import org.gatun.tensor.codec.RandomBlocks;

/** Puts one test case together: operands by shape, one op, then steps with random inputs. */
public final class CaseBuilder {
  private final String id;
  private final long seed;
  private final RandomTensors random;
  private final GraphBuilder graph;
  private final Map<String, Value> inputs = new HashMap<>();
  private final List<OpCase.Action> script = new ArrayList<>();
  private final List<PrefixData> prefixes = new ArrayList<>();
  private StepLimits limits = new StepLimits(64, 4, 64, 512);
  private KvCodec codec = KvCodec.F32;
  private Tolerance tolerance = Tolerance.SUM;
  private Narrowing narrowing = Narrowing.NONE;
  private int steps;

  /** A case with its own random stream. */
  public CaseBuilder(String id, long seed) {
    this.id = id;
    this.seed = seed ^ (id.hashCode() * 0x9E3779B97F4A7C15L);
    random = new RandomTensors(this.seed);
    graph = new GraphBuilder(id);
  }

  /** An activation operand with a row per token. */
  public Value input(String name, int cols) {
    return inputs.computeIfAbsent(name, n -> graph.input(n, DType.F32, Dim.TOKENS, cols));
  }

  /** An activation operand with a row per wanted logits row. */
  public Value logitInput(String name, int cols) {
    return inputs.computeIfAbsent(name, n -> graph.input(n, DType.F32, Dim.LOGIT_ROWS, cols));
  }

  /** A random weight. */
  public Value weight(String name, DType dtype, long rows, int cols) {
    return graph.weight(random.add(name, dtype, rows, cols));
  }

  /** A weight whose elements or block scales are subnormal. */
  public Value subnormalWeight(String name, DType dtype, long rows, int cols) {
    return graph.weight(random.add(name, dtype, rows, cols, RandomBlocks.subnormal(dtype)));
  }

  /** A weight of zeros, but for some rows: it may be huge. */
  public Value sparseWeight(String name, DType dtype, long rows, int cols, long... filled) {
    return graph.weight(random.sparse(name, dtype, rows, cols, filled));
  }

  /** A weight of one row with these values. */
  public Value weight(String name, float[] values) {
    return graph.weight(random.add(name, values));
  }

  /** Declares a KV layer. */
  public void kvLayer(int layer, int kvHeads, int headDim) {
    graph.kvLayer(layer, kvHeads, headDim);
  }

  /** Adds the op; its results become outputs {@code y0, y1, …} unless it has none. */
  public List<Value> op(Op op, Value... in) {
    List<Value> out = graph.add("y", op, in);
    for (int i = 0; i < out.size(); i++) {
      graph.output("y" + i, out.get(i));
    }
    return out;
  }

  /** Adds an op whose one result is no output: the next op's operand. */
  public Value inner(Op op, Value... in) {
    return graph.add("inner", op, in).getFirst();
  }

  /** The most a step of this case holds. */
  public CaseBuilder limits(int rows, int sequences, int logitRows, int slots) {
    limits = new StepLimits(rows, sequences, logitRows, slots);
    return this;
  }

  /** Adds a prefix for {@link OpCase.Attach}; returns its number. */
  public int prefix(PrefixData p) {
    prefixes.add(p);
    return prefixes.size() - 1;
  }

  /** How KV elements are stored. */
  public CaseBuilder kv(KvCodec c) {
    codec = c;
    return this;
  }

  /** The f32 tolerance. */
  public CaseBuilder tolerance(Tolerance t) {
    tolerance = t;
    return this;
  }

  /** Marks products: backends that narrow their operands so get a wider tolerance. */
  public CaseBuilder narrowing(Narrowing n) {
    narrowing = n;
    return this;
  }

  /** Rounds random inputs to this many steps per unit, so that some are equal; 0 does not. */
  public CaseBuilder round(int stepsPerUnit) {
    steps = stepsPerUnit;
    return this;
  }

  /** Adds a KV edit. */
  public CaseBuilder then(OpCase.Action a) {
    script.add(a);
    return this;
  }

  /** Runs these rows with fresh random inputs. */
  public CaseBuilder run(OpCase.Rows... rows) {
    return run(1f, rows);
  }

  /** Runs these rows with fresh random inputs in [−scale, scale). */
  public CaseBuilder run(float scale, OpCase.Rows... rows) {
    return run((input, row) -> scale, rows);
  }

  /** What a row of an input is multiplied by. */
  @FunctionalInterface
  public interface RowScale {
    /** The factor of row {@code row} of the step. */
    float of(String input, int row);
  }

  /** Runs these rows with fresh random inputs in [−scale, scale), row by row. */
  public CaseBuilder run(RowScale scale, OpCase.Rows... rows) {
    int tokens = 0;
    int wanted = 0;
    for (OpCase.Rows r : rows) {
      tokens += r.tokens().length;
      wanted += r.want().length;
    }
    Map<String, float[]> data = new HashMap<>();
    for (Value v : inputs.values()) {
      float[] x = random.activations(Math.toIntExact(v.rows().at(tokens, wanted) * v.cols()));
      for (int i = 0; i < x.length; i++) {
        x[i] *= scale.of(v.name(), i / v.cols());
        // Adding zero leaves no negative zero.
        x[i] = steps > 0 ? (float) Math.rint(x[i] * steps) / steps + 0f : x[i];
      }
      data.put(v.name(), x);
    }
    return run(data, rows);
  }

  /** Runs these rows with these inputs. */
  public CaseBuilder run(Map<String, float[]> inputs, OpCase.Rows... rows) {
    script.add(new OpCase.Run(List.of(rows), inputs));
    return this;
  }

  /** {@code rows} rows of one sequence, all of whose logits are wanted. */
  public CaseBuilder runRows(int rows) {
    return run(allWanted("a", rows));
  }

  /** Causal rows with logits wanted for each. */
  public static OpCase.Rows allWanted(String sequence, int rows) {
    int[] ids = new int[rows];
    int[] want = new int[rows];
    for (int i = 0; i < rows; i++) {
      ids[i] = i;
      want[i] = i;
    }
    return new OpCase.Rows(
        sequence, ids, null, org.gatun.graph.Mask.CAUSAL, want, org.gatun.graph.Sampling.GREEDY);
  }

  /** The finished case. */
  public OpCase build() {
    return new OpCase(
        id, seed, graph.build(), random, limits, codec, prefixes, script, tolerance, narrowing);
  }
}
