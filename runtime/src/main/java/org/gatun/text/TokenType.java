package org.gatun.text;

/** What a token of the vocabulary is; the codes are those of {@code tokenizer.ggml.token_type}. */
public enum TokenType {
  UNDEFINED,
  NORMAL,
  UNKNOWN,
  /** Never text: turns, roles, begin and end of sequence. */
  CONTROL,
  /** Text that is matched whole, before any merging. */
  USER_DEFINED,
  UNUSED,
  /** One raw byte, written {@code <0xE2>}. */
  BYTE;

  private static final TokenType[] VALUES = values();

  /** The type of this code; unknown codes read as {@link #UNDEFINED}. */
  static TokenType of(int code) {
    return code >= 0 && code < VALUES.length ? VALUES[code] : UNDEFINED;
  }
}
