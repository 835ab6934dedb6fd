package org.gatun.backend.suite;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.Clustering;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.attention.KvPrefix;
import org.gatun.attention.KvSequence;
import org.gatun.attention.PrefixData;
import org.gatun.attention.PrefixLayers;
import org.gatun.attention.PrefixLimits;
import org.gatun.attention.PrefixThresholds;
import org.gatun.backend.Backend;
import org.gatun.graph.Mask;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;

/**
 * Squeezed attention whose choice is known beforehand, against dense attention under a mask written
 * by hand.
 *
 * <p>16 fine clusters lie on an axis each, and on that of their coarse cluster, of which there are
 * four. Queries point along the axes of coarse clusters 0 and 1 and of fine clusters 1, 5, 6 and 13
 * (5 and 6 by one of two heads each). A key's score is then 0, 3 or 6 but for a little noise:
 *
 * <pre>
 *   fine cluster          1    5, 6          0, 2, 3, 4, 7     13     8 … 12, 14, 15
 *   score                 6    6 or 3        3                 3      0
 *   coarse cluster        0    1             0 and 1           3      2 and 3          coarse score about 3.7, 3.8, 0, 0.7
 * </pre>
 *
 * A strict threshold keeps 1, 5 and 6; a lax one 0 … 7, and 13 too unless its coarse cluster, which
 * has nothing else to offer, was left out before. Scores are three times above or below every
 * threshold. KV head h has the pattern moved by h coarse clusters, so that heads differ.
 */
final class FixedClusters {
  private static final int HEADS = 4;
  private static final int KV_HEADS = 2;
  private static final int DIM = 64;
  private static final int FINE = 16;
  private static final int COARSE = 4;
  private static final float SCALE = 0.25f;

  /** An axis of the keys behind the prefix; further ones carry noise. */
  private static final int OWN_AXIS = FINE + COARSE;

  private static final float[] NOWHERE = {};

  private static final Set<Integer> STRICT = Set.of(1, 5, 6);
  private static final Set<Integer> LAX = Set.of(0, 1, 2, 3, 4, 5, 6, 7, 13);
  private static final Set<Integer> LAX_BELOW_COARSE = Set.of(0, 1, 2, 3, 4, 5, 6, 7);

  private final PlantedRows planted = new PlantedRows(new SplittableRandom(17), DIM, OWN_AXIS + 1);
  private final int levels;
  private final List<List<List<double[]>>> keys = new ArrayList<>();
  private final List<List<List<double[]>>> values = new ArrayList<>();

  private FixedClusters(int levels) {
    this.levels = levels;
  }

  private static int size(int fine) {
    return 8 + fine * 5 % 7;
  }

  /** A cluster's place in head 0's pattern. */
  private static int role(int head, int fine) {
    return Math.floorMod(fine - head * (FINE / COARSE), FINE);
  }

  /** Runs steps of up to three sequences, of few rows and of many. */
  static MaskedDense.Report run(Backend backend, KvCodec codec, int levels) {
    return new FixedClusters(levels).run(backend, codec);
  }

  private MaskedDense.Report run(Backend backend, KvCodec codec) {
    PrefixData prefix = prefix(codec);
    AttentionPlan plan = new AttentionPlan.Squeezed(levels);
    StepLimits limits = new StepLimits(96, 3, 1, 512);
    try (PlanRun run =
            new PlanRun(
                backend,
                codec,
                plan,
                HEADS,
                KV_HEADS,
                DIM,
                SCALE,
                limits,
                PrefixLimits.of(prefix));
        KvPrefix loaded = run.program().kv().load(prefix);
        KvSequence strict = run.program().kv().sequence(loaded, thresholds(true));
        KvSequence lax = run.program().kv().sequence(loaded, thresholds(false));
        KvSequence none = run.program().kv().sequence()) {
      Reader a = new Reader("strict", strict, STRICT);
      Reader b = new Reader("lax", lax, levels == 1 ? LAX : LAX_BELOW_COARSE);
      Reader c = new Reader("without a prefix", none, Set.of());
      step(run, List.of(a, b, c), 3, 2, 2);
      step(run, List.of(b, a, c), 1, 1, 1);
      step(run, List.of(c, a), 1, 2);
      step(run, List.of(b, a, c), 70, 18, 2);
      return run.oracle().report();
    }
  }

  /** One sequence: what stands behind the prefix so far, per KV head, and what its mask shows. */
  private static final class Reader {
    final String name;
    final KvSequence kv;
    final Set<Integer> shown;
    final List<List<double[]>> keys = new ArrayList<>();
    final List<List<double[]>> values = new ArrayList<>();

    Reader(String name, KvSequence kv, Set<Integer> shown) {
      this.name = name;
      this.kv = kv;
      this.shown = shown;
      for (int h = 0; h < KV_HEADS; h++) {
        keys.add(new ArrayList<>());
        values.add(new ArrayList<>());
      }
    }
  }

