package org.gatun.backend.suite;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvSequence;
import org.gatun.attention.PrefixLimits;
import org.gatun.backend.Backend;
import org.gatun.graph.Mask;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;

/**
 * Block top-k whose choice is known beforehand, against dense attention under a mask written by
 * hand.
 *
 * <p>All keys of a page lie on an axis of the page's own; a row's queries point along those of two
 * pages, other ones for each row and KV head. The compressed keys of a wanted page then score 2.5,
 * those that straddle its edge 1.25 and all others 0 but for a little noise, so with five pages of
 * which the first and the last two are always read, the two wanted ones are what is left to choose.
 */
final class FixedPages {
  private static final int HEADS = 4;
  private static final int KV_HEADS = 2;
  private static final int DIM = 64;
  private static final float SCALE = 0.25f;
  private static final int PAGE = 64;
  private static final int BLOCKS = 5;
  private static final int LOCAL = 2;

  /** Pages have the axes below this one; those behind it carry noise. */
  private static final int AXES = 20;

  private final PlantedRows planted = new PlantedRows(new SplittableRandom(19), DIM, AXES);
  private final List<List<List<double[]>>> keys = new ArrayList<>();
  private final List<List<List<double[]>>> values = new ArrayList<>();
  private int slots;

  private FixedPages() {
    for (int h = 0; h < KV_HEADS; h++) {
      keys.add(new ArrayList<>());
      values.add(new ArrayList<>());
    }
  }

  /** Runs a prompt in chunks that do not end where pages do, then single rows. */
  static MaskedDense.Report run(Backend backend, KvCodec codec) {
    FixedPages p = new FixedPages();
    AttentionPlan plan = new AttentionPlan.BlockTopK(BLOCKS, 1, LOCAL);
    StepLimits limits = new StepLimits(160, 1, 1, 1024);
    try (PlanRun run =
            new PlanRun(
                backend, codec, plan, HEADS, KV_HEADS, DIM, SCALE, limits, PrefixLimits.NONE);
        KvSequence kv = run.program().kv().sequence()) {
      for (int rows : new int[] {160, 160, 150, 100, 1, 1, 70, 1}) {
        p.step(run, kv, rows);
      }
      return run.oracle().report();
    }
  }

  private void step(PlanRun run, KvSequence kv, int rows) {
    float[] q = new float[rows * HEADS * DIM];
    float[] k = new float[rows * KV_HEADS * DIM];
    float[] v = new float[rows * KV_HEADS * DIM];
    Step step = run.step();
    step.clear();
    int s = step.begin(kv, rows, Mask.CAUSAL);
    int first = slots;
    for (int i = 0; i < rows; i++, slots++) {
      step.row(s, i, 0, slots);
      int page = slots / PAGE;
      for (int h = 0; h < KV_HEADS; h++) {
        if (slots % PAGE == 0) {
          keys.get(h).add(new ArrayList<>());
          values.get(h).add(new ArrayList<>());
        }
        keys.get(h).get(page).add(planted.key(k, i * KV_HEADS + h, page));
        values.get(h).get(page).add(planted.value(v, i * KV_HEADS + h, page, 1));
      }
      for (int h = 0; h < HEADS; h++) {
        planted.query(query(slots, h / (HEADS / KV_HEADS)), q, i * HEADS + h);
      }
    }
    MemorySegment y = run.run(q, k, v);
    for (int i = 0; i < rows; i++) {
      int slot = first + i;
      run.oracle().compare("slot " + slot, i, q, y, h -> mask(slot, h));
    }
  }

  /**
   * Which of the two wanted pages this is, of a row that must choose; the others are read anyway.
   */
  private static int wanted(int which, int slot, int head) {
    int free = slot / PAGE - LOCAL;
    return 1 + (slot + which * (1 + head)) % free;
  }

  private static boolean chooses(int slot) {
    return slot / PAGE + 1 > BLOCKS;
  }

  private static double[] query(int slot, int head) {
    double[] x = new double[DIM];
    for (int which = 0; which < 2 && chooses(slot); which++) {
      x[wanted(which, slot, head)] = 3.25;
    }
    return x;
  }

  private List<MaskedDense.Group> mask(int slot, int head) {
    List<MaskedDense.Group> groups = new ArrayList<>();
    int last = slot / PAGE;
    for (int b = 0; b <= last; b++) {
      int seen = b == last ? slot % PAGE + 1 : PAGE;
      boolean shown =
          !chooses(slot)
              || b == 0
              || b > last - LOCAL
              || b == wanted(0, slot, head)
              || b == wanted(1, slot, head);
      // The own page may have too few keys yet to show.
      groups.add(
          new MaskedDense.Group(
              shown,
              b < last,
              keys.get(head).get(b).subList(0, seen),
              values.get(head).get(b).subList(0, seen)));
    }
    return groups;
  }
}
