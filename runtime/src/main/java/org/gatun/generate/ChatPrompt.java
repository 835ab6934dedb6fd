package org.gatun.generate;

import java.util.List;
import java.util.Map;
import org.gatun.text.Tokenizer;

/** Renders a conversation with the model's chat template. */
final class ChatPrompt {
  private ChatPrompt() {}

  static int[] encode(Tokenizer tokenizer, List<Map<String, Object>> messages) {
    String template = tokenizer.chatTemplate();
    if (template == null) {
      throw new GenerationException("the model has no chat template; use --raw");
    }
    throw new GenerationException("chat templates: " + messages.size());
  }
}
