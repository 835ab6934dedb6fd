package org.gatun.opencl;

import java.util.ArrayList;
import java.util.List;
import org.gatun.attention.AttentionPlan;
import org.gatun.graph.Node;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.op.Attention;

/**
 * Attention: tiles of query rows by splits of the keys, then a merge where there was more than one.
 */
final class AttentionLowering {
  /** Splits of a prefix beside those of pages: heads keep unequal numbers of its tokens. */
  private static final int UNEVEN = 4;

  private final Lowering lowering;
  private final Tiles tiles;
  private final StepLimits limits;
  private final Lowering.Operands at;

  AttentionLowering(Lowering lowering, Tiles tiles, StepLimits limits, Lowering.Operands at) {
    this.lowering = lowering;
    this.tiles = tiles;
    this.limits = limits;
    this.at = at;
  }

  List<Launch> lower(Attention op, Node n) {
    if (op.headDim() % 16 != 0) {
      throw Lowering.refuse(n, "head dims that are not a multiple of 16");
    }
    Shape decode = new Shape(op, n, tiles.decodeQueries(op.heads() / op.kvHeads()), true);
    Shape prefill = new Shape(op, n, tiles.prefillQueries(), false);
    List<Launch> launches = new ArrayList<>();
    PlanLowering plan = new PlanLowering(lowering, tiles, limits, at, op, n);
    boolean kept = false;
    switch (op.plan()) {
      case AttentionPlan.Dense d -> {}
      case AttentionPlan.Squeezed s -> {
        kept = readsPrefixes(op);
        if (kept) {
          launches.add(plan.lookup(s));
        }
      }
      case AttentionPlan.BlockTopK b -> launches.addAll(plan.choose(b));
    }
    for (Shape shape : List.of(decode, prefill)) {
      launches.add(shape.attend(plan));
      if (kept) {
        launches.add(shape.attendKept(plan));
      }
      launches.add(shape.combine());
    }
    return launches;
  }

  private boolean readsPrefixes(Attention op) {
    return op.plan() instanceof AttentionPlan.Squeezed && at.kvPool().prefixes() > 0;
  }

  /** One tile size; steps of single rows take the small one. */
  private final class Shape {
    private final Attention op;
    private final Node node;
    private final int queries;
    private final boolean decode;
    private final ClBuffer parts;

    Shape(Attention op, Node node, int queries, boolean decode) {
      this.op = op;
      this.node = node;
      this.queries = queries;
      this.decode = decode;
      // Splits fill the device, or there is one per tile; kept tokens of a prefix bring more.
      long most = tiles.workers();
      if (op.plan() instanceof AttentionPlan.Squeezed) {
        long tileCount =
            Math.ceilDiv(limits.rows() * (op.heads() / op.kvHeads()), queries) + limits.sequences();
        most = (1 + UNEVEN) * Math.max(most, tileCount * op.kvHeads());
      }
      parts = at.scratch("attention parts", 4L * most * queries * (op.headDim() + 2));
    }

    private boolean applies(Step s) {
      return (s.rows() == s.sequences()) == decode;
    }

    private int tileCount(Step s) {
      int group = op.heads() / op.kvHeads();
      int count = 0;
      for (int i = 0; i < s.sequences(); i++) {
        count += Math.ceilDiv(s.sequence(Step.ROW_COUNT, i) * group, queries);
      }
      return count;
    }

    /** Splits so that the device is full, each of at least two pages. */
    private int splits(Step s, int count) {
      int longest = 0;
      for (int i = 0; i < s.sequences(); i++) {
        longest = Math.max(longest, s.sequence(Step.KV_LENGTH, i));
      }
      if (op.window() > 0) {
        longest = Math.min(longest, op.window() + s.rows());
      }
      int most = Math.max(1, longest / 128);
      return Math.clamp(tiles.workers() / Math.max(1, count * op.kvHeads()), 1, most);
    }

    /** Splits of the prefix's pages; 0 if no sequence has a prefix. */
    private int keptSplits(Step s, int count) {
      if (!(op.plan() instanceof AttentionPlan.Squeezed) || !PlanLowering.hasPrefix(s)) {
        return 0;
      }
      int most = Math.max(1, at.kvPool().prefixPool().pages() / 2);
      int units = UNEVEN * tiles.workers();
      return Math.clamp(units / Math.max(1, count * op.kvHeads()), 1, most);
    }

