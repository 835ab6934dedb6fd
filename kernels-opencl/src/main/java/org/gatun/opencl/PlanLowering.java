package org.gatun.opencl;

import java.util.ArrayList;
import java.util.List;
import org.gatun.attention.AttentionPlan;
import org.gatun.graph.Node;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.op.Attention;

/** What a plan does before attention: lookups that write a bit per token, or per page. */
final class PlanLowering {
  private final Lowering lowering;
  private final Tiles tiles;
  private final StepLimits limits;
  private final Lowering.Operands at;
  private final Attention op;
  private final Node node;

  PlanLowering(
      Lowering lowering,
      Tiles tiles,
      StepLimits limits,
      Lowering.Operands at,
      Attention op,
      Node node) {
    this.lowering = lowering;
    this.tiles = tiles;
    this.limits = limits;
    this.at = at;
    this.op = op;
    this.node = node;
  }

  private int local() {
    return tiles.gpu() ? 64 : 16;
  }

  /** Rows that a lookup multiplies at once with the four queries that it takes. */
  private String wide() {
    return " -DWIDE=" + tiles.attentionVectors(4);
  }

  private String shape(int local) {
    return " -DHEADS="
        + op.heads()
        + " -DKV_HEADS="
        + op.kvHeads()
        + " -DDIM="
        + op.headDim()
        + " -DLOCAL="
        + local;
  }

  /** Bits of kept tokens: [sequence][kv head][words], and a counter behind them. */
  ClBuffer keptBits() {
    long words = at.kvPool().prefixPool().words();
    return at.scratch("kept tokens", 4 * (words * limits.sequences() * op.kvHeads() + 1));
  }

  /** Words of a row's page bits. */
  int blockWords() {
    return Math.ceilDiv(limits.pages(), 32);
  }

  /** Bits of chosen pages: [row][kv head][words]. */
  ClBuffer blockBits() {
    return at.scratch("chosen pages", 4L * blockWords() * limits.rows() * op.kvHeads());
  }

  /** Whether any sequence of the step has a prefix. */
  static boolean hasPrefix(Step s) {
    for (int i = 0; i < s.sequences(); i++) {
      if (s.sequence(Step.PREFIX, i) >= 0) {
        return true;
      }
    }
    return false;
  }

  Launch lookup(AttentionPlan.Squeezed plan) {
    PrefixPool pool = at.kvPool().prefixPool();
    PrefixPool.Layer l = pool.layer(op.layer());
    ClBuffer bits = keptBits();
    int local = tiles.gpu() ? local() : 1;
    int planes = 2 + (tiles.gpu() ? 1 : 4);
    long plane = Math.ceilDiv(pool.clusters(), 16) * 16L;
    ClBuffer scratch =
        at.scratch("lookup", 4L * planes * plane * limits.sequences() * op.kvHeads());
    List<String> sources =
        tiles.gpu()
            ? List.of("lookup_gpu.cl", "lookup.cl")
            : List.of("rows.cl", "lookup_cpu.cl", "lookup.cl");
    String options = "-DLEVELS=" + plan.levels() + wide() + shape(local);
    return new Launch(
        () ->
            lowering
                .stepArgs(lowering.kernel(sources, options, "lookup"))
                .arg(at.activation(node.in().getFirst()))
                .arg(l.sizes())
                .arg(l.fine())
                .arg(l.starts())
                .arg(l.coarse())
                .arg(l.children())
                .arg(scratch)
                .arg(bits)
                .arg(pool.clusters())
                .arg(pool.words())
                .arg(op.scale())
                .arg(op.softCap())
                .local(local, 1, 1),
        (s, g) -> {
          g[0] = hasPrefix(s) ? op.kvHeads() : 0;
          g[1] = s.sequences();
        });
  }

  List<Launch> choose(AttentionPlan.BlockTopK plan) {
    ClBuffer compressed = at.kvPool().compressed(op.layer());
    KvPool.Layer layer = at.kvPool().layer(op.layer());
    long groups = (long) limits.rows() * op.kvHeads();
    ClBuffer shares = at.scratch("page shares", 16L * limits.pages() * groups);
    ClBuffer scores = at.scratch("page scores", 4L * limits.pages() * groups);
    ClBuffer bits = blockBits();
    List<String> sources =
        tiles.gpu()
            ? List.of("kv.cl", "blocks.cl", "choose_gpu.cl")
            : List.of("kv.cl", "blocks.cl", "rows.cl", "choose_cpu.cl");
    // INT8 pages bring a LOCAL of their own for the append; the plan's comes last and stands.
    String options = at.kvPool().options().replaceAll("-DLOCAL=\\d+", "") + wide() + shape(local());
    List<Launch> launches = new ArrayList<>();
    launches.add(
        new Launch(
            () ->
                lowering
                    .stepArgs(lowering.kernel(sources, options, "compress"))
                    .arg(layer.keys())
                    .arg(compressed)
                    .local(16, 1, 1),
            (s, g) -> {
              g[0] = op.headDim() / 16;
              g[1] = op.kvHeads();
              g[2] = s.sequences();
            }));
    launches.add(
        new Launch(
            () ->
                lowering
                    .stepArgs(lowering.kernel(sources, options, "choose"))
                    .arg(at.activation(node.in().getFirst()))
                    .arg(compressed)
                    .arg(shares)
                    .arg(scores)
                    .arg(bits)
                    .arg(blockWords())
                    .arg(limits.pages())
                    .arg(op.scale())
                    .arg(op.softCap())
                    .arg(plan.blocks())
                    .arg(plan.init())
                    .arg(plan.local())
                    .local(tiles.gpu() ? local() : 1, 1, 1),
            (s, g) -> {
              g[0] = op.kvHeads();
              g[1] = s.rows();
            }));
    return launches;
  }
}
