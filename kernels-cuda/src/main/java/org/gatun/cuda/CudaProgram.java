package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.KvCache;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.graph.Graph;
import org.gatun.graph.MemoryPlan;
import org.gatun.graph.Step;
import org.gatun.graph.Value;
import org.gatun.parallel.CommunicatorException;
import org.gatun.tensor.DType;
import org.gatun.tensor.WeightSource;
import org.jspecify.annotations.Nullable;

/**
 * A compiled graph on one device. A step costs one descriptor copy, one replay of the graph
 * captured for its shape, one copy of the ids, and one wait at the end; nothing is allocated.
 */
final class CudaProgram implements Program {
  /** Set to false to launch kernels one by one. */
  static final String GRAPHS = "gatun.cuda.graphs";

  private static final long STAGING_BYTES = 8L << 20;
  private static final int ALIGNMENT = 256;

  private final CudaDevice device;
  private final Graph graph;
  private final CompileOptions options;
  private final Arena arena;
  private final DevicePool pool;
  private final Staging staging;
  private final DeviceWeights weights;
  private final DeviceKv pages;
  private final KvCache kv;
  private final MemoryPlan plan;
  private final Collectives collectives;
  private final long activations;
  private final long step;
  private final long poisonFrom;
  private final MemorySegment pinned;
  private final long idsOffset;
  private final List<Work> work;
  private final Map<Shape, MemorySegment> captured = new HashMap<>();
  private final Map<String, MemorySegment> outputs = new HashMap<>();
  private final boolean capture;
  private final @Nullable Profiler profiler;
  private final @Nullable CublasLt library;
  private int rows;
  private int logitRows;
  private @Nullable String broken;
  private boolean closed;

  /** Uploads, plans and prepares; frees everything if any of it fails. */
  @SuppressWarnings("MustBeClosedChecker") // the program owns the arena and closes it
  static CudaProgram compile(
      CudaDevice device,
      Kernels kernels,
      Graph graph,
      WeightSource weights,
      CompileOptions options) {
    Arena arena = Arena.ofShared();
    DevicePool pool = null;
    Staging staging = null;
    Collectives collectives = null;
    CublasLt library = null;
    try {
      pool = new DevicePool(device);
      staging = new Staging(device, STAGING_BYTES);
      collectives = Collectives.of(device, kernels, pool, staging, options.communicator());
      library = MatrixProducts.wantsLibrary(graph, options) ? CublasLt.find(device, pool) : null;
      return new CudaProgram(
          device, kernels, graph, weights, options, arena, pool, staging, collectives, library);
    } catch (RuntimeException | Error e) {
      if (collectives != null) {
        collectives.abort();
        collectives.close();
      }
      if (library != null) {
        library.close();
      }
      if (staging != null) {
        staging.close();
      }
      if (pool != null) {
        pool.close();
      }
      arena.close();
      throw e;
    }
  }

  private CudaProgram(
      CudaDevice device,
      Kernels kernels,
      Graph graph,
      WeightSource source,
      CompileOptions options,
      Arena arena,
      DevicePool pool,
      Staging staging,
      Collectives collectives,
      @Nullable CublasLt library) {
    this.device = device;
    this.library = library;
    this.graph = graph;
    this.options = options;
    this.arena = arena;
    this.pool = pool;
    this.staging = staging;
    this.collectives = collectives;
    weights = new DeviceWeights(graph, source, pool, staging, options.progress());
    pages = new DeviceKv(graph, options, device, pool, staging, kernels, arena);
    kv = new KvCache(pages);
    plan = MemoryPlan.of(graph, options.limits(), ALIGNMENT);
    activations = pool.allocate(plan.bytes(), "the activations");
    long inputsEnd = 0;
    for (Value v : graph.inputs()) {
      inputsEnd =
          Math.max(
              inputsEnd,
              plan.offset(v) + bytes(v, options.limits().rows(), options.limits().logitRows()));
    }
    poisonFrom = Math.ceilDiv(inputsEnd, ALIGNMENT) * ALIGNMENT;
    long stepBytes;
    try (Step s = new Step(options.limits())) {
      stepBytes = s.data().byteSize();
    }
    step = pool.allocate(stepBytes, "the step's descriptor");
    Lowering lowering =
        new Lowering(
            device,
            kernels,
            arena,
            pool,
            collectives,
            library,
            weights,
            pages,
            plan,
            options,
            graph,
            activations,
            step);
    work = lowering.lower(graph);
    capture =
        !options.profile()
            && Boolean.parseBoolean(System.getProperty(GRAPHS, "true"))
            && work.stream().noneMatch(Work::host);
    idsOffset = Math.ceilDiv(stepBytes, ALIGNMENT) * ALIGNMENT;
    try (Arena temporary = Arena.ofConfined()) {
      long ids = 0;
      for (Value v : graph.outputs().values()) {
        ids +=
            v.dtype() == DType.I32
                ? bytes(v, options.limits().rows(), options.limits().logitRows())
                : 0;
      }
      MemorySegment p = temporary.allocate(ValueLayout.ADDRESS);
      Cuda.check(cuMemHostAlloc(p, idsOffset + Math.max(ids, 8), 0), "allocate pinned host memory");
      pinned = p.get(ValueLayout.ADDRESS, 0).reinterpret(idsOffset + Math.max(ids, 8));
    }
    try {
      profiler = options.profile() ? new Profiler(device, work, lowering, options.kvCodec()) : null;
    } catch (RuntimeException e) {
      cuMemFreeHost(pinned);
      throw e;
    }
  }

