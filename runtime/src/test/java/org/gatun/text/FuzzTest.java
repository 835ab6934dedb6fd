package org.gatun.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;
import org.gatun.json.Json;
import org.gatun.json.JsonException;
import org.gatun.json.JsonObject;
import org.gatun.text.jinja.Template;

/**
 * Mutated tokenizers and templates: they load and work, or are refused in one line. A hang ends in
 * Surefire's timeout of the run; unbounded allocation in its heap limit.
 */
class FuzzTest {
  private static final int QUICK = 2_000;
  private static final int ALL = 40_000;

  private static final String[] NAMES = {
    "gpt2", "llama3", "qwen2", "tekken", "smollm", "llama2", "gemma", "mistral"
  };
  private static final String[] TEMPLATES = {
    "chatml", "gemma3", "llama3", "qwen2", "qwen3", "mistral"
  };
  private static final String TEXT = "It's 12345 <s> été\n\n 語👍 </div>[INST] x ";
  private static final String[] SPLICES = {
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "-1",
    "1e99",
    "99999999999",
    "true",
    "\\",
    "\\u0000",
    "\u0000",
    "(?=a+)+b",
    "(x+x+)+y",
    "\\\\p{L}*",
    "{%",
    "%}",
    "{{",
    "}}",
    "{%- for x in range(9999999) %}",
    "{% endfor %}",
    "{% if %}",
    "|",
    "| tojson",
    "(((",
    "~",
    "'",
    " is ",
    " not ",
    ".split('')",
    "* 99999999",
    "loop.",
    "[::-1]",
    "[::0]",
    "{#",
    "#}",
    "{% macro f() %}",
    "f()",
    "namespace(",
    "é",
    "\ud800"
  };

  private static final Map<String, byte[]> SOURCES = new HashMap<>();

  private static byte[] source(String path) throws Exception {
    byte[] bytes = SOURCES.get(path);
    if (bytes == null) {
      try (var in = FuzzTest.class.getResourceAsStream(path)) {
        bytes = in.readAllBytes();
      }
      SOURCES.put(path, bytes);
    }
    return bytes;
  }

  /** One to six edits: bytes flipped, ranges deleted, repeated, moved or replaced, words put in. */
  static byte[] mutate(byte[] bytes, Random random) {
    byte[] b = bytes;
    for (int edits = 1 + random.nextInt(6); edits > 0 && b.length > 0; edits--) {
      int at = random.nextInt(b.length);
      int to = Math.min(b.length, at + 1 + random.nextInt(random.nextBoolean() ? 8 : 400));
      b =
          switch (random.nextInt(6)) {
            case 0 -> {
              byte[] copy = b.clone();
              copy[at] = (byte) random.nextInt(256);
              yield copy;
            }
            case 1 -> join(Arrays.copyOf(b, at), Arrays.copyOfRange(b, to, b.length));
            case 2 -> join(Arrays.copyOf(b, to), Arrays.copyOfRange(b, at, b.length));
            case 3 -> Arrays.copyOf(b, at);
            default -> {
              byte[] word =
                  SPLICES[random.nextInt(SPLICES.length)].getBytes(StandardCharsets.UTF_8);
              yield join(
                  join(Arrays.copyOf(b, at), word),
                  Arrays.copyOfRange(b, random.nextBoolean() ? at : to, b.length));
            }
          };
    }
    return b;
  }

