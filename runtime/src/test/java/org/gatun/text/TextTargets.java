package org.gatun.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.LocalDateTime;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.gatun.json.Json;
import org.gatun.json.JsonException;
import org.gatun.text.jinja.Template;

/** Tokenizers and templates from bytes that may be damaged: loaded and used, or refused. */
public final class TextTargets {
  private static final String TEXT = "It's 12345 <s> été\n\n 語👍 </div>[INST] x ";

  private static final List<Map<String, Object>> CONVERSATION =
      List.of(
          Map.of("role", "system", "content", "Be brief."),
          Map.of("role", "user", "content", "<think>Hi</think> there"),
          Map.of("role", "assistant", "content", List.of(Map.of("type", "text", "text", "Yo"))));

  private TextTargets() {}

  /** A {@code tokenizer.json}. */
  public static void tokenizerJson(byte[] json) throws JsonException, TextFormatException {
    use(HuggingFaceTokenizer.of(Json.readObject(json), HuggingFaceTokenizer.Companions.NONE));
  }

  /** A chat template, rendered with a question, and with a conversation that it may refuse. */
  public static void template(byte[] source) throws TextFormatException {
    Template template = Template.parse(new String(source, StandardCharsets.UTF_8));
    assertThat(render(template, CONVERSATION.subList(1, 2))).isNotNull();
    try {
      assertThat(render(template, CONVERSATION)).isNotNull();
    } catch (TextFormatException e) {
      assertThat(e.getMessage()).isNotBlank().doesNotContain("\n");
    }
  }

  private static String render(Template template, List<Map<String, Object>> messages)
      throws TextFormatException {
    return template.render(
        Map.of(
            "messages",
            messages,
            "bos_token",
            "<s>",
            "add_generation_prompt",
            true,
            "tools",
            List.of(Map.of("function", Map.of("name", "f", "n", 1.5)))),
        () -> LocalDateTime.of(2026, 1, 2, 3, 4));
  }

  /** What holds for every tokenizer that loads. */
  static void use(Tokenizer tokenizer) {
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
}
