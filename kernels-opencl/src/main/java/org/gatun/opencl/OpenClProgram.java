package org.gatun.opencl;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.gatun.attention.KvCache;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.graph.Graph;
import org.gatun.graph.MemoryPlan;
import org.gatun.graph.Node;
import org.gatun.graph.Step;
import org.gatun.graph.Value;
import org.gatun.graph.op.AllGather;
import org.gatun.graph.op.LeastWork;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;
import org.gatun.tensor.WeightSource;
import org.jspecify.annotations.Nullable;

/**
 * A compiled graph: its launches in order. A step is one upload of the descriptor and one batch.
 */
final class OpenClProgram implements Program, Lowering.Operands {
  /** At least CL_DEVICE_MEM_BASE_ADDR_ALIGN of every known device (in bytes). */
  private static final int ALIGNMENT = 512;

  private record Recorded(Node node, List<Launch> launches, @Nullable Timer timer) {}

  private final ClContext context;
  private final KernelLibrary kernels;
  private final Tiles tiles;
  private final Graph graph;
  private final CompileOptions options;
  private final ClQueue queue;
  private final Arena arena = Arena.ofShared();
  private final Owned owned = new Owned();
  private final Map<Long, ClBuffer> slices = new HashMap<>();
  private final Map<Value, ClBuffer> separate = new HashMap<>();
  private final Map<String, ClBuffer> scratch = new HashMap<>();
  private final Map<String, Long> scratchBytes = new HashMap<>();
  private final Map<String, MemorySegment> inputs = new LinkedHashMap<>();
  private final Map<String, MemorySegment> outputs = new HashMap<>();
  private final List<Recorded> recorded = new ArrayList<>();
  private final MemoryPlan plan;
  private final Map<Long, Long> sliceBytes = new HashMap<>();
  private final ClBuffer activations;
  private final ClBuffer descriptor;
  private final WeightStore weights;
  private final KvPool pool;
  private final KvCache kv;
  private final @Nullable HostCollectives collectives;
  private @Nullable Step last;
  private boolean failed;
  private boolean closed;

  OpenClProgram(
      ClContext context,
      KernelLibrary kernels,
      Tiles tiles,
      Graph graph,
      WeightSource source,
      CompileOptions options) {
    this.context = context;
    this.kernels = kernels;
    this.tiles = tiles;
    this.graph = graph;
    this.options = options;
    plan = MemoryPlan.of(graph, options.limits(), ALIGNMENT);
    long weightBytes = checkMemory(source);
    queue = new ClQueue(context, options.profile());
    try {
      weights =
          owned.add(
              new WeightStore(
                  context,
                  queue,
                  kernels,
                  options.cacheDir(),
                  source,
                  weightBytes,
                  options.progress()));
      pool = owned.add(new KvPool(context, queue, kernels, tiles, graph, options));
      kv = new KvCache(pool);
      activations = owned.add(context.buffer("activations", plan.bytes()));
      plan.offsets().forEach((v, offset) -> sliceBytes.merge(offset, maxBytes(v), Math::max));
      try (Step s = new Step(options.limits())) {
        descriptor = owned.add(context.buffer("step", s.data().byteSize()));
      }
      Lowering lowering =
          new Lowering(kernels, options.cacheDir(), tiles, options.limits(), weights, this);
      Communicator group = options.communicator();
      collectives =
          group == null ? null : new HostCollectives(group, queue, this, this::maxBytes, arena);
      for (Node n : graph.nodes()) {
        if (group == null && n.op() instanceof AllGather g && g.ranks() > 1) {
          throw Lowering.refuse(n, "a group of ranks to gather over");
        }
        Recorded r =
            new Recorded(n, lowering.lower(n), options.profile() ? new Timer(context) : null);
        recorded.add(r);
        r.launches.forEach(owned::add);
        if (r.timer != null) {
          owned.add(r.timer);
        }
      }
      // Here, so that a launch that is made later finds all it needs and no half of it is lost.
      plan.offsets().keySet().forEach(this::activation);
      queue.finish();
    } catch (RuntimeException e) {
      free();
      throw e;
    }
  }

  /** Weight bytes of the graph; throws if the device cannot hold it. */
  private long checkMemory(WeightSource source) {
    Map<String, Long> bytes = new HashMap<>();
    for (Node n : graph.nodes()) {
      for (Value v : n.in()) {
        if (v.isWeight()) {
          bytes.put(v.name(), source.weight(v.name()).byteSize());
        }
      }
    }
    long sum = bytes.values().stream().mapToLong(b -> b).sum();
    long kvBytes = 0;
    for (var k : graph.kv()) {
      kvBytes += 2L * options.kvSlots() * k.kvHeads() * options.kvCodec().headBytes(k.headDim());
    }
    long need = sum + kvBytes + plan.bytes();
    if (need > context.device().globalBytes()) {
      throw new BackendException(
          "the model needs "
              + (need >> 20)
              + " MiB (weights "
              + (sum >> 20)
              + ", KV "
              + (kvBytes >> 20)
              + ", activations "
              + (plan.bytes() >> 20)
              + ") and "
              + context.device().name().trim()
              + " has "
              + (context.device().globalBytes() >> 20)
              + " MiB; use a smaller --ctx-size or model");
    }
    return sum;
  }

