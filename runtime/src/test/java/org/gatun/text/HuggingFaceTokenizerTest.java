package org.gatun.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.assertj.core.api.SoftAssertions;
import org.gatun.json.Json;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code tokenizer.json} of every published shape, held against Hugging Face's own library. */
class HuggingFaceTokenizerTest {
  static String resource(String name) throws Exception {
    try (InputStream in =
        HuggingFaceTokenizerTest.class.getResourceAsStream("/tokenizers/" + name + ".json")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  static Tokenizer load(String name) throws Exception {
    return HuggingFaceTokenizer.of(
        Json.readObject(resource(name)), HuggingFaceTokenizer.Companions.NONE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"gpt2", "llama3", "qwen2", "tekken", "smollm", "llama2", "gemma", "mistral"})
  void idsAndTextAreTheOracles(String name) throws Exception {
    Tokenizer ours = load(name);
    SoftAssertions soft = new SoftAssertions();
    try (HuggingFaceOracle oracle = HuggingFaceOracle.of(resource(name))) {
      Stream<String> texts = Stream.concat(SampleTexts.all(), SampleTexts.random(3000, 7).stream());
      texts.forEach(
          text -> {
            int[] expected = oracle.encode(text, true);
            int[] ids = ours.encode(text, true, true);
            if (soft.errorsCollected().size() < 5) {
              soft.assertThat(ids).as("ids of '%s'", text).isEqualTo(expected);
              soft.assertThat(ours.decode(expected))
                  .as("text of '%s'", text)
                  .isEqualTo(oracle.decode(expected));
            }
          });
    }
    soft.assertAll();
    assertThat(ours.vocabularySize()).isBetween(900, 1100);
  }
}
