package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.graph.Dim;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.spec.RandomTensors;
import org.gatun.tensor.DType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Slots that the host writes into pages and reads back. */
class KvTransferTest {
  @ParameterizedTest
  @EnumSource(KvCodec.class)
  void whatIsWrittenIsReadAsTheCodecRoundsIt(KvCodec codec) {
    Gpu.require();
    KvLayer layer = new KvLayer(0, 2, 64);
    GraphBuilder g = new GraphBuilder("t");
    g.kvLayer(0, 2, 64);
    Value q = g.input("q", DType.F32, Dim.TOKENS, 128);
    g.add("append", new KvAppend(0), q, q);
    g.output(
        "y",
        g.add("attend", new Attention(0, 2, 2, 64, 1, 0, 0, AttentionPlan.DENSE, false), q)
            .getFirst());
    CompileOptions options = CompileOptions.of(new StepLimits(8, 2, 2, 256)).withKv(codec);
    try (Backend b = Backends.named("cuda").open(BackendOptions.DEFAULT);
        Program p = b.compile(g.build(), new RandomTensors(1), options);
        var sequence = p.kv().sequence()) {
      int count = 70;
      float[] keys = new RandomTensors(2).activations(count * 128);
      float[] values = new RandomTensors(3).activations(count * 128);
      sequence.restore(
          count,
          (store, page, slot, from, n) ->
              store.write(layer, page, slot, n, part(keys, from, n), part(values, from, n)));
      sequence.read(
          (store, page, slot, from, n) -> {
            for (boolean key : new boolean[] {true, false}) {
              float[] got = new float[n * 128];
              store.read(layer, key, page, slot, n, got);
              float[] want = part(key ? keys : values, from, n);
              for (int i = 0; i < got.length; i += 64) {
                double[] rounded = new double[64];
                for (int e = 0; e < 64; e++) {
                  rounded[e] = want[i + e];
                }
                codec.round(rounded, 0, 64);
                for (int e = 0; e < 64; e++) {
                  assertThat((double) got[i + e]).isCloseTo(rounded[e], within(1e-7));
                }
              }
            }
          });
    }
  }

  private static float[] part(float[] all, int from, int count) {
    return java.util.Arrays.copyOfRange(all, from * 128, (from + count) * 128);
  }
}
