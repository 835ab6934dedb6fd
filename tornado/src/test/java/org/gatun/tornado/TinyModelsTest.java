package org.gatun.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.nio.FloatBuffer;
import org.gatun.attention.KvCodec;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Session;
import org.gatun.generate.golden.GoldenFiles;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole models of every family on the plain kernels, held to the goldens' logits. */
class TinyModelsTest {
  /** Of the logits' root mean square, as for the JVM backend. */
  private static final double BOUND = 4e-5;

  @ParameterizedTest
  @ValueSource(strings = {"gemma3", "llama", "mistral", "qwen2", "qwen3"})
  void logits(String family) {
    GoldenFiles.Tiny golden = GoldenFiles.tiny(family);
    EngineOptions options =
        EngineOptions.of(golden.folder().resolve("model.gguf"))
            .withBackend("tornado-java", "", 0)
            .withContext(golden.ids().length + 8, 1)
            .withKv(KvCodec.F32);
    FloatBuffer want = golden.logits();
    double[] worst = {0};
    int[] rows = {0};
    try (Engine engine = Engine.load(options);
        Session session = engine.session()) {
      session.score(
          golden.ids(),
          (i, logits) -> {
            rows[0]++;
            float[] got = logits.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
            for (int v = 0; v < golden.vocabulary(); v++) {
              double e = Math.abs(got[v] - want.get(i * golden.vocabulary() + v));
              worst[0] = Math.max(worst[0], e / golden.rms());
            }
          });
    }
    assertThat(rows[0]).isEqualTo(golden.ids().length);
    assertThat(worst[0]).isLessThan(BOUND);
  }
}
