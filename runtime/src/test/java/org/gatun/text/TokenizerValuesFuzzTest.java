package org.gatun.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.gatun.fuzz.Mutator;
import org.gatun.fuzz.Trials;
import org.gatun.json.Json;
import org.gatun.json.JsonException;
import org.gatun.json.JsonObject;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Tokenizers in which well-formed values are other ones: what damaged bytes ({@code
 * org.gatun.fuzz}) seldom reach.
 */
class TokenizerValuesFuzzTest {
  private static final int QUICK = 1_000;
  private static final int ALL = 20_000;

  private static final String[] NAMES = {
    "gpt2", "llama3", "qwen2", "tekken", "smollm", "llama2", "gemma", "mistral"
  };

  private static void tokenizerJson(RandomGenerator random) throws Exception {
    String valid = HuggingFaceTokenizerTest.resource(NAMES[random.nextInt(NAMES.length)]);
    try {
      TextTargets.tokenizerJson(mutateValues(valid, random));
    } catch (TextFormatException | JsonException e) {
      oneLine(e);
    }
  }

  private static void oneLine(Exception e) {
    assertThat(e.getMessage()).isNotBlank().doesNotContain("\n");
  }

  /** Valid JSON in which one value is another one. */
  private static byte[] mutateValues(String json, RandomGenerator random) throws Exception {
    Object root = edit(Json.readObject(json), random, 1 + random.nextInt(6));
    return Json.write(root).getBytes(StandardCharsets.UTF_8);
  }

  private static Object edit(Object value, RandomGenerator random, int depth) {
    if (value instanceof JsonObject object && !object.fields().isEmpty() && depth > 0) {
      Map<String, Object> copy = new java.util.LinkedHashMap<>(object.fields());
      List<String> names = new ArrayList<>(copy.keySet());
      String name = names.get(random.nextInt(names.size()));
      if (random.nextInt(10) == 0) {
        copy.remove(name);
      } else {
        copy.put(name, edit(copy.get(name), random, depth - 1));
      }
      return copy;
    }
    if (value instanceof List<?> list && !list.isEmpty() && depth > 0) {
      List<Object> copy = new ArrayList<>(list);
      int i = random.nextInt(copy.size());
      copy.set(i, edit(copy.get(i), random, depth - 1));
      return copy;
    }
    return switch (random.nextInt(9)) {
      case 0 -> null;
      case 1 -> random.nextInt(2000);
      case 2 -> -1;
      case 3 -> Long.MAX_VALUE;
      case 4 -> "";
      case 5 -> Mutator.TEXTS.anyWord(random);
      case 6 -> List.of();
      case 7 -> Map.of();
      default -> random.nextBoolean();
    };
  }

  private static void ggufMetadata(RandomGenerator random) throws Exception {
    Map<String, Object> metadata =
        TokenizerTest.gguf(NAMES[random.nextInt(5)], random.nextBoolean() ? "llama-bpe" : "gpt-2");
    if (random.nextInt(3) == 0) {
      metadata.put("tokenizer.ggml.model", "llama");
      metadata.put(
          "tokenizer.ggml.scores",
          new float[((String[]) metadata.get("tokenizer.ggml.tokens")).length]);
    }
    List<String> keys = new ArrayList<>(metadata.keySet());
    keys.addAll(
        List.of(
            "tokenizer.ggml.eos_token_id",
            "tokenizer.ggml.add_bos_token",
            "tokenizer.ggml.scores"));
    for (int edits = 1 + random.nextInt(3); edits > 0; edits--) {
      String key = keys.get(random.nextInt(keys.size()));
      Object value =
          switch (random.nextInt(8)) {
            case 0 -> null;
            case 1 -> random.nextInt();
            case 2 -> Mutator.TEXTS.anyWord(random);
            case 3 -> random.nextBoolean();
            case 4 -> List.of(1, 2, 3);
            case 5 -> new float[] {Float.NaN, Float.NEGATIVE_INFINITY, 0};
            case 6 -> List.of("a", "b", "a b", "", "<0x41>", "<0xZZ>");
            default -> shuffled(metadata.get(key), random);
          };
      metadata.put(key, value);
    }
    try {
      TextTargets.use(Tokenizers.fromGguf(TokenizerSource.fromMetadata(metadata::get)));
    } catch (TextFormatException e) {
      oneLine(e);
    }
  }

  private static Object shuffled(Object value, RandomGenerator random) {
    if (value instanceof String[] strings) {
      String[] copy = strings.clone();
      for (int i = 0; i < 20; i++) {
        copy[random.nextInt(copy.length)] = copy[random.nextInt(copy.length)];
      }
      return random.nextBoolean() ? copy : Arrays.copyOf(copy, copy.length / 2);
    }
    if (value instanceof int[] ints) {
      int[] copy = ints.clone();
      for (int i = 0; i < 20; i++) {
        copy[random.nextInt(copy.length)] = random.nextInt(-2, 9);
      }
      return copy;
    }
    return value;
  }

  @Test
  void values() throws Exception {
    Trials.run(QUICK, TokenizerValuesFuzzTest::tokenizerJson);
  }

  @Test
  void metadata() throws Exception {
    Trials.run(QUICK, TokenizerValuesFuzzTest::ggufMetadata);
  }

  @Test
  @Tag("slow")
  void allValues() throws Exception {
    Trials.run(ALL, TokenizerValuesFuzzTest::tokenizerJson);
  }

  @Test
  @Tag("slow")
  void allMetadata() throws Exception {
    Trials.run(ALL, TokenizerValuesFuzzTest::ggufMetadata);
  }
}
