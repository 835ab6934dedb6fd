package org.gatun.text;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Turns text into token ids and back. Immutable and safe for use by many threads.
 *
 * <p>Get one from {@link Tokenizers}.
 */
public interface Tokenizer {
  /**
   * Token ids of the text. Time is O(n log n) in its length, whatever it holds. Unpaired surrogates
   * encode as U+FFFD.
   *
   * @param addSpecial add what the model wants around a text: usually {@link #bos()} in front. A
   *     rendered chat template already carries it.
   * @param parseSpecial read control tokens that are spelled out in the text ({@code <bos>}) as
   *     those tokens; otherwise they are plain text. Do not parse text from untrusted users.
   */
  int[] encode(String text, boolean addSpecial, boolean parseSpecial);

  /**
   * The text of these ids without control tokens; bytes that are not UTF-8 become U+FFFD. The space
   * that {@link #encode} puts in front for some vocabularies is taken off again.
   */
  String decode(int... ids);

  /** A decoder for ids that arrive one by one. */
  StreamDecoder streamDecoder();

  /** Number of ids; valid ids are {@code [0, size)}. */
  int vocabularySize();

  /** The token as the vocabulary spells it, for people to read. */
  String piece(int id);

  /**
   * The bytes that the token adds to a text: empty for control tokens, possibly part of a
   * character.
   */
  byte[] bytes(int id);

  TokenType type(int id);

  /** The id of a token by its exact spelling in the vocabulary, or -1. */
  int id(String piece);

  /** Begin of sequence, or -1. */
  int bos();

  /** End of sequence, or -1. */
  int eos();

  /** All ids that end a generation: end of sequence, end of turn, end of message. */
  Set<Integer> endIds();

  /** The Jinja source of the model's chat template, or null. */
  @Nullable String chatTemplate();
}
