package org.gatun.generate;

import java.util.List;
import java.util.Map;
import org.gatun.text.ChatTemplate;
import org.gatun.text.TextFormatException;
import org.gatun.text.Tokenizer;

/** Renders a conversation with the model's chat template. */
final class ChatPrompt {
  private ChatPrompt() {}

  static int[] encode(Tokenizer tokenizer, List<Map<String, Object>> messages) {
    if (tokenizer.chatTemplate() == null) {
      throw new GenerationException("the model has no chat template; use --raw");
    }
    try {
      String text = ChatTemplate.of(tokenizer).render(messages, true, Map.of());
      return tokenizer.encode(text, false, true);
    } catch (TextFormatException e) {
      throw new GenerationException(String.valueOf(e.getMessage()));
    }
  }
}
