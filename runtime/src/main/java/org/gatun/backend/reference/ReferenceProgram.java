package org.gatun.backend.reference;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.KvCache;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.attention.KvStore;
import org.gatun.attention.PrefixData;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.Step;
import org.gatun.graph.Value;
import org.gatun.graph.op.RefFrame;
import org.gatun.parallel.Communicator;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;
import org.gatun.tensor.codec.Codecs;
import org.jspecify.annotations.Nullable;

/** A graph interpreted in float64. */
public final class ReferenceProgram implements Program {
  private final Graph graph;
  private final WeightSource weights;
  private final CompileOptions options;
  private final Map<String, double[]> inputs = new HashMap<>();
  private final Map<Value, double[]> values = new HashMap<>();
  private final Map<Integer, double[][]> keys = new HashMap<>();
  private final Map<Integer, double[][]> vals = new HashMap<>();
  private final Map<Integer, PrefixData> prefixes = new HashMap<>();
  private final BitSet ambiguous = new BitSet();
  private final KvCache kv;

  ReferenceProgram(Graph graph, WeightSource weights, CompileOptions options) {
    this.graph = graph;
    this.weights = weights;
    this.options = options;
    for (KvLayer k : graph.kv()) {
      int slots = Math.toIntExact(options.kvSlots());
      keys.put(k.layer(), new double[slots][]);
      vals.put(k.layer(), new double[slots][]);
    }
    kv = new KvCache(new Pages());
  }

  @Override
  public KvCache kv() {
    return kv;
  }

  @Override
  public Step newStep() {
    return new Step(options.limits());
  }