  private void step(PlanRun run, List<Reader> readers, int... rows) {
    int total = Arrays.stream(rows).sum();
    float[] q = new float[total * HEADS * DIM];
    float[] k = new float[total * KV_HEADS * DIM];
    float[] v = new float[total * KV_HEADS * DIM];
    Step step = run.step();
    step.clear();
    int row = 0;
    for (int s = 0; s < rows.length; s++) {
      Reader r = readers.get(s);
      int n = step.begin(r.kv, rows[s], Mask.CAUSAL);
      for (int i = 0; i < rows[s]; i++, row++) {
        step.row(n, i, 0, r.kv.nextPosition() + i);
        for (int h = 0; h < KV_HEADS; h++) {
          r.keys.get(h).add(planted.key(k, row * KV_HEADS + h, OWN_AXIS));
          r.values.get(h).add(planted.value(v, row * KV_HEADS + h, FINE + h, 1));
        }
        for (int h = 0; h < HEADS; h++) {
          planted.query(query(h), q, row * HEADS + h);
        }
      }
    }
    MemorySegment y = run.run(q, k, v);
    row = 0;
    for (int s = 0; s < rows.length; s++) {
      Reader r = readers.get(s);
      for (int i = 0; i < rows[s]; i++, row++) {
        int slots = r.keys.getFirst().size() - rows[s] + i + 1;
        run.oracle().compare(r.name, row, q, y, h -> mask(r, h, slots));
      }
    }
  }

  private List<MaskedDense.Group> mask(Reader r, int head, int slots) {
    List<MaskedDense.Group> groups = new ArrayList<>();
    for (int i = 0; !r.shown.isEmpty() && i < FINE; i++) {
      boolean shown = r.shown.contains(role(head, i));
      groups.add(
          new MaskedDense.Group(shown, true, keys.get(head).get(i), values.get(head).get(i)));
    }
    groups.add(
        new MaskedDense.Group(
            true, false, r.keys.get(head).subList(0, slots), r.values.get(head).subList(0, slots)));
    return groups;
  }

  private static double[] query(int head) {
    double[] x = new double[DIM];
    int kv = head / (HEADS / KV_HEADS);
    for (int i = 0; i < FINE; i++) {
      int role = role(kv, i);
      x[i] = role == 1 || role == 13 || role == 5 + head % 2 ? 4 : 0;
      x[FINE + i / (FINE / COARSE)] = role(kv, i / (FINE / COARSE) * (FINE / COARSE)) < 8 ? 4 : 0;
    }
    x[OWN_AXIS] = 4;
    return x;
  }

  private PrefixData prefix(KvCodec codec) {
    Clustering[] heads = new Clustering[KV_HEADS];
    for (int h = 0; h < KV_HEADS; h++) {
      List<List<double[]>> k = new ArrayList<>();
      List<List<double[]>> v = new ArrayList<>();
      int[] starts = new int[FINE + 1];
      int[] children = new int[COARSE + 1];
      for (int i = 0; i < FINE; i++) {
        starts[i + 1] = starts[i] + size(i);
        children[i / (FINE / COARSE) + 1] = i + 1;
        k.add(new ArrayList<>());
        v.add(new ArrayList<>());
        int role = role(h, i);
        // The less a query cares for a cluster, the more its values would show.
        double loud = STRICT.contains(role) ? 1 : LAX.contains(role) ? 4 : 64;
        for (int t = 0; t < size(i); t++) {
          k.get(i).add(planted.key(NOWHERE, 0, i, FINE + i / (FINE / COARSE)));
          v.get(i).add(planted.value(NOWHERE, 0, i, loud));
        }
      }
      keys.add(k);
      values.add(v);
      int[] order = new int[starts[FINE]];
      Arrays.setAll(order, t -> t);
      heads[h] = new Clustering(order, starts, children);
    }
    PrefixData.Layer layer =
        PrefixLayers.pack(
            new KvLayer(0, KV_HEADS, DIM),
            codec,
            heads,
            (key, h, place, dst) -> {
              int i = 0;
              while (place >= heads[h].starts()[i + 1]) {
                i++;
              }
              List<double[]> rows = (key ? keys : values).get(h).get(i);
              System.arraycopy(rows.get(place - heads[h].starts()[i]), 0, dst, 0, DIM);
            },
            Arena.ofAuto());
    return new PrefixData(heads[0].order().length, List.of(layer));
  }

  /** From the table above: 3 times below what is kept, 3 times above what is not. */
  private PrefixThresholds thresholds(boolean strict) {
    double all = 0;
    double below = 0;
    double coarse = 0;
    for (int i = 0; i < FINE; i++) {
      double score = i == 1 ? 6 : i == 5 || i == 6 ? 4.5 : LAX.contains(i) ? 3 : 0;
      double mean = i == 5 || i == 6 ? (Math.exp(6) + Math.exp(3)) / 2 : Math.exp(score);
      all += size(i) * mean;
      below += i < 8 ? size(i) * mean : 0;
      coarse += size(i) * Math.exp(i < 8 ? 3.75 : i < 12 ? 0 : 0.75);
    }
    double keep = strict ? 3 * Math.exp(3) : 4;
    return new PrefixThresholds(
        levels == 2 ? (float) (8 / coarse) : Float.NEGATIVE_INFINITY,
        (float) (keep / (levels == 2 ? below : all)));
  }
}
