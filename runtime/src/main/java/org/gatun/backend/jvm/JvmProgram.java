package org.gatun.backend.jvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCache;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.Step;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.LeastWork;
import org.gatun.tensor.WeightSource;

/** A graph bound to memory: a list of prepared nodes, run one after another on the pool. */
final class JvmProgram implements Program {
  private final Graph graph;
  private final CompileOptions options;
  private final WorkerPool pool;
  private final Arena arena = Arena.ofShared();
  private final KvPages pages;
  private final KvCache kv;
  private final WeightStore store;
  private final Binder binder;
  private final Exec[] execs;
  private final long[] nanos;
  private final double[] bytes;
  private final double[] flops;
  private long calls;
  private int rows;
  private int logitRows;
  private boolean ran;
  private boolean closed;

  JvmProgram(Graph graph, WeightSource weights, CompileOptions options, WorkerPool pool) {
    this.graph = graph;
    this.options = options;
    this.pool = pool;
    try {
      pages =
          new KvPages(
              graph.kv(),
              options.kvCodec(),
              hasCompressedKeys(graph),
              options.prefixes().count(),
              options.kvPages(),
              arena);
      kv = new KvCache(pages);
      store = WeightStore.open(graph, weights, options, pool, arena);
      binder = new Binder(graph, weights, options, pool, pages, store.weights(), arena);
      execs = binder.bind().toArray(Exec[]::new);
    } catch (OutOfMemoryError e) {
      arena.close();
      throw new BackendException(
          "not enough memory for " + graph.name() + "; use a smaller --ctx-size or model", e);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
    nanos = new long[execs.length];
    bytes = new double[execs.length];
    flops = new double[execs.length];
  }

  private static boolean hasCompressedKeys(Graph g) {
    return g.nodes().stream()
        .anyMatch(
            n -> n.op() instanceof Attention a && a.plan() instanceof AttentionPlan.BlockTopK);
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
  public synchronized void input(String name, MemorySegment data) {
    checkOpen();
    Value v =
        graph.inputs().stream()
            .filter(i -> i.name().equals(name))
            .findFirst()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "graph " + graph.name() + " has no input " + name));
    long most = 4 * v.rows().at(options.limits().rows(), options.limits().logitRows()) * v.cols();
    if (data.byteSize() > most || data.byteSize() % (4L * v.cols()) != 0) {
      throw new IllegalArgumentException(
          "input " + v + " got " + data.byteSize() + " bytes; at most " + most);
    }
    MemorySegment.copy(data, 0, Lanes.ALL, binder.address(v), data.byteSize());
  }

  @Override
  public synchronized void run(Step step) {
    checkOpen();
    step.seal();
    pages.reserve(step);
    rows = step.rows();
    logitRows = step.logitRows();
    if (options.poison()) {
      poison();
    }
    try {
      runAll(step);
    } catch (InternalError e) {
      throw store.place().lostPage(e);
    }
    ran = true;
    binder.ran();
  }

  private void runAll(Step step) {
    synchronized (pool) {
      if (options.profile()) {
        runProfiled(step);
      } else {
        for (Exec e : execs) {
          e.run(step);
        }
      }
    }
  }

  private void runProfiled(Step step) {
    calls++;
    for (int i = 0; i < execs.length; i++) {
      Node n = graph.nodes().get(i);
      long start = System.nanoTime();
      execs[i].run(step);
      nanos[i] += System.nanoTime() - start;
      LeastWork w = LeastWork.of(n, step, options.kvCodec());
      flops[i] += w.flops();
      bytes[i] += w.bytes();
    }
  }

  /** NaN wherever a kernel must write: results only, for inputs lie in the same arena. */
  private void poison() {
    for (Node n : graph.nodes()) {
      for (Value v : n.out()) {
        MemorySegment m = values(v, options.limits().rows(), options.limits().logitRows());
        m.fill((byte) 0xFF);
      }
    }
  }

  private MemorySegment values(Value v, int tokens, int logits) {
    return Lanes.ALL.asSlice(binder.address(v), 4 * v.rows().at(tokens, logits) * v.cols());
  }

  @Override
  public synchronized MemorySegment output(String name) {
    checkOpen();
    if (!ran) {
      throw new IllegalStateException("no step ran yet");
    }
    Value v = graph.output(name);
    long size = 4 * v.rows().at(rows, logitRows) * v.cols();
    return MemorySegment.ofAddress(binder.address(v)).reinterpret(size, arena, null);
  }

  @Override
  public Memory memory() {
    return new Memory(
        store.bytes(),
        pages.allocatedBytes(),
        binder.activations().byteSize() + binder.scratchBytes());
  }

  @Override
  public synchronized List<OpProfile> profile() {
    List<OpProfile> all = new ArrayList<>();
    for (int i = 0; i < execs.length && calls > 0; i++) {
      Node n = graph.nodes().get(i);
      all.add(new OpProfile(n.label(), n.op().name(), calls, nanos[i], bytes[i], flops[i]));
      nanos[i] = 0;
      bytes[i] = 0;
      flops[i] = 0;
    }
    calls = 0;
    return all;
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("this program was closed");
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      pages.close();
      arena.close();
    }
  }
}
