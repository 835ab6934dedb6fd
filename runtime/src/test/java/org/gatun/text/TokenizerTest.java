package org.gatun.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.gatun.fuzz.Mutator;
import org.gatun.fuzz.RandomText;
import org.gatun.fuzz.Trials;
import org.gatun.json.Json;
import org.gatun.json.JsonObject;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tokenizers of both kinds from GGUF metadata, and what holds for every tokenizer. */
class TokenizerTest {
  // Not qwen2, which normalizes, nor mistral, for which "a" and " a" are the same.
  private static final List<String> NAMES =
      List.of("gpt2", "llama3", "tekken", "smollm", "llama2", "gemma");

  /** GGUF metadata with the vocabulary of a test tokenizer.json, which is byte-level. */
  static Map<String, Object> gguf(String name, String pre) throws Exception {
    JsonObject root = Json.readObject(HuggingFaceTokenizerTest.resource(name));
    JsonObject model = root.object("model");
    Map<String, Object> metadata = new HashMap<>();
    String[] tokens = new String[model.object("vocab").fields().size()];
    model.object("vocab").fields().forEach((piece, id) -> tokens[((Long) id).intValue()] = piece);
    int[] types = new int[tokens.length];
    Arrays.fill(types, TokenType.NORMAL.ordinal());
    for (JsonObject added : root.objects("added_tokens")) {
      if (added.bool("special", false)) {
        types[(int) added.integer("id")] = TokenType.CONTROL.ordinal();
      }
    }
    List<String> merges = new ArrayList<>();
    for (Object merge : model.list("merges")) {
      merges.add(merge instanceof List<?> pair ? pair.get(0) + " " + pair.get(1) : (String) merge);
    }
    metadata.put("tokenizer.ggml.model", "gpt2");
    metadata.put("tokenizer.ggml.pre", pre);
    metadata.put("tokenizer.ggml.tokens", tokens);
    metadata.put("tokenizer.ggml.token_type", types);
    metadata.put("tokenizer.ggml.merges", merges);
    metadata.put("tokenizer.ggml.bos_token_id", 0);
    return metadata;
  }