  private static byte[] join(byte[] a, byte[] b) {
    byte[] joined = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, joined, a.length, b.length);
    return joined;
  }

  private static void use(Tokenizer tokenizer) {
    int[] ids;
    try {
      ids = tokenizer.encode(TEXT, true, true);
    } catch (IllegalArgumentException e) {
      // A pattern of the file that backtracks without end.
      assertThat(e).hasCauseInstanceOf(TextFormatException.class);
      return;
    }
    assertThat(Arrays.stream(ids)).allMatch(id -> id >= 0 && id < tokenizer.vocabularySize());
    assertThat(tokenizer.decode(ids)).isNotNull();
  }

  private static void oneLine(Exception e) {
    assertThat(e.getMessage()).isNotBlank().doesNotContain("\n");
  }

  private static void tokenizerJson(long seed) throws Exception {
    Random random = new Random(seed);
    byte[] valid = source("/tokenizers/" + NAMES[random.nextInt(NAMES.length)] + ".json");
    // Bytes, which are vocabulary mostly; or values, which are structure mostly.
    byte[] mutated = random.nextBoolean() ? mutate(valid, random) : mutateValues(valid, random);
    try {
      use(HuggingFaceTokenizer.of(Json.readObject(mutated), HuggingFaceTokenizer.Companions.NONE));
    } catch (TextFormatException | JsonException e) {
      oneLine(e);
    }
  }

  /** Valid JSON in which one value is another one. */
  private static byte[] mutateValues(byte[] json, Random random) throws Exception {
    Object root = edit(Json.readObject(json), random, 1 + random.nextInt(6));
    return Json.write(root).getBytes(StandardCharsets.UTF_8);
  }

  private static Object edit(Object value, Random random, int depth) {
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
      case 5 -> SPLICES[random.nextInt(SPLICES.length)];
      case 6 -> List.of();
      case 7 -> Map.of();
      default -> random.nextBoolean();
    };
  }

  private static void ggufMetadata(long seed) throws Exception {
    Random random = new Random(seed);
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
            case 2 -> SPLICES[random.nextInt(SPLICES.length)];
            case 3 -> random.nextBoolean();
            case 4 -> List.of(1, 2, 3);
            case 5 -> new float[] {Float.NaN, Float.NEGATIVE_INFINITY, 0};
            case 6 -> List.of("a", "b", "a b", "", "<0x41>", "<0xZZ>");
            default -> shuffled(metadata.get(key), random);
          };
      metadata.put(key, value);
    }
    try {
      use(Tokenizers.fromGguf(TokenizerSource.fromMetadata(metadata::get)));
    } catch (TextFormatException e) {
      oneLine(e);
    }
  }

  private static Object shuffled(Object value, Random random) {
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

  private static void template(long seed) throws Exception {
    Random random = new Random(seed);
    byte[] valid = source("/templates/" + TEMPLATES[random.nextInt(TEMPLATES.length)] + ".jinja");
    String source = new String(mutate(valid, random), StandardCharsets.UTF_8);
    List<Map<String, Object>> messages =
        List.of(
            Map.of("role", "system", "content", "Be brief."),
            Map.of("role", "user", "content", "<think>Hi</think> there"),
            Map.of("role", "assistant", "content", List.of(Map.of("type", "text", "text", "Yo"))));
    Map<String, Object> variables =
        Map.of(
            "messages",
            random.nextBoolean() ? messages : messages.subList(1, 2),
            "bos_token",
            "<s>",
            "add_generation_prompt",
            true,
            "tools",
            List.of(Map.of("function", Map.of("name", "f", "n", 1.5))));
    try {
      String output =
          Template.parse(source).render(variables, () -> LocalDateTime.of(2026, 1, 2, 3, 4));
      assertThat(output).isNotNull();
    } catch (TextFormatException e) {
      oneLine(e);
    }
  }

  @Property(tries = QUICK, shrinking = ShrinkingMode.OFF)
  void mutatedTokenizerJson(@ForAll long seed) throws Exception {
    tokenizerJson(seed);
  }

  @Property(tries = QUICK, shrinking = ShrinkingMode.OFF)
  void mutatedGgufMetadata(@ForAll long seed) throws Exception {
    ggufMetadata(seed);
  }

  @Property(tries = QUICK, shrinking = ShrinkingMode.OFF)
  void mutatedTemplate(@ForAll long seed) throws Exception {
    template(seed);
  }

  @Tag("slow")
  @Property(tries = ALL, shrinking = ShrinkingMode.OFF)
  void mutatedTokenizerJsonAll(@ForAll long seed) throws Exception {
    tokenizerJson(seed);
  }

  @Tag("slow")
  @Property(tries = ALL / 2, shrinking = ShrinkingMode.OFF)
  void mutatedGgufMetadataAll(@ForAll long seed) throws Exception {
    ggufMetadata(seed);
  }

  @Tag("slow")
  @Property(tries = ALL, shrinking = ShrinkingMode.OFF)
  void mutatedTemplateAll(@ForAll long seed) throws Exception {
    template(seed);
  }
}