  private static long bytes(Value v, int rows, int logitRows) {
    return 4L * v.rows().at(rows, logitRows) * v.cols();
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
  public synchronized void input(String name, MemorySegment from) {
    open();
    for (Value v : graph.inputs()) {
      if (v.name().equals(name)) {
        long limit = bytes(v, options.limits().rows(), options.limits().logitRows());
        if (from.byteSize() > limit || from.byteSize() % (4L * v.cols()) != 0) {
          throw new IllegalArgumentException(
              "input "
                  + name
                  + ": "
                  + from.byteSize()
                  + " bytes are not whole rows of "
                  + v.cols()
                  + " within the limits");
        }
        staging.upload(activations + plan.offset(v), from);
        return;
      }
    }
    throw new IllegalArgumentException("graph " + graph.name() + " has no input " + name);
  }

  @Override
  public synchronized void run(Step s) {
    open();
    s.seal();
    rows = s.rows();
    logitRows = s.logitRows();
    if (rows == 0) {
      return;
    }
    try {
      long used = 4L * s.data().get(ValueLayout.JAVA_INT, 4L * Step.USED);
      MemorySegment.copy(s.data(), 0, pinned, 0, used);
      Cuda.check(cuMemcpyHtoDAsync_v2(step, pinned, used, device.stream()), "upload the step");
      if (options.poison() && plan.bytes() > poisonFrom) {
        Cuda.check(
            cuMemsetD8Async(
                activations + poisonFrom, (byte) 0xff, plan.bytes() - poisonFrom, device.stream()),
            "poison the activations");
      }
      Shape shape = Shape.of(s, options.limits());
      if (capture) {
        Cuda.check(cuGraphLaunch(graphOf(shape), device.stream()), "replay a step");
      } else if (profiler != null) {
        profiler.launch(shape, s);
      } else {
        launchAll(shape);
      }
      long at = idsOffset;
      for (Value v : graph.outputs().values()) {
        if (v.dtype() == DType.I32 && bytes(v, rows, logitRows) > 0) {
          long n = bytes(v, rows, logitRows);
          Cuda.check(
              cuMemcpyDtoHAsync_v2(
                  pinned.asSlice(at, n), activations + plan.offset(v), n, device.stream()),
              "download ids");
          at += bytes(v, options.limits().rows(), options.limits().logitRows());
        }
      }
      collectives.finish("run a step of " + rows + " rows");
      if (profiler != null) {
        profiler.collect();
      }
    } catch (BackendException | CommunicatorException e) {
      broken = e.getMessage();
      collectives.abort();
      throw e;
    }
  }

  private void launchAll(Shape shape) {
    for (Work w : work) {
      w.body().launch(shape);
    }
  }

  /** The graph of this shape: captured when the shape is first seen. */
  private MemorySegment graphOf(Shape shape) {
    MemorySegment known = captured.get(shape);
    if (known != null) {
      return known;
    }
    try (Arena temporary = Arena.ofConfined()) {
      MemorySegment p = temporary.allocate(ValueLayout.ADDRESS);
      Cuda.check(cuStreamBeginCapture_v2(device.stream(), 1), "begin the capture of a step");
      try {
        launchAll(shape);
      } catch (RuntimeException e) {
        // Or its stream could do nothing else.
        cuStreamEndCapture(device.stream(), p);
        cuGraphDestroy(p.get(ValueLayout.ADDRESS, 0));
        throw e;
      }
      Cuda.check(cuStreamEndCapture(device.stream(), p), "end the capture of a step");
      MemorySegment template = p.get(ValueLayout.ADDRESS, 0);
      try {
        Cuda.check(cuGraphInstantiateWithFlags(p, template, 0), "instantiate a captured step");
      } finally {
        cuGraphDestroy(template);
      }
      MemorySegment ready = p.get(ValueLayout.ADDRESS, 0);
      captured.put(shape, ready);
      return ready;
    }
  }

  @Override
  public synchronized MemorySegment output(String name) {
    open();
    Value v = graph.output(name);
    long n = bytes(v, rows, logitRows);
    if (v.dtype() == DType.I32) {
      long at = idsOffset;
      for (Value o : graph.outputs().values()) {
        if (o.equals(v)) {
          return pinned.asSlice(at, n);
        }
        at +=
            o.dtype() == DType.I32
                ? bytes(o, options.limits().rows(), options.limits().logitRows())
                : 0;
      }
    }
    MemorySegment host =
        outputs.computeIfAbsent(
            name,
            k ->
                arena.allocate(
                    Math.max(8, bytes(v, options.limits().rows(), options.limits().logitRows())),
                    64));
    if (n > 0) {
      Cuda.check(
          cuMemcpyDtoHAsync_v2(host, activations + plan.offset(v), n, device.stream()),
          "download output " + name);
      device.synchronize("download output " + name);
    }
    return host.asSlice(0, n);
  }

  @Override
  public Memory memory() {
    return new Memory(
        weights.bytes(), pages.bytes(), pool.bytes() - weights.bytes() - pages.bytes());
  }

  @Override
  public synchronized List<OpProfile> profile() {
    return profiler == null ? List.of() : profiler.report();
  }

  private void open() {
    if (closed) {
      throw new BackendException("this program was closed");
    }
    if (broken != null) {
      throw new BackendException("an earlier step failed: " + broken);
    }
    device.enter();
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    device.enterToClose();
    captured.values().forEach(g -> cuGraphExecDestroy(g));
    if (profiler != null) {
      profiler.close();
    }
    collectives.close();
    if (library != null) {
      library.close();
    }
    cuMemFreeHost(pinned);
    staging.close();
    pool.close();
    arena.close();
  }
}
