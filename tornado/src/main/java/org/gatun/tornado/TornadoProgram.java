package org.gatun.tornado;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.KvCache;
import org.gatun.attention.KvStore;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.HostSampler;
import org.gatun.backend.Program;
import org.gatun.graph.Graph;
import org.gatun.graph.MemoryPlan;
import org.gatun.graph.Node;
import org.gatun.graph.Step;
import org.gatun.graph.Value;
import org.gatun.graph.op.Sample;
import org.gatun.tensor.DType;
import org.gatun.tensor.WeightSource;
import org.gatun.tornado.kernels.Pool;
import org.jspecify.annotations.Nullable;

/**
 * A compiled graph: a table of launches, cut into segments. A step is one upload of its descriptor
 * and one execution per run of a segment.
 */
final class TornadoProgram implements Program {
  private final Graph graph;
  private final CompileOptions options;
  private final MemoryPlan memory;
  private final Splits splits;
  private final KvPlaces kvPlaces;
  private final long weightBytes;
  private final int activations;
  private final int activationFloats;
  private final List<Launch> launches = new ArrayList<>();
  private final Segments segments;
  private final Pools pools;
  private final Executor.Plan plan;
  private final KvCache kv;
  private final int[][] sizes;
  private final Arena arena = Arena.ofShared();
  private final Map<String, MemorySegment> outputs = new HashMap<>();
  private final Map<String, float[]> inputs = new LinkedHashMap<>();
  private final HostSampler sampler = new HostSampler();
  private @Nullable Step last;
  private boolean failed;
  private boolean closed;

