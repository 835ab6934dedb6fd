package org.gatun.tornado.device;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.gatun.tornado.Executor;
import org.gatun.tornado.Kernel;
import org.gatun.tornado.Pools;
import org.gatun.tornado.kernels.Slots;
import org.gatun.tornado.kernels.Transfer;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.enums.TornadoVMBackendType;

/**
 * One execution plan over several task graphs that share the pools' device buffers: the first graph
 * uploads them, and each takes them over from whichever ran last. Kernels read row counts from the
 * step, so the graphs serve steps of every shape; only the grids change.
 */
final class DevicePlan implements Executor.Plan {
  /** Work-items of a group where lanes share nothing. */
  private static final int ITEMS = 64;

  /** Exact f32: the default also has -cl-fast-relaxed-math. */
  private static final String OPENCL_FLAGS = "-cl-mad-enable -w";

  /** TornadoVM runs one plan at a time on a device. */
  private static final ReentrantLock DEVICE = new ReentrantLock();

  private final Pools pools;
  private final List<List<Kernel>> segments;
  private final int lanes;
  private final KernelContext context = new KernelContext();
  private final GridScheduler grids = new GridScheduler();
  private final List<List<WorkerGrid1D>> sizes = new ArrayList<>();
  private final TornadoExecutionPlan plan;
  private final int load;
  private final int read;
  private final int write;
  private final int poison;
  private final int copySlots;
  private boolean uploaded;

  DevicePlan(Pools pools, List<List<Kernel>> segments, TornadoDevice device, int lanes) {
    this.pools = pools;
    this.segments = segments;
    this.lanes = lanes;
    List<ImmutableTaskGraph> graphs = new ArrayList<>();
    for (int i = 0; i < segments.size(); i++) {
      graphs.add(segment(i));
    }
    load = graphs.size();
    graphs.add(loadGraph());
    read = graphs.size();
    graphs.add(transfer("read", DataTransferMode.EVERY_EXECUTION));
    write = graphs.size();
    graphs.add(transfer("write", DataTransferMode.EVERY_EXECUTION));
    poison = graphs.size();
    graphs.add(transfer("poison", DataTransferMode.EVERY_EXECUTION));
    copySlots = graphs.size();
    graphs.add(transfer("copySlots", DataTransferMode.EVERY_EXECUTION));
    plan = new TornadoExecutionPlan(graphs.toArray(ImmutableTaskGraph[]::new));
    guarded(
        () -> {
          plan.withDevice(device);
          plan.withCompilerFlags(TornadoVMBackendType.OPENCL, OPENCL_FLAGS);
          plan.withGridScheduler(grids);
          execute(load);
          uploaded = true;
        });
  }

  private Object[] shared() {
    return new Object[] {pools.step(), pools.w(), pools.f(), pools.kv()};
  }

  private WorkerGrid1D grid(String task, int local) {
    WorkerGrid1D g = new WorkerGrid1D(local);
    g.setLocalWork(local, 1, 1);
    grids.addWorkerGrid(task, g);
    return g;
  }

  private ImmutableTaskGraph loadGraph() {
    TaskGraph g = new TaskGraph("load");
    g.transferToDevice(DataTransferMode.FIRST_EXECUTION, pools.w(), pools.f(), pools.kv());
    g.transferToDevice(DataTransferMode.EVERY_EXECUTION, pools.step());
    g.task("own", Tasks::own, context, pools.step(), pools.w(), pools.f(), pools.kv());
    g.persistOnDevice(shared());
    grid("load.own", 1);
    sizes.add(List.of());
    return g.snapshot();
  }

  private ImmutableTaskGraph segment(int number) {
    String name = "segment" + number;
    TaskGraph g = new TaskGraph(name);
    g.consumeFromDevice(shared());
    g.transferToDevice(DataTransferMode.EVERY_EXECUTION, pools.call());
    List<WorkerGrid1D> grid = new ArrayList<>();
    List<Kernel> kernels = segments.get(number);
    for (int k = 0; k < kernels.size(); k++) {
      String id = "t" + k;
      int[] own = {k};
      g.transferToDevice(DataTransferMode.FIRST_EXECUTION, own);
      add(g, id, kernels.get(k), own);
      grid.add(grid(name + "." + id, kernels.get(k).grouped() ? lanes : ITEMS));
    }
    g.persistOnDevice(shared());
    sizes.add(grid);
    return g.snapshot();
  }

