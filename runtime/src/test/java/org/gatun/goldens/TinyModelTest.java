package org.gatun.goldens;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.gatun.attention.KvCodec;
import org.gatun.backend.BackendProvider;
import org.gatun.backend.Backends;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Session;
import org.gatun.generate.golden.GoldenFiles;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Logits of the tiny random models against Hugging Face transformers, on every backend here. */
class TinyModelTest {
  /**
   * Of the logits' root mean square. A wrong norm epsilon gives 6e-5, a wrong GELU 1e-3, a wrong
   * window or rope 0.3 and more.
   */
  private static final double BOUND = 4e-5;

  private static final List<String> FAMILIES =
      List.of("gemma3", "llama", "mistral", "qwen2", "qwen3");

  static Stream<Arguments> models() {
    return Backends.all().stream()
        .map(BackendProvider::name)
        .flatMap(
            b ->
                FAMILIES.stream()
                    .flatMap(
                        f ->
                            Stream.of(
                                Arguments.of(b, f, "model.gguf", 512),
                                Arguments.of(b, f, "model.gguf", 5),
                                // The folder: safetensors, one file or shards.
                                Arguments.of(b, f, "", 512))));
  }

  @ParameterizedTest(name = "{0} {1} {2} in steps of {3}")
  @MethodSource("models")
  void logitsAreThoseOfTransformers(String backend, String family, String file, int chunk) {
    BackendProvider.Availability a = Backends.named(backend).probe();
    assumeTrue(a.usable(), backend + ": " + a.description());
    GoldenFiles.Tiny golden = GoldenFiles.tiny(family);
    Path path = file.isEmpty() ? golden.folder() : golden.folder().resolve(file);
    EngineOptions options =
        EngineOptions.of(path)
            .withBackend(backend, "", 2)
            .withContext(64, 1)
            .withChunk(chunk)
            .withKv(KvCodec.F32);
    try (Engine engine = Engine.load(options);
        Session session = engine.session()) {
      int[] ids = engine.tokenizer().encode(golden.prompt(), true, false);
      assertThat(ids).startsWith(golden.ids());
      double[] worst = {0};
      int[] rows = {0};
      session.score(
          golden.ids(),
          (i, logits) -> {
            rows[0]++;
            for (int v = 0; v < golden.vocabulary(); v++) {
              double e =
                  Math.abs(
                      logits.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, v)
                          - golden.logits().get(i * golden.vocabulary() + v));
              worst[0] = Double.isNaN(e) ? Double.POSITIVE_INFINITY : Math.max(worst[0], e);
            }
          });
      assertThat(rows[0]).isEqualTo(golden.ids().length);
      assertThat(worst[0] / golden.rms()).as("largest error over rms").isLessThan(BOUND);
    }
  }
}
