package org.gatun.tornado;

import java.util.List;
import org.gatun.tornado.kernels.Attend;
import org.gatun.tornado.kernels.Choice;
import org.gatun.tornado.kernels.Elementwise;
import org.gatun.tornado.kernels.Norms;
import org.gatun.tornado.kernels.Pool;
import org.gatun.tornado.kernels.Products;
import org.gatun.tornado.kernels.Rotary;
import org.gatun.tornado.kernels.Slots;
import org.gatun.tornado.kernels.Transfer;

/**
 * The kernels as the Java they are: work-items in turn, the lanes of a group phase by phase as
 * barriers would have them. What tests hold the kernels' arithmetic with; no SDK is needed.
 */
final class PlainExecutor implements Executor {
  private final int lanes;

  PlainExecutor(int lanes) {
    this.lanes = lanes;
  }

  @Override
  public String device() {
    return "the TornadoVM kernels as plain Java, one thread, " + lanes + " lanes";
  }

  @Override
  public int lanes() {
    return lanes;
  }

  @Override
  public int workers() {
    return 16;
  }

  @Override
  public long memory() {
    return Runtime.getRuntime().maxMemory();
  }

  @Override
  public Plan prepare(Pools pools, List<List<Kernel>> segments) {
    return new PlainPlan(pools, segments, lanes);
  }

  @Override
  public void close() {}

  private static final class PlainPlan implements Plan {
    private final Pools pools;
    private final List<List<Kernel>> segments;
    private final int lanes;
    private final float[] local = new float[Pool.LOCAL];
    private final int[] step;
    private final int[] call;
    private final int[] w;
    private final float[] f;
    private final int[] kv;

    PlainPlan(Pools pools, List<List<Kernel>> segments, int lanes) {
      this.pools = pools;
      this.segments = segments;
      this.lanes = lanes;
      step = pools.step();
      call = pools.call();
      w = pools.w();
      f = pools.f();
      kv = pools.kv();
    }

    @Override
    public void load() {}

    @Override
    public void run(int segment, int first, int[] sizes) {
      call[0] = first;
      List<Kernel> kernels = segments.get(segment);
      for (int k = 0; k < kernels.size(); k++) {
        for (int i = 0; i < sizes[k]; i++) {
          if (kernels.get(k).grouped()) {
            group(kernels.get(k), i, k);
          } else {
            item(kernels.get(k), i, k);
          }
        }
      }
    }

    private void item(Kernel kernel, int id, int k) {
      switch (kernel) {
        case ELEMENTWISE -> Elementwise.run(id, step, call, w, f, k);
        case ROTARY -> Rotary.run(id, step, call, w, f, k);
        case EMBED -> Products.embed(id, step, call, w, f, k);
        case APPEND -> Slots.append(id, step, call, w, f, kv, k);
        default -> throw new IllegalStateException(kernel + " runs in groups");
      }
    }

    private interface Phase {
      void run(
          int group,
          int lane,
          int lanes,
          float[] local,
          int[] step,
          int[] call,
          int[] w,
          float[] f,
          int k);
    }

    private void lanes(int group, int k, Phase phase) {
      for (int lane = 0; lane < lanes; lane++) {
        phase.run(group, lane, lanes, local, step, call, w, f, k);
      }
    }

    private void group(Kernel kernel, int group, int k) {
      switch (kernel) {
        case NORM -> {
          lanes(group, k, Norms::squares);
          lanes(group, k, Norms::add);
          lanes(group, k, Norms::scale);
        }
        case PRODUCT -> {
          lanes(group, k, Products::sums);
          lanes(group, k, Products::results);
        }
        case ATTEND -> attend(group, k);
        case MERGE -> lanes(group, k, Attend::merge);
        case CHOICE -> {
          lanes(group, k, Choice::largest);
          lanes(group, k, Choice::pick);
        }
        default -> throw new IllegalStateException(kernel + " runs in work-items");
      }
    }

    private void attend(int group, int k) {
      for (int lane = 0; lane < lanes; lane++) {
        Attend.begin(lane, lanes, local, call, w, k);
      }
      int tiles = Attend.tiles(group, step, call, w, k);
      for (int t = 0; t < tiles; t++) {
        for (int lane = 0; lane < lanes; lane++) {
          Attend.scores(group, lane, lanes, t, local, step, call, w, f, kv, k);
        }
        for (int lane = 0; lane < lanes; lane++) {
          Attend.accumulate(group, lane, lanes, t, local, step, call, w, f, kv, k);
        }
      }
      lanes(group, k, Attend::end);
    }

    @Override
    public void read(int at, int count) {
      operands(at, count);
      for (int i = 0; i < count; i++) {
        Transfer.out(i, call, f, pools.staging());
      }
    }

    @Override
    public void write(int at, int count) {
      operands(at, count);
      for (int i = 0; i < count; i++) {
        Transfer.in(i, call, f, pools.staging());
      }
    }

    @Override
    public void poison(int at, int count) {
      operands(at, count);
      for (int i = 0; i < count; i++) {
        Transfer.poison(i, call, f);
      }
    }

    private void operands(int at, int count) {
      call[Transfer.AT] = at;
      call[Transfer.COUNT] = count;
    }

    @Override
    public void copySlots(int from, int to, int count, int width) {
      call[Slots.FROM] = from;
      call[Slots.TO] = to;
      call[Slots.COUNT] = count;
      for (int i = 0; i < width; i++) {
        Slots.copy(i, call, w, f, kv);
      }
    }

    @Override
    public void close() {}
  }
}
