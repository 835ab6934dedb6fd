package org.gatun.text;

import java.io.IOException;
import java.nio.file.Path;

/** Builds tokenizers from model files. */
public final class Tokenizers {
  private Tokenizers() {}

  /**
   * The tokenizer that a GGUF file describes.
   *
   * @throws TextFormatException if it is malformed or of an unsupported kind
   */
  public static Tokenizer fromGguf(TokenizerSource source) throws TextFormatException {
    return GgufTokenizer.of(source);
  }

  /**
   * The tokenizer of a Hugging Face model directory: {@code tokenizer.json} and, where they are
   * there, {@code tokenizer_config.json}, {@code generation_config.json} and {@code
   * chat_template.jinja}.
   *
   * @throws TextFormatException if a file is malformed or describes an unsupported tokenizer
   */
  public static Tokenizer fromHuggingFace(Path directory) throws IOException {
    return HuggingFaceTokenizer.load(directory);
  }
}
