package org.gatun.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.assertj.core.api.SoftAssertions;
import org.gatun.json.Json;
import org.gatun.json.JsonObject;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The default model's vocabulary of 262,144 tokens, against llama.cpp's ids. */
class RealVocabularyTest {
  private static Tokenizer tokenizer;

  @BeforeAll
  static void load() throws Exception {
    tokenizer = Tokenizers.fromGguf(RealModel.source());
  }

  static List<?> cases() throws Exception {
    try (InputStream in =
        RealVocabularyTest.class.getResourceAsStream("/goldens/gemma3-270m/tokens.json")) {
      return (List<?>) Json.read(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    }
  }

  private static int[] ints(List<Long> list) {
    return list.stream().mapToInt(Long::intValue).toArray();
  }

  @Test
  void idsAreLlamaCpps() throws Exception {
    SoftAssertions soft = new SoftAssertions();
    for (Object c : cases()) {
      JsonObject golden = (JsonObject) c;
      String text = golden.string("text");
      int[] ids = ints(golden.integers("ids"));
      int[] special = golden.has("special") ? ints(golden.integers("special")) : ids;
      // llama.cpp takes every token spelled </s> for an end of text; in this vocabulary it is HTML.
      if (!text.contains("</s>")) {
        soft.assertThat(tokenizer.encode(text, false, false)).as(text).isEqualTo(ids);
      }
      soft.assertThat(tokenizer.encode(text, false, true)).as(text).isEqualTo(special);
      if (!text.contains("▁")) {
        soft.assertThat(tokenizer.decode(ids)).as("decoded").isEqualTo(text);
      }
    }
    soft.assertAll();
    assertThat(cases()).hasSizeGreaterThan(80);
  }

  @Test
  void specialTokens() {
    assertThat(tokenizer.bos()).isEqualTo(2);
    assertThat(tokenizer.eos()).isEqualTo(1);
    assertThat(tokenizer.endIds()).containsExactlyInAnyOrder(1, tokenizer.id("<end_of_turn>"));
    assertThat(tokenizer.encode("Hello", true, false)).hasSize(2).startsWith(2);
    assertThat(tokenizer.vocabularySize()).isEqualTo(262_144);
    assertThat(tokenizer.decode(tokenizer.encode("Hello world", true, false)))
        .isEqualTo("Hello world");
  }

  @Test
  void longHostileTextTakesLinearithmicTime() {
    // Quadratic merging would take hours on these.
    for (String unit : List.of("a", " ", "👍", "<bos")) {
      String text = unit.repeat(1_000_000 / unit.length());
      int[] ids = tokenizer.encode(text, false, true);
      assertThat(tokenizer.decode(ids)).isEqualTo(text.replace('▁', ' '));
    }
  }
}