    private String options(String plan) {
      return at.kvPool().options()
          + (at.kvPool().prefixes() > 0 ? " -DBEHIND_PREFIX" : "")
          + plan
          + " -DHEADS="
          + op.heads()
          + " -DKV_HEADS="
          + op.kvHeads()
          + " -DDIM="
          + op.headDim()
          + " -DQT="
          + queries
          + " -DWIDE="
          + tiles.attentionVectors(queries);
    }

    private ClKernel kernel(String name, String plan) {
      List<String> sources =
          tiles.gpu()
              ? List.of("kv.cl", "attention.cl", "attention_gpu.cl")
              : List.of("kv.cl", "attention.cl", "rows.cl", "kept_cpu.cl", "attention_cpu.cl");
      return lowering.kernel(sources, options(plan), name);
    }

    /** Arguments of every attention kernel, up to the splits. */
    private ClKernel attention(String plan, ClBuffer keys, ClBuffer values) {
      return lowering
          .stepArgs(kernel("attention", plan))
          .arg(at.activation(node.in().getFirst()))
          .arg(keys)
          .arg(values)
          .arg(at.activation(node.out().getFirst()))
          .arg(op.lse() ? at.activation(node.out().get(1)) : null)
          .arg(parts)
          .arg(op.scale())
          .arg(op.window())
          .arg(op.softCap())
          .arg(1)
          .local(tiles.gpu() ? 64 : 1, tiles.gpu() ? 2 : 1, 1);
    }

    /** Attention over the sequence's pages, all or chosen ones. */
    Launch attend(PlanLowering plan) {
      KvPool.Layer layer = at.kvPool().layer(op.layer());
      boolean parts = readsPrefixes(op);
      return new Launch(
          () ->
              switch (op.plan()) {
                case AttentionPlan.BlockTopK b ->
                    attention(" -DPLAN_BLOCKS", layer.keys(), layer.values())
                        .arg(plan.blockBits())
                        .arg(plan.blockWords());
                case AttentionPlan.Squeezed q when parts ->
                    attention(" -DPLAN_PARTS", layer.keys(), layer.values()).arg(1).arg(0);
                default -> attention("", layer.keys(), layer.values());
              },
          (s, g) -> {
            int count = applies(s) ? tileCount(s) : 0;
            int splits = splits(s, count);
            g[0] = count;
            g[1] = op.kvHeads();
            g[2] = splits;
            g[3] = splits + keptSplits(s, count);
          },
          (k, g) -> {
            k.at(11).arg((int) g[2]);
            if (parts) {
              k.arg((int) g[3]);
            }
          });
    }

    /** Attention over kept tokens of the sequences' prefixes; its splits follow the pages'. */
    Launch attendKept(PlanLowering plan) {
      PrefixPool pool = at.kvPool().prefixPool();
      PrefixPool.Layer layer = pool.layer(op.layer());
      return new Launch(
          () ->
              attention(" -DPLAN_PARTS -DPLAN_KEPT", layer.keys(), layer.values())
                  .arg(1)
                  .arg(0)
                  .arg(0)
                  .arg(plan.keptBits())
                  .arg(pool.words())
                  .arg(layer.sizes())
                  .arg(pool.pages()),
          (s, g) -> {
            int count = applies(s) ? tileCount(s) : 0;
            int kept = keptSplits(s, count);
            int pages = splits(s, count);
            if (tiles.gpu()) {
              g[0] = count;
              g[1] = op.kvHeads();
              g[2] = kept;
            } else { // work-items take them one by one
              g[0] = Math.min(tiles.workers(), (long) count * op.kvHeads() * kept);
            }
            g[3] = kept;
            g[4] = pages;
            g[5] = count;
          },
          (k, g) ->
              k.at(11).arg((int) g[3]).arg((int) (g[3] + g[4])).arg((int) g[4]).arg((int) g[5]));
    }

    Launch combine() {
      return new Launch(
          () ->
              lowering
                  .stepArgs(kernel("combine", ""))
                  .arg(parts)
                  .arg(at.activation(node.out().getFirst()))
                  .arg(op.lse() ? at.activation(node.out().get(1)) : null)
                  .arg(1),
          (s, g) -> {
            int count = applies(s) ? tileCount(s) : 0;
            int splits = splits(s, count) + keptSplits(s, count);
            g[0] = splits > 1 ? queries : 0;
            g[1] = op.kvHeads();
            g[2] = count;
            g[3] = splits;
          },
          (k, g) -> k.at(5).arg((int) g[3]));
    }
  }
}