  TornadoProgram(Executor executor, Graph graph, WeightSource source, CompileOptions options) {
    this.graph = graph;
    this.options = options;
    memory = MemoryPlan.of(graph, options.limits(), 64);
    PoolBuilder pool = new PoolBuilder();
    int table = pool.ints((long) Pool.STRIDE * (1 + mostLaunches(graph)), (w, at) -> writeTable(w));
    if (table != 0) {
      throw new IllegalStateException("the launch table must come first");
    }
    kvPlaces = new KvPlaces(graph, options, pool);
    int kvTable = pool.ints(4L * Math.max(1, kvPlaces.count()), kvPlaces::table);
    splits = new Splits(graph, executor.workers(), pool);
    activationFloats = Math.toIntExact(Math.ceilDiv(memory.bytes(), 4));
    activations = pool.floats(activationFloats, (f, at) -> {});
    WeightPlaces weights = new WeightPlaces(pool, source, options.progress());
    Lowering lowering =
        new Lowering(pool, weights, kvPlaces, splits, this::place, options, executor);
    for (Node n : graph.nodes()) {
      launches.addAll(lowering.lower(n));
    }
    segments = Segments.of(launches.stream().map(Launch::kernel).toList());
    weightBytes = weights.bytes();
    requireMemory(executor, pool.bytes() + 4L * kvPlaces.kv().length);
    pool.build();
    int stepInts;
    try (Step s = new Step(options.limits())) {
      stepInts = Math.toIntExact(s.data().byteSize() / 4);
      writeHeader(s, pool.w(), kvTable);
    }
    pools =
        new Pools(
            new int[stepInts],
            new int[Pools.CALL],
            pool.w(),
            pool.f(),
            kvPlaces.kv(),
            new float[Pools.STAGING]);
    sizes = new int[segments.kernels().size()][];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = new int[segments.kernels().get(i).size()];
    }
    plan = executor.prepare(pools, segments.kernels());
    kv = new KvCache(new Pages());
  }

  private static long mostLaunches(Graph graph) {
    return graph.nodes().stream().mapToLong(n -> 1 + n.in().size()).sum();
  }

  private int place(Value v) {
    return Math.toIntExact(activations + memory.offset(v) / 4);
  }

  /** Launch {@code i} is row {@code i + 1}. */
  private void writeTable(int[] w) {
    for (int i = 0; i < launches.size(); i++) {
      System.arraycopy(launches.get(i).params(), 0, w, (i + 1) * Pool.STRIDE, Pool.STRIDE);
    }
  }

  private void writeHeader(Step s, int[] w, int kvTable) {
    w[Pool.ROWS_AT] = s.rowOffset(0);
    w[Pool.ROWS_LIMIT] = options.limits().rows();
    w[Pool.LOGITS_AT] = s.logitOffset(0);
    w[Pool.LOGITS_LIMIT] = options.limits().logitRows();
    w[Pool.SEQUENCES_AT] = s.sequenceOffset(0);
    w[Pool.SEQUENCES_LIMIT] = options.limits().sequences();
    w[Pool.PAGES_AT] = s.pageOffset();
    w[Pool.MASKS_AT] = s.maskOffset();
    w[Pool.POSITIONS_AT] = s.positionOffset();
    w[Pool.KV_TABLE] = kvTable;
    w[Pool.KV_LAYERS] = kvPlaces.count();
  }

  private static void requireMemory(Executor executor, long bytes) {
    Runtime r = Runtime.getRuntime();
    long heap = r.maxMemory() - (r.totalMemory() - r.freeMemory());
    if (bytes > heap) {
      throw new BackendException(
          "tornado keeps the model in Java arrays: "
              + (bytes >> 20)
              + " MiB, and the heap has room for "
              + (heap >> 20)
              + "; set GATUN_JVM_OPTS=-Xmx"
              + ((bytes >> 30) + 2)
              + "g");
    }
    if (bytes > executor.memory()) {
      throw new BackendException(
          "the model needs "
              + (bytes >> 20)
              + " MiB and "
              + executor.device()
              + " has "
              + (executor.memory() >> 20)
              + "; use a smaller --ctx-size or model");
    }
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
  public synchronized void input(String name, MemorySegment rows) {
    Value v =
        graph.inputs().stream()
            .filter(i -> i.name().equals(name))
            .findFirst()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "graph " + graph.name() + " has no input " + name));
    long most = 4L * v.rows().at(options.limits().rows(), options.limits().logitRows()) * v.cols();
    if (v.dtype() != DType.F32 || rows.byteSize() > most) {
      throw new IllegalArgumentException(
          "input " + v + " takes up to " + most + " bytes of F32, not " + rows.byteSize());
    }
    float[] copy = new float[Math.toIntExact(rows.byteSize() / 4)];
    MemorySegment.copy(rows, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, copy, 0, copy.length);
    inputs.put(name, copy);
  }

  @Override
  public synchronized void run(Step step) {
    requireOpen();
    step.seal();
    try {
      if (options.poison()) {
        plan.poison(activations, activationFloats);
      }
      MemorySegment.copy(
          step.data(),
          ValueLayout.JAVA_INT,
          0,
          pools.step(),
          0,
          step.data().get(ValueLayout.JAVA_INT, 4L * Step.USED));
      pools.step()[Pool.SPLITS_ALL] = splits.of(step, false);
      pools.step()[Pool.SPLITS_WINDOW] = splits.of(step, true);
      plan.load();
      for (Value v : graph.inputs()) {
        float[] rows = inputs.get(v.name());
        if (rows == null || rows.length != count(v, step)) {
          throw new IllegalArgumentException("input " + v + " was not set to the step's size");
        }
        write(place(v), rows);
      }
      for (Segments.Run r : segments.runs()) {
        int[] size = sizes[r.segment()];
        for (int k = 0; k < size.length; k++) {
          size[k] = Math.toIntExact(launches.get(r.first() + k).size().applyAsLong(step));
        }
        plan.run(r.segment(), r.first() + 1, size);
      }
      last = step;
    } catch (BackendException e) {
      failed = true;
      throw e;
    }
  }

  private void requireOpen() {
    if (closed || failed) {
      throw new BackendException(
          "this tornado program was closed" + (failed ? " by an error" : ""));
    }
  }

  private void write(int at, float[] rows) {
    for (int i = 0; i < rows.length; i += Pools.STAGING) {
      int n = Math.min(Pools.STAGING, rows.length - i);
      System.arraycopy(rows, i, pools.staging(), 0, n);
      plan.write(at + i, n);
    }
  }

  private void read(int at, int count, MemorySegment to) {
    for (int i = 0; i < count; i += Pools.STAGING) {
      int n = Math.min(Pools.STAGING, count - i);
      plan.read(at + i, n);
      MemorySegment.copy(pools.staging(), 0, to, ValueLayout.JAVA_FLOAT, 4L * i, n);
    }
  }

  private static int count(Value v, Step s) {
    return Math.toIntExact(v.rows().at(s.rows(), s.logitRows()) * v.cols());
  }

  @Override
  public synchronized MemorySegment output(String name) {
    requireOpen();
    Value v = graph.output(name);
    Step step = last;
    if (step == null) {
      throw new IllegalStateException("no step ran yet");
    }
    MemorySegment to = host(v).asSlice(0, 4L * count(v, step));
    read(place(v), count(v, step), to);
    for (Node n : graph.nodes()) {
      if (n.op() instanceof Sample && n.out().getFirst().equals(v)) {
        sample(n.in().getFirst(), step, to);
      }
    }
    return to;
  }

  private MemorySegment host(Value v) {
    return outputs.computeIfAbsent(
        v.toString(),
        k ->
            arena.allocate(
                4L
                    * Math.max(
                        1, v.rows().at(options.limits().rows(), options.limits().logitRows()))
                    * v.cols(),
                64));
  }

  /**
   * Ids as ints. The device found each row's largest logit; where a row wants a draw, its logits
   * come to the host and are drawn from as the JVM backend does.
   */
  private void sample(Value logits, Step step, MemorySegment ids) {
    for (int l = 0; l < step.logitRows(); l++) {
      int id = (int) ids.getAtIndex(ValueLayout.JAVA_FLOAT, l);
      if (step.logitFloat(Step.TEMPERATURE, l) > 0 && step.logit(Step.TOP_K, l) != 1) {
        MemorySegment row = host(logits).asSlice(0, 4L * logits.cols());
        read(place(logits) + l * logits.cols(), logits.cols(), row);
        id = sampler.pick(row, 0, logits.cols(), step, l);
      }
      ids.setAtIndex(ValueLayout.JAVA_INT, l, id);
    }
  }

  @Override
  public Memory memory() {
    return new Memory(weightBytes, kvPlaces.bytes(), memory.bytes());
  }

  @Override
  public List<OpProfile> profile() {
    return List.of();
  }

  boolean isClosed() {
    return closed;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      plan.close();
      arena.close();
    }
  }

  private final class Pages implements KvStore {
    @Override
    public int pages() {
      return options.kvPages();
    }

    @Override
    public void copySlots(int srcPage, int srcSlot, int dstPage, int dstSlot, int count) {
      synchronized (TornadoProgram.this) {
        requireOpen();
        plan.copySlots(
            srcPage * PAGE_SLOTS + srcSlot,
            dstPage * PAGE_SLOTS + dstSlot,
            count,
            kvPlaces.widest());
      }
    }
  }
}