  private void add(TaskGraph g, String id, Kernel kernel, int[] k) {
    int[] step = pools.step();
    int[] call = pools.call();
    int[] w = pools.w();
    float[] f = pools.f();
    int[] kv = pools.kv();
    switch (kernel) {
      case ELEMENTWISE -> g.task(id, Tasks::elementwise, context, step, call, w, f, kv, k, lanes);
      case NORM -> g.task(id, Tasks::norm, context, step, call, w, f, kv, k, lanes);
      case ROTARY -> g.task(id, Tasks::rotary, context, step, call, w, f, kv, k, lanes);
      case EMBED -> g.task(id, Tasks::embed, context, step, call, w, f, kv, k, lanes);
      case PRODUCT -> g.task(id, Tasks::product, context, step, call, w, f, kv, k, lanes);
      case APPEND -> g.task(id, Tasks::append, context, step, call, w, f, kv, k, lanes);
      case ATTEND -> g.task(id, Tasks::attend, context, step, call, w, f, kv, k, lanes);
      case MERGE -> g.task(id, Tasks::merge, context, step, call, w, f, kv, k, lanes);
      case CHOICE -> g.task(id, Tasks::choice, context, step, call, w, f, kv, k, lanes);
    }
  }

  private ImmutableTaskGraph transfer(String name, int mode) {
    TaskGraph g = new TaskGraph(name);
    g.consumeFromDevice(shared());
    g.transferToDevice(mode, pools.call());
    int[] call = pools.call();
    float[] f = pools.f();
    switch (name) {
      case "read" -> {
        g.transferToDevice(DataTransferMode.FIRST_EXECUTION, pools.staging());
        g.task("t", Tasks::read, context, call, f, pools.staging());
        g.transferToHost(DataTransferMode.EVERY_EXECUTION, pools.staging());
      }
      case "write" -> {
        g.transferToDevice(mode, pools.staging());
        g.task("t", Tasks::write, context, call, f, pools.staging());
      }
      case "poison" -> g.task("t", Tasks::poison, context, call, f);
      default -> g.task("t", Tasks::copySlots, context, call, pools.w(), f, pools.kv());
    }
    g.persistOnDevice(shared());
    sizes.add(List.of(grid(name + ".t", ITEMS)));
    return g.snapshot();
  }

  /** A plan of its own per call: TornadoVM keeps the results of all executions of a plan. */
  private void execute(int graph) {
    plan.withGraph(graph).execute();
  }

  @Override
  public void load() {
    guarded(() -> execute(load));
  }

  @Override
  public void run(int segment, int first, int[] count) {
    pools.call()[0] = first;
    List<WorkerGrid1D> grid = sizes.get(segment);
    List<Kernel> kernels = segments.get(segment);
    for (int k = 0; k < count.length; k++) {
      int local = kernels.get(k).grouped() ? lanes : ITEMS;
      int items = kernels.get(k).grouped() ? Math.multiplyExact(count[k], local) : count[k];
      resize(grid.get(k), items, local);
    }
    guarded(() -> execute(segment));
  }

  private static void resize(WorkerGrid1D grid, int items, int local) {
    grid.setGlobalWork((long) Math.max(1, Math.ceilDiv(items, local)) * local, 1, 1);
  }

  private void move(int graph, int at, int count) {
    pools.call()[Transfer.AT] = at;
    pools.call()[Transfer.COUNT] = count;
    resize(sizes.get(graph).getFirst(), count, ITEMS);
    guarded(() -> execute(graph));
  }

  @Override
  public void read(int at, int count) {
    move(read, at, count);
  }

  @Override
  public void write(int at, int count) {
    move(write, at, count);
  }

  @Override
  public void poison(int at, int count) {
    move(poison, at, count);
  }

  @Override
  public void copySlots(int from, int to, int count, int width) {
    pools.call()[Slots.FROM] = from;
    pools.call()[Slots.TO] = to;
    pools.call()[Slots.COUNT] = count;
    resize(sizes.get(copySlots).getFirst(), width, ITEMS);
    guarded(() -> execute(copySlots));
  }

  private static void guarded(Runnable work) {
    DEVICE.lock();
    try {
      work.run();
    } catch (RuntimeException | Error e) {
      throw TornadoDevices.failure("TornadoVM failed", e);
    } finally {
      DEVICE.unlock();
    }
  }

  @Override
  public void close() {
    if (uploaded) {
      uploaded = false;
      // The graph that uploaded the pools owns them; what other graphs hold is theirs for one
      // execution.
      guarded(() -> plan.withGraph(load).freeDeviceMemory());
    }
  }
}
