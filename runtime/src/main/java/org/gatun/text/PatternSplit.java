package org.gatun.text;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Cuts text at the matches of a pattern.
 *
 * @param pattern what to find
 * @param invert swap matches and what is between them
 * @param behavior what becomes of a match
 */
record PatternSplit(Pattern pattern, boolean invert, Behavior behavior) implements PreTokenizer {
  /** What becomes of the matched text (the delimiter). */
  enum Behavior {
    REMOVED,
    ISOLATED,
    MERGED_WITH_PREVIOUS,
    MERGED_WITH_NEXT,
    /** Adjacent matches are one word. */
    CONTIGUOUS
  }

  /** Compiles a pattern in the dialect of published tokenizers (Oniguruma). */
  static Pattern compile(String regex) throws TextFormatException {
    try {
      // Java wants "Is" before a script's name.
      String java = regex.replaceAll("\\\\([pP])\\{(\\^?)([A-Z][a-z]{3,})\\}", "\\\\$1{$2Is$3}");
      return Pattern.compile(java, Pattern.UNICODE_CHARACTER_CLASS);
    } catch (PatternSyntaxException | StackOverflowError e) {
      throw new TextFormatException("unsupported pattern in the tokenizer: " + excerpt(regex), e);
    }
  }

  static String excerpt(String s) {
    String line = s.replaceAll("\\p{Cntrl}", " ");
    return line.length() <= 120 ? line : line.substring(0, 120) + "…";
  }

  /** Receives matched and unmatched spans in turn. */
  private interface Spans {
    void span(int from, int to, boolean match) throws TextFormatException;
  }

  @Override
  public void split(String text, int from, int to, boolean first, Sink out)
      throws TextFormatException {
    switch (behavior) {
      case REMOVED ->
          scan(
              text,
              from,
              to,
              (a, b, match) -> {
                if (!match) {
                  out.word(text, a, b);
                }
              });
      case ISOLATED -> scan(text, from, to, (a, b, match) -> out.word(text, a, b));
      default -> merging(text, from, to, out);
    }
  }

  private void merging(String text, int from, int to, Sink out) throws TextFormatException {
    // One span is held back until it is known what joins it.
    var held =
        new Object() {
          int from = -1;
          int to;
          boolean match;
        };
    scan(
        text,
        from,
        to,
        (a, b, match) -> {
          boolean joins =
              held.from >= 0
                  && switch (behavior) {
                    case MERGED_WITH_PREVIOUS -> match && !held.match;
                    case MERGED_WITH_NEXT -> held.match && !match;
                    default -> match == held.match;
                  };
          if (!joins) {
            if (held.from >= 0) {
              out.word(text, held.from, held.to);
            }
            held.from = a;
          }
          held.to = b;
          held.match = match;
        });
    if (held.from >= 0) {
      out.word(text, held.from, held.to);
    }
  }

  private void scan(String text, int from, int to, Spans out) throws TextFormatException {
    Matcher matcher = pattern.matcher(new BoundedText(text, from, to));
    int at = 0;
    while (find(matcher)) {
      if (matcher.start() > at) {
        out.span(from + at, from + matcher.start(), invert);
      }
      if (matcher.end() > matcher.start()) {
        out.span(from + matcher.start(), from + matcher.end(), !invert);
      }
      at = matcher.end();
    }
    if (from + at < to) {
      out.span(from + at, to, invert);
    }
  }

  private boolean find(Matcher matcher) throws TextFormatException {
    try {
      return matcher.find();
    } catch (BoundedText.Exhausted | StackOverflowError e) {
      throw new TextFormatException(
          "the tokenizer's pattern takes too long on this text: " + excerpt(pattern.pattern()), e);
    }
  }
}