  @Override
  public ClBuffer activation(Value v) {
    if (ClContext.CHECKED) {
      return separate.computeIfAbsent(v, k -> owned.add(context.buffer(v.name(), maxBytes(v))));
    }
    long offset = plan.offset(v);
    return slices.computeIfAbsent(
        offset, o -> activations.slice(o, sliceBytes.getOrDefault(o, 4L)));
  }

  @Override
  public ClBuffer step() {
    return descriptor;
  }

  /**
   * Scratch of this kind is shared by all nodes: the queue is in order. Sizes are known by now or
   * grow.
   */
  @Override
  public ClBuffer scratch(String what, long bytes) {
    ClBuffer known = scratch.get(what);
    if (known != null && scratchBytes.getOrDefault(what, 0L) >= bytes) {
      return known;
    }
    // Nodes that were lowered keep the smaller one.
    ClBuffer b = owned.add(context.buffer(what, bytes));
    scratch.put(what, b);
    scratchBytes.put(what, bytes);
    return b;
  }

  @Override
  public KvPool kvPool() {
    return pool;
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
    if (rows.byteSize() > most) {
      throw new IllegalArgumentException(
          "input " + name + " takes up to " + most + " bytes, not " + rows.byteSize());
    }
    MemorySegment copy = Arena.ofAuto().allocate(Math.max(4, rows.byteSize()), 64);
    MemorySegment.copy(rows, 0, copy, 0, rows.byteSize());
    inputs.put(name, copy.asSlice(0, rows.byteSize()));
  }

  @Override
  public synchronized void run(Step step) {
    if (closed || failed) {
      throw new BackendException("this OpenCL program was closed" + (failed ? " by an error" : ""));
    }
    step.seal();
    try {
      if (options.poison() && !ClContext.CHECKED) {
        queue.fill(activations, 0x7fc00000);
        for (ClBuffer b : scratch.values()) {
          queue.fill(b, 0x7fc00000);
        }
      }
      queue.write(
          descriptor,
          0,
          step.data(),
          4L * step.data().get(ValueLayout.JAVA_INT, 4L * Step.USED),
          false);
      for (Value v : graph.inputs()) {
        MemorySegment rows = inputs.get(v.name());
        long need = 4L * v.rows().at(step.rows(), step.logitRows()) * v.cols();
        if (rows == null || rows.byteSize() != need) {
          throw new IllegalArgumentException("input " + v + " was not set to the step's size");
        }
        if (need > 0) {
          queue.write(activation(v), 0, rows, need, false);
        }
      }
      for (Recorded r : recorded) {
        for (Launch l : r.launches) {
          l.enqueue(queue, step, r.timer);
        }
        if (collectives != null) {
          collectives.run(r.node, step);
        }
      }
      queue.finish();
      last = step;
      for (Recorded r : recorded) {
        if (r.timer != null) {
          r.timer.collect();
          meter(r, step);
        }
      }
    } catch (RuntimeException e) {
      queue.drain(); // the step's descriptor and inputs may still be read
      failed = e instanceof BackendException || e instanceof CommunicatorException;
      throw e;
    }
  }

  private void meter(Recorded r, Step step) {
    Timer t = r.timer;
    if (t == null) {
      return;
    }
    LeastWork w = LeastWork.of(r.node, step, options.kvCodec());
    t.bytes += w.bytes();
    t.flops += w.flops();
  }

  private long maxBytes(Value v) {
    return Math.max(
        4, 4L * v.rows().at(options.limits().rows(), options.limits().logitRows()) * v.cols());
  }

  private static long bytes(Value v, Step step) {
    return 4L * v.rows().at(step.rows(), step.logitRows()) * v.cols();
  }

  private MemorySegment host(Value v) {
    return outputs.computeIfAbsent(v.toString(), n -> arena.allocate(maxBytes(v), 64));
  }

  @Override
  public synchronized MemorySegment output(String name) {
    Value v = graph.output(name);
    Step step = last;
    if (step == null) {
      throw new IllegalStateException("no step ran yet");
    }
    long size = bytes(v, step);
    MemorySegment to = host(v).asSlice(0, size);
    if (size > 0) {
      queue.read(activation(v), 0, to, size);
    }
    return to;
  }

  @Override
  public Memory memory() {
    long held = scratchBytes.values().stream().mapToLong(b -> b).sum();
    return new Memory(weights.bytes(), pool.bytes(), activations.size() + held);
  }

  @Override
  public synchronized List<OpProfile> profile() {
    List<OpProfile> list = new ArrayList<>();
    for (Recorded r : recorded) {
      Timer t = r.timer;
      if (t != null) {
        String op = r.node.op().name();
        list.add(new OpProfile(r.node.label(), op, t.calls, t.nanos, t.bytes, t.flops));
        t.reset();
      }
    }
    return list;
  }

  @Override
  public synchronized Optional<Roofline> roofline() {
    return Optional.of(RooflineProbe.measure(context, kernels, tiles, options.cacheDir()));
  }

  boolean isClosed() {
    return closed;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      free();
    }
  }

  private void free() {
    closed = true;
    try (arena;
        queue;
        owned) {
      slices.values().forEach(ClBuffer::close);
    }
  }
}
