package org.gatun.text;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Rewrites text before it is cut into words. */
interface Normalizer {
  Normalizer NONE = text -> text;

  String apply(String text) throws TextFormatException;

  static Normalizer sequence(List<Normalizer> steps) {
    Normalizer all = NONE;
    for (Normalizer step : steps) {
      Normalizer before = all;
      all = before == NONE ? step : text -> step.apply(before.apply(text));
    }
    return all;
  }

  /** Puts the prefix before any text that is not empty. */
  static Normalizer prepend(String prefix) {
    return text -> text.isEmpty() ? text : prefix + text;
  }

  static Normalizer replace(String what, String by) {
    return text -> text.replace(what, by);
  }

  static Normalizer replace(Pattern what, String by) {
    return text -> {
      try {
        return what.matcher(new BoundedText(text, 0, text.length()))
            .replaceAll(Matcher.quoteReplacement(by));
      } catch (BoundedText.Exhausted | StackOverflowError e) {
        throw new TextFormatException(
            "the tokenizer's pattern takes too long on this text: "
                + PatternSplit.excerpt(what.pattern()),
            e);
      }
    };
  }

  static Normalizer strip(boolean left, boolean right) {
    return text -> {
      int from = 0;
      int to = text.length();
      while (left && from < to && WordScanner.isWhiteSpace(text.charAt(from))) {
        from++;
      }
      while (right && to > from && WordScanner.isWhiteSpace(text.charAt(to - 1))) {
        to--;
      }
      return text.substring(from, to);
    };
  }

  /** A Unicode normalization form. */
  static Normalizer unicode(java.text.Normalizer.Form form) {
    return text -> {
      if (isAscii(text)) {
        return text;
      }
      StringBuilder out = new StringBuilder(text.length());
      int from = 0;
      int marks = 0;
      for (int i = 0; i < text.length(); i++) {
        boolean mark =
            switch (Character.getType(text.charAt(i))) {
              case Character.NON_SPACING_MARK,
                  Character.COMBINING_SPACING_MARK,
                  Character.ENCLOSING_MARK,
                  Character.SURROGATE ->
                  true;
              default -> false;
            };
        marks = mark ? marks + 1 : 0;
        // Ordering a run of marks takes quadratic time. UAX 15 calls 30 in a row enough for text.
        if (marks == 1024) {
          int cut = Character.isLowSurrogate(text.charAt(i)) ? i - 1 : i;
          out.append(java.text.Normalizer.normalize(text.substring(from, cut), form));
          from = cut;
          marks = 0;
        }
      }
      return out.append(java.text.Normalizer.normalize(text.substring(from), form)).toString();
    };
  }

  private static boolean isAscii(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) >= 128) {
        return false;
      }
    }
    return true;
  }
}