  @Override
  public void input(String name, MemorySegment rows) {
    Value v =
        graph.inputs().stream()
            .filter(i -> i.name().equals(name))
            .findFirst()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "graph " + graph.name() + " has no input " + name));
    double[] d = new double[Math.toIntExact(rows.byteSize() / 4)];
    for (int i = 0; i < d.length; i++) {
      d[i] =
          v.dtype() == DType.I32
              ? rows.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i)
              : rows.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
    }
    inputs.put(name, d);
  }

  @Override
  public void run(Step step) {
    step.seal();
    values.clear();
    ambiguous.clear();
    for (Value v : graph.inputs()) {
      double[] d = inputs.get(v.name());
      if (d == null || d.length != size(v, step)) {
        throw new IllegalArgumentException("input " + v + " was not set to the step's size");
      }
      values.put(v, d);
    }
    for (Node n : graph.nodes()) {
      for (Value v : n.out()) {
        values.put(v, new double[size(v, step)]);
      }
      n.op().reference(new Frame(n, step));
    }
  }

  /** An output of the last run in float64. */
  public double[] exact(String name) {
    double[] d = values.get(graph.output(name));
    if (d == null) {
      throw new IllegalStateException("no step ran yet");
    }
    return d;
  }

  /** Rows of the last run whose reads another precision may choose otherwise. */
  public BitSet ambiguous() {
    return ambiguous;
  }

  @Override
  public MemorySegment output(String name) {
    double[] d = exact(name);
    MemorySegment m = Arena.ofAuto().allocate(4L * Math.max(1, d.length), 64);
    boolean ints = graph.output(name).dtype() == DType.I32;
    for (int i = 0; i < d.length; i++) {
      if (ints) {
        m.setAtIndex(ValueLayout.JAVA_INT, i, (int) d[i]);
      } else {
        m.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) d[i]);
      }
    }
    return m;
  }

  @Override
  public Memory memory() {
    return new Memory(0, 0, 0);
  }

  @Override
  public List<OpProfile> profile() {
    return List.of();
  }

  @Override
  public void close() {}

  private static int size(Value v, Step s) {
    return Math.toIntExact(v.rows().at(s.rows(), s.logitRows()) * v.cols());
  }

  private final class Pages implements KvStore {
    @Override
    public int pages() {
      return options.kvPages();
    }

    @Override
    public int prefixes() {
      return options.prefixes().count();
    }

    @Override
    public void loadPrefix(int id, PrefixData data) {
      prefixes.put(id, data);
    }

    @Override
    public void dropPrefix(int id) {
      prefixes.remove(id);
    }

    @Override
    public void copySlots(int srcPage, int srcSlot, int dstPage, int dstSlot, int count) {
      for (Map<Integer, double[][]> side : List.of(keys, vals)) {
        for (double[][] slots : side.values()) {
          for (int i = 0; i < count; i++) {
            double[] from = slots[srcPage * PAGE_SLOTS + srcSlot + i];
            slots[dstPage * PAGE_SLOTS + dstSlot + i] = from == null ? null : from.clone();
          }
        }
      }
    }
  }

  private final class Frame implements RefFrame {
    private final Node node;
    private final Step step;
    private final Map<Integer, Tensor> tensors = new HashMap<>();
    private float @Nullable [] row;

    Frame(Node node, Step step) {
      this.node = node;
      this.step = step;
    }

    @Override
    public double[] in(int i) {
      double[] d = values.get(node.in().get(i));
      if (d == null) {
        throw new IllegalStateException("operand " + i + " of " + node + " was not computed");
      }
      return d;
    }

    @Override
    public double[][] inOfRanks(int i) {
      double[] mine = in(i);
      Communicator group = options.communicator();
      if (group == null) {
        return new double[][] {mine};
      }
      double[] all = new double[mine.length * group.worldSize()];
      group.allGather(MemorySegment.ofArray(mine), MemorySegment.ofArray(all));
      double[][] ranks = new double[group.worldSize()][];
      for (int r = 0; r < ranks.length; r++) {
        ranks[r] = Arrays.copyOfRange(all, r * mine.length, (r + 1) * mine.length);
      }
      return ranks;
    }

    @Override
    public int inputs() {
      return node.in().size();
    }

    @Override
    public int rows(int i) {
      return Math.toIntExact(node.in().get(i).rows().at(step.rows(), step.logitRows()));
    }

    @Override
    public int cols(int i) {
      return node.in().get(i).cols();
    }

    @Override
    public void weightRow(int i, long r, double[] dst) {
      Tensor t = tensors.computeIfAbsent(i, k -> weights.weight(node.in().get(k).name()));
      float[] floats = row;
      if (floats == null || floats.length < dst.length) {
        row = floats = new float[dst.length];
      }
      Codecs.decodeRow(t, r, floats);
      for (int c = 0; c < dst.length; c++) {
        dst[c] = floats[c];
      }
    }

    @Override
    public double[] out(int i) {
      return in0(values.get(node.out().get(i)));
    }

    private static double[] in0(double @Nullable [] d) {
      if (d == null) {
        throw new IllegalStateException("result was not allocated");
      }
      return d;
    }

    @Override
    public Step step() {
      return step;
    }

    @Override
    public int headDim(int layer) {
      return graph.kvLayer(layer).headDim();
    }

    @Override
    public KvCodec kvCodec() {
      return options.kvCodec();
    }

    @Override
    public PrefixData prefix(int id) {
      PrefixData p = prefixes.get(id);
      if (p == null) {
        throw new IllegalStateException("no prefix " + id);
      }
      return p;
    }

    @Override
    public void ambiguous(int r) {
      ambiguous.set(r);
    }

    @Override
    public double[] kv(int layer, boolean key, int page, int slot) {
      double[][] slots = (key ? keys : vals).get(layer);
      if (slots == null) {
        throw new IllegalStateException("no KV layer " + layer);
      }
      int at = page * KvStore.PAGE_SLOTS + slot;
      double[] d = slots[at];
      if (d == null) {
        d = new double[graph.kvLayer(layer).width()];
        Arrays.fill(d, Double.NaN);
        slots[at] = d;
      }
      return d;
    }
  }
}
