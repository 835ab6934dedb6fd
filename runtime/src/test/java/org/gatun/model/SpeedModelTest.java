package org.gatun.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.codec.Codecs;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpeedModelTest {
  @Test
  void names() {
    assertThat(SpeedModel.named("speed-q4_k")).contains(SpeedModel.Q4_K);
    assertThat(SpeedModel.named("speed-q9")).isEmpty();
  }

  @Test
  void vocabularyIsFullAndWithoutDuplicates() {
    SyntheticVocabulary v = SyntheticVocabulary.of(SpeedModel.VOCABULARY);
    assertThat(v.tokens()).hasSize(SpeedModel.VOCABULARY).doesNotHaveDuplicates();
    for (String merge : v.merges()) {
      assertThat(merge).hasSizeBetween(3, 4).contains(" ");
    }
  }

  @Test
  @Tag("slow")
  void isAModelOfTheRightShape(@TempDir Path cache) throws Exception {
    Path path = SpeedModel.Q4_K.ensure(cache, (task, done, total) -> {});
    assertThat(Files.list(path.getParent()).map(p -> p.getFileName().toString()))
        .containsExactlyInAnyOrder("speed-q4_k.gguf", "speed-q4_k.gguf.lock");
    try (Model model = Model.open(path)) {
      assertThat(model.config().kvHeads()).isEqualTo(8);
      assertThat(model.config().vocabulary()).isEqualTo(128_256);
      assertThat(model.graph().kv()).hasSize(16);
      Tensor gate = model.weights().weight("blk.3.ffn_gate.weight");
      assertThat(gate.dtype()).isEqualTo(DType.Q4_K);
      float[] row = new float[2048];
      Codecs.decodeRow(gate, 8191, row);
      assertThat(row).doesNotContain(Float.NaN, Float.POSITIVE_INFINITY);
      int[] ids = model.tokenizer().encode("The quick brown fox.", true, false);
      assertThat(ids[0]).isEqualTo(128_000);
      assertThat(model.tokenizer().decode(ids)).isEqualTo("The quick brown fox.");
    }
  }
}
