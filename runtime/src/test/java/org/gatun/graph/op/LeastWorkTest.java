package org.gatun.graph.op;

import static org.assertj.core.api.Assertions.assertThat;

import org.gatun.attention.KvCache;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvSequence;
import org.gatun.attention.KvStore;
import org.gatun.graph.Dim;
import org.gatun.graph.Graph;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.Sampling;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.Test;

/** The work of ops, counted by hand. */
class LeastWorkTest {
  /** 5 rows behind 3 tokens that are there; one row wants logits. */
  private static LeastWork of(Graph g) {
    KvStore store =
        new KvStore() {
          @Override
          public int pages() {
            return 4;
          }

          @Override
          public void copySlots(int from, int fromSlot, int to, int toSlot, int count) {}
        };
    try (Step step = new Step(new StepLimits(8, 1, 8, 64));
        KvSequence sequence = new KvCache(store).sequence()) {
      step.add(sequence, new int[3], Sampling.GREEDY);
      step.seal();
      step.commit();
      step.clear();
      step.add(sequence, new int[5], Sampling.GREEDY);
      step.seal();
      return LeastWork.of(g.nodes().getLast(), step, KvCodec.F16);
    }
  }

  private static Graph graph(Op op, Value[] in, GraphBuilder b) {
    b.output("out", b.one("node", op, in));
    return b.build();
  }

  @Test
  void aProductReadsItsWeightsOnceAndMultipliesThemByEveryRow() {
    var b = new GraphBuilder("product");
    Value x = b.input("x", DType.F32, Dim.TOKENS, 64);
    Value w = b.weight("w", DType.Q8_0, 96, 64);
    assertThat(of(graph(MatMul.PLAIN, new Value[] {x, w}, b)))
        .isEqualTo(new LeastWork(96 * 2 * 34 + 4 * 5 * (64 + 96), 2.0 * 5 * 96 * 64));
  }

  @Test
  void rowsThatAreTakenAreReadNotTheWholeTable() {
    var table = new GraphBuilder("table");
    Value w = table.weight("w", DType.F32, 1000, 32);
    assertThat(of(graph(new Embed(1, 0), new Value[] {w}, table)).bytes())
        .isEqualTo(2 * 4 * 5 * 32);
    var rows = new GraphBuilder("rows");
    Value x = rows.input("x", DType.F32, Dim.TOKENS, 32);
    assertThat(of(graph(new GatherRows(), new Value[] {x}, rows)).bytes()).isEqualTo(2 * 4 * 32);
  }

  @Test
  void attentionReadsTheKeysThatItsRowsSee() {
    // All 8 keys and values of 2 heads in halves; q and o. Rows see 4, 5, 6, 7 and 8 keys.
    assertThat(attention(0)).isEqualTo(new LeastWork(2 * 8 * 2 * 32 + 8 * 5 * 64, 4 * 30 * 64));
    // With a window of 2, the rows see keys 3 to 8 together, two each.
    assertThat(attention(2)).isEqualTo(new LeastWork(2 * 6 * 2 * 32 + 8 * 5 * 64, 4 * 10 * 64));
  }

  private static LeastWork attention(int window) {
    var b = new GraphBuilder("attention");
    b.kvLayer(0, 2, 16);
    Value q = b.input("q", DType.F32, Dim.TOKENS, 64);
    return of(graph(new Attention(0, 4, 2, 16, 1, window, 0), new Value[] {q}, b));
  }
}
