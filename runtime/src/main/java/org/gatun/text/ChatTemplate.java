package org.gatun.text;

import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.gatun.text.jinja.Template;
import org.jspecify.annotations.Nullable;

/**
 * A model's chat template: turns a conversation into the text that the model was trained on. Encode
 * the text with {@code addSpecial = false} and {@code parseSpecial = true}: the template writes the
 * begin of sequence itself. Immutable, for many threads.
 */
public final class ChatTemplate {
  private final Template template;
  private final Map<String, @Nullable Object> constants;
  private final Supplier<LocalDateTime> clock;

  private ChatTemplate(
      Template template, Map<String, @Nullable Object> constants, Supplier<LocalDateTime> clock) {
    this.template = template;
    this.constants = constants;
    this.clock = clock;
  }

  /**
   * The template of a tokenizer.
   *
   * @throws TextFormatException if it has none, or one that is not supported
   */
  public static ChatTemplate of(Tokenizer tokenizer) throws TextFormatException {
    String source = tokenizer.chatTemplate();
    if (source == null) {
      throw new TextFormatException("the model has no chat template: it continues plain text only");
    }
    Map<String, @Nullable Object> constants = new LinkedHashMap<>();
    constants.put("bos_token", tokenizer.bos() < 0 ? "" : tokenizer.piece(tokenizer.bos()));
    constants.put("eos_token", tokenizer.eos() < 0 ? "" : tokenizer.piece(tokenizer.eos()));
    return of(source, constants, LocalDateTime::now);
  }

  /**
   * A template from its Jinja source.
   *
   * @param constants variables of every rendering, such as {@code bos_token}
   * @param clock what {@code strftime_now} reads
   */
  public static ChatTemplate of(
      String source,
      Map<String, ? extends @Nullable Object> constants,
      Supplier<LocalDateTime> clock)
      throws TextFormatException {
    return new ChatTemplate(Template.parse(source), new LinkedHashMap<>(constants), clock);
  }

  /**
   * Renders a conversation.
   *
   * @param messages each with {@code role} and {@code content}, and what else the template knows
   * @param addGenerationPrompt end with the begin of the assistant's turn
   * @param variables more variables, such as {@code tools} or {@code enable_thinking}
   * @throws TextFormatException if the template refuses the conversation, or fails
   */
  public String render(
      List<? extends Map<String, ? extends @Nullable Object>> messages,
      boolean addGenerationPrompt,
      Map<String, ? extends @Nullable Object> variables)
      throws TextFormatException {
    Map<String, @Nullable Object> all = new LinkedHashMap<>(constants);
    all.putAll(variables);
    all.put("messages", messages);
    all.put("add_generation_prompt", addGenerationPrompt);
    return template.render(all, clock);
  }
}
