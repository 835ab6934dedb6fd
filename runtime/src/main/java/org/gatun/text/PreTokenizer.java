package org.gatun.text;

import java.util.List;

/** Cuts text into the words inside which merging happens. */
interface PreTokenizer {
  /** Receives words in order. */
  interface Sink {
    void word(String text, int from, int to) throws TextFormatException;
  }

  /** The whole text is one word. */
  PreTokenizer NONE = (text, from, to, first, out) -> out.word(text, from, to);

  /**
   * Cuts {@code text[from, to)}.
   *
   * @param first whether it begins the whole input
   */
  void split(String text, int from, int to, boolean first, Sink out) throws TextFormatException;

  /** Each one cuts the words of the one before. */
  static PreTokenizer sequence(List<PreTokenizer> steps) {
    PreTokenizer all = NONE;
    for (PreTokenizer step : steps) {
      all = all == NONE ? step : then(all, step);
    }
    return all;
  }

  private static PreTokenizer then(PreTokenizer a, PreTokenizer b) {
    return (text, from, to, first, out) ->
        a.split(
            text,
            from,
            to,
            first,
            (word, begin, end) -> b.split(word, begin, end, first && begin == from, out));
  }
}
