package org.gatun.tornado.device;

import org.gatun.tornado.kernels.Attend;
import org.gatun.tornado.kernels.Choice;
import org.gatun.tornado.kernels.Elementwise;
import org.gatun.tornado.kernels.Norms;
import org.gatun.tornado.kernels.Products;
import org.gatun.tornado.kernels.Rotary;
import org.gatun.tornado.kernels.Slots;
import org.gatun.tornado.kernels.Transfer;
import uk.ac.manchester.tornado.api.KernelContext;

/**
 * The seam: each kernel as TornadoVM wants it, with the work-item's ids, local memory and barriers
 * that the bodies leave out.
 *
 * <p>Local sizes are literals, since TornadoVM needs them when it builds a task, of 4 n + 16 floats
 * for n: where a local array is a parameter of an inlined method, TornadoVM (5.2.1) takes the byte
 * offset of an element, header included, as its index.
 *
 * <p>The launch's number comes in an array: as a scalar it would be a constant of the code, and the
 * driver would compile the same kernel anew for every launch in place of finding it in its cache.
 */
final class Tasks {
  private Tasks() {}

  static void elementwise(
      KernelContext c, int[] step, int[] call, int[] w, float[] f, int[] kv, int[] k, int lanes) {
    Elementwise.run(c.globalIdx, step, call, w, f, k[0]);
  }

  static void rotary(
      KernelContext c, int[] step, int[] call, int[] w, float[] f, int[] kv, int[] k, int lanes) {
    Rotary.run(c.globalIdx, step, call, w, f, k[0]);
  }

  static void embed(
      KernelContext c, int[] step, int[] call, int[] w, float[] f, int[] kv, int[] k, int lanes) {
    Products.embed(c.globalIdx, step, call, w, f, k[0]);
  }

  static void append(
      KernelContext c, int[] step, int[] call, int[] w, float[] f, int[] kv, int[] k, int lanes) {
    Slots.append(c.globalIdx, step, call, w, f, kv, k[0]);
  }

  static void norm(
      KernelContext c, int[] step, int[] call, int[] w, float[] f, int[] kv, int[] k, int lanes) {
    float[] local = c.allocateFloatLocalArray(528);
    int group = c.groupIdx;
    int lane = c.localIdx;
    Norms.squares(group, lane, lanes, local, step, call, w, f, k[0]);
    c.localBarrier();
    Norms.add(group, lane, lanes, local, step, call, w, f, k[0]);
    c.localBarrier();
    Norms.scale(group, lane, lanes, local, step, call, w, f, k[0]);
  }

  static void product(
      KernelContext c, int[] step, int[] call, int[] w, float[] f, int[] kv, int[] k, int lanes) {
    float[] local = c.allocateFloatLocalArray(4112);
    int group = c.groupIdx;
    int lane = c.localIdx;
    Products.sums(group, lane, lanes, local, step, call, w, f, k[0]);
    c.localBarrier();
    Products.results(group, lane, lanes, local, step, call, w, f, k[0]);
  }

  static void attend(
      KernelContext c, int[] step, int[] call, int[] w, float[] f, int[] kv, int[] k, int lanes) {
    float[] local = c.allocateFloatLocalArray(4112);
    int group = c.groupIdx;
    int lane = c.localIdx;
    Attend.begin(lane, lanes, local, call, w, k[0]);
    int tiles = Attend.tiles(group, step, call, w, k[0]);
    for (int t = 0; t < tiles; t++) {
      Attend.scores(group, lane, lanes, t, local, step, call, w, f, kv, k[0]);
      c.localBarrier();
      Attend.accumulate(group, lane, lanes, t, local, step, call, w, f, kv, k[0]);
      c.localBarrier();
    }
    Attend.end(group, lane, lanes, local, step, call, w, f, k[0]);
  }

  static void merge(
      KernelContext c, int[] step, int[] call, int[] w, float[] f, int[] kv, int[] k, int lanes) {
    float[] local = c.allocateFloatLocalArray(4112);
    Attend.merge(c.groupIdx, c.localIdx, lanes, local, step, call, w, f, k[0]);
  }

  static void choice(
      KernelContext c, int[] step, int[] call, int[] w, float[] f, int[] kv, int[] k, int lanes) {
    float[] local = c.allocateFloatLocalArray(528);
    int group = c.groupIdx;
    int lane = c.localIdx;
    Choice.largest(group, lane, lanes, local, step, call, w, f, k[0]);
    c.localBarrier();
    Choice.pick(group, lane, lanes, local, step, call, w, f, k[0]);
  }

  /** Touches every pool, so that the first graph owns their buffers; changes nothing. */
  static void own(KernelContext c, int[] step, int[] w, float[] f, int[] kv) {
    int id = c.globalIdx;
    if (id > 0) {
      f[0] = (float) (step[0] + w[0]);
      kv[0] = step[0];
    }
  }

  static void read(KernelContext c, int[] call, float[] f, float[] staging) {
    Transfer.out(c.globalIdx, call, f, staging);
  }

  static void write(KernelContext c, int[] call, float[] f, float[] staging) {
    Transfer.in(c.globalIdx, call, f, staging);
  }

  static void poison(KernelContext c, int[] call, float[] f) {
    Transfer.poison(c.globalIdx, call, f);
  }

  static void copySlots(KernelContext c, int[] call, int[] w, float[] f, int[] kv) {
    Slots.copy(c.globalIdx, call, w, f, kv);
  }
}