  private static Tokenizer of(Map<String, Object> metadata) throws Exception {
    return Tokenizers.fromGguf(TokenizerSource.fromMetadata(metadata::get));
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt2:gpt-2", "llama3:llama-bpe", "tekken:tekken", "smollm:smollm"})
  void ggufMetadataGivesTheSameIds(String names) throws Exception {
    String name = names.substring(0, names.indexOf(':'));
    Tokenizer gguf = of(gguf(name, names.substring(names.indexOf(':') + 1)));
    Tokenizer json = HuggingFaceTokenizerTest.load(name);
    for (String text : SampleTexts.random(500, 3)) {
      assertThat(gguf.encode(text, false, true)).isEqualTo(json.encode(text, false, true));
    }
  }

  @Test
  void defaultPreTokenizerCutsDigitsAndPunctuationApart() throws Exception {
    Tokenizer tokenizer = of(gguf("gpt2", "default"));
    // Nothing merges across these borders, whatever the vocabulary holds.
    assertThat(tokenizer.encode("ab", false, false)).isNotEmpty();
    List<String> pieces = new ArrayList<>();
    for (int id : tokenizer.encode("it's 1234!?", false, false)) {
      pieces.add(tokenizer.piece(id));
    }
    assertThat(String.join("", pieces)).isEqualTo("it'sĠ1234!?");
    assertThat(pieces).noneMatch(p -> p.contains("'s") || p.contains("Ġ1") || p.contains("34"));
  }

  @Test
  void controlTokensAreTextUnlessAskedFor() throws Exception {
    Tokenizer tokenizer = of(gguf("llama3", "llama-bpe"));
    int eot = tokenizer.id("<|eot_id|>");
    assertThat(tokenizer.encode("a<|eot_id|>", false, true)).endsWith(eot);
    assertThat(tokenizer.encode("a<|eot_id|>", false, false)).doesNotContain(eot);
    assertThat(tokenizer.decode(tokenizer.encode("a<|eot_id|>", false, false)))
        .isEqualTo("a<|eot_id|>");
    assertThat(tokenizer.decode(tokenizer.encode("a<|eot_id|>", true, true))).isEqualTo("a");
    assertThat(tokenizer.endIds()).containsExactly(eot);
    assertThat(tokenizer.encode("", true, false)).containsExactly(0);
  }

  @Test
  void unknownKindsAreRefusedByName() throws Exception {
    Map<String, Object> metadata = gguf("gpt2", "gpt-2");
    metadata.put("tokenizer.ggml.pre", "no-such-pre");
    assertThatThrownBy(() -> of(metadata))
        .isInstanceOf(TextFormatException.class)
        .hasMessageContaining("'no-such-pre'");
    metadata.put("tokenizer.ggml.model", "rwkv");
    assertThatThrownBy(() -> of(metadata))
        .isInstanceOf(TextFormatException.class)
        .hasMessageContaining("'rwkv'")
        .hasMessageContaining("llama");
  }

  @Test
  void inconsistentMetadataIsRefused() throws Exception {
    for (Map.Entry<String, Object> bad :
        Map.<String, Object>of(
                "tokenizer.ggml.tokens",
                List.of(),
                "tokenizer.ggml.token_type",
                new int[3],
                "tokenizer.ggml.merges",
                List.of("ab"),
                "tokenizer.ggml.bos_token_id",
                1_000_000,
                "tokenizer.ggml.eos_token_id",
                "two")
            .entrySet()) {
      Map<String, Object> metadata = gguf("gpt2", "gpt-2");
      metadata.put(bad.getKey(), bad.getValue());
      assertThatThrownBy(() -> of(metadata)).isInstanceOf(TextFormatException.class);
    }
  }

  @Test
  void longHostileTextTakesLinearithmicTime() throws Exception {
    for (String name : NAMES) {
      Tokenizer tokenizer = HuggingFaceTokenizerTest.load(name);
      for (String unit :
          List.of("a", " ", "\n", " \n", "A", "é", "1", "'", "e\u0301", "<|im_start")) {
        String text = unit.repeat(200_000 / unit.length());
        assertThat(tokenizer.decode(tokenizer.encode(text + "x", false, true)))
            .isEqualTo(text + "x");
      }
    }
    String marks = "e" + "\u0301\u0323".repeat(200_000);
    Tokenizer nfc = HuggingFaceTokenizerTest.load("qwen2");
    assertThat(nfc.encode(marks, false, true)).isNotEmpty();
  }

  @Test
  void decodingAnEncodingGivesTheText() throws Exception {
    Trials.run(
        3000,
        random -> {
          Tokenizer tokenizer = any(random);
          String text = text(random);
          int[] ids = tokenizer.encode(text, true, false);
          assertThat(Arrays.stream(ids)).allMatch(id -> id >= 0 && id < tokenizer.vocabularySize());
          assertThat(tokenizer.decode(ids)).isEqualTo(RandomText.wellFormed(text));
        });
  }

  @Test
  void streamingGivesTheSameTextWhateverTheIds() throws Exception {
    Trials.run(
        2000,
        random -> {
          Tokenizer tokenizer = any(random);
          StreamDecoder decoder = tokenizer.streamDecoder();
          StringBuilder streamed = new StringBuilder();
          ByteArrayOutputStream bytes = new ByteArrayOutputStream();
          for (int id : random.ints(40, 0, tokenizer.vocabularySize()).toArray()) {
            String part = decoder.accept(id);
            assertThat(part.isEmpty() || !Character.isHighSurrogate(part.charAt(part.length() - 1)))
                .isTrue();
            streamed.append(part);
            bytes.writeBytes(tokenizer.bytes(id));
          }
          streamed.append(decoder.finish());
          if (!hasSurrogate(bytes.toByteArray())) {
            assertThat(streamed.toString()).isEqualTo(bytes.toString(StandardCharsets.UTF_8));
          }
        });
  }

  /**
   * Java's decoder replaces maximal subparts too, but takes an encoded surrogate for one of them.
   */
  private static boolean hasSurrogate(byte[] bytes) {
    for (int i = 0; i + 1 < bytes.length; i++) {
      if (bytes[i] == (byte) 0xed && (bytes[i + 1] & 0xff) >= 0xa0) {
        return true;
      }
    }
    return false;
  }

  @Test
  void anyBytesDecodeAsJavaDecodesThem() throws Exception {
    Tokenizer tokenizer = CACHE.get("gpt2");
    Trials.run(
        3000,
        random -> {
          byte[] bytes = new byte[random.nextInt(60)];
          random.nextBytes(bytes);
          if (random.nextBoolean()) {
            // Mostly text, so that whole characters occur too.
            bytes =
                Mutator.TEXTS.mutate(
                    text(random).getBytes(StandardCharsets.UTF_8), bytes.length + 1, random);
          }
          if (!hasSurrogate(bytes)) {
            StringBuilder out = new StringBuilder();
            StreamDecoder decoder = new StreamDecoder(tokenizer);
            decoder.accept(bytes, 0, bytes.length, out);
            decoder.finish(out);
            assertThat(out.toString()).isEqualTo(new String(bytes, StandardCharsets.UTF_8));
          }
        });
  }

  private static Tokenizer any(RandomGenerator random) {
    return CACHE.get(NAMES.get(random.nextInt(NAMES.size())));
  }

  /** Any characters, those that tokenizers care for, or pieces of many scripts. */
  private static String text(RandomGenerator random) {
    String text =
        switch (random.nextInt(3)) {
          case 0 -> RandomText.any(random, 60);
          case 1 -> RandomText.of(" \n\t'sStTa1.é👍", random, 60);
          default -> SampleTexts.random(1, random.nextLong()).getFirst();
        };
    // The space mark is written like a space in these vocabularies: it does not survive. Nor do
    // the tokens that strip spaces around them, but those are control tokens, so plain text here.
    return text.replace("▁", "");
  }

  private static final Map<String, Tokenizer> CACHE = new HashMap<>();

  static {
    try {
      for (String name : NAMES) {
        CACHE.put(name, HuggingFaceTokenizerTest.load(name));
      }
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }
}
