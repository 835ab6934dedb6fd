package org.gatun.text;

/**
 * The word patterns of GPT-2 and its descendants as scanners: one pass, no backtracking. They
 * differ in few places, which are the components here.
 *
 * <pre>
 * contraction  's 't 're 've 'm 'll 'd
 * letters      " ?\p{L}+"            or, anyPrefix, "[^\r\n\p{L}\p{N}]?\p{L}+"
 * digits       " ?\p{N}+"            or, maxDigits &gt; 0, "\p{N}{1,max}"
 * others       " ?[^\s\p{L}\p{N}]+"  and, newlines, "[\r\n]*" after it
 * newlines     "\s*[\r\n]+"          only with newlines
 * spaces       "\s+(?!\S)|\s+"
 * </pre>
 *
 * @param anyCase contractions match in any case
 * @param anyPrefix letters take any one character in front that is no letter, digit or line break
 * @param maxDigits longest run of digits; 0 means no limit, and a space in front
 * @param newlines line breaks end a run of other characters or of white space
 */
record WordScanner(boolean anyCase, boolean anyPrefix, int maxDigits, boolean newlines)
    implements PreTokenizer {
  static final WordScanner GPT2 = new WordScanner(false, false, 0, false);
  static final WordScanner LLAMA3 = new WordScanner(true, true, 3, true);
  static final WordScanner QWEN2 = new WordScanner(true, true, 1, true);

  private static final int LETTER = 0;
  private static final int NUMBER = 1;
  private static final int SPACE = 2;
  private static final int OTHER = 3;

  @Override
  public void split(String text, int from, int to, boolean first, Sink out)
      throws TextFormatException {
    for (int at = from; at < to; ) {
      int end = next(text, at, to);
      out.word(text, at, end);
      at = end;
    }
  }

  /** The end of the word that begins at {@code at}. */
  private int next(String s, int at, int to) {
    int c = s.codePointAt(at);
    if (c == '\'') {
      int end = contraction(s, at, to);
      if (end > at) {
        return end;
      }
    }
    int kind = kind(c);
    int width = width(c, at, to);
    int after = at + width;
    int afterKind = after < to ? kind(s.codePointAt(after)) : -1;
    if (kind == LETTER) {
      return run(s, at, to, LETTER);
    }
    if (kind == NUMBER) {
      return maxDigits == 0 ? run(s, at, to, NUMBER) : digits(s, at, to);
    }
    if (afterKind == LETTER && (anyPrefix ? c != '\r' && c != '\n' : c == ' ')) {
      return run(s, after, to, LETTER);
    }
    if (c == ' ' && afterKind == NUMBER && maxDigits == 0) {
      return run(s, after, to, NUMBER);
    }
    if (kind == OTHER || c == ' ' && afterKind == OTHER) {
      int end = run(s, kind == OTHER ? at : after, to, OTHER);
      while (newlines && end < to && isNewline(s.charAt(end))) {
        end++;
      }
      return end;
    }
    return spaces(s, at, to);
  }

  private int spaces(String s, int at, int to) {
    int end = run(s, at, to, SPACE);
    if (newlines) {
      for (int i = end; i > at; i--) {
        if (isNewline(s.charAt(i - 1))) {
          return i;
        }
      }
    }
    // The last space belongs to the next word. White space is all in the BMP.
    return end < to && end - at > 1 ? end - 1 : end;
  }

  private int digits(String s, int at, int to) {
    int end = at;
    for (int n = 0; n < maxDigits && end < to; n++) {
      int c = s.codePointAt(end);
      if (kind(c) != NUMBER) {
        break;
      }
      end += width(c, end, to);
    }
    return end;
  }

  private static int run(String s, int at, int to, int kind) {
    while (at < to) {
      int c = s.codePointAt(at);
      if (kind(c) != kind) {
        break;
      }
      at += width(c, at, to);
    }
    return at;
  }

  private int contraction(String s, int at, int to) {
    if (to - at < 2) {
      return at;
    }
    char a = fold(s.charAt(at + 1));
    if (a == 's' || a == 't' || a == 'm' || a == 'd') {
      return at + 2;
    }
    if (to - at > 2) {
      char b = fold(s.charAt(at + 2));
      if ((a == 'r' || a == 'v') && b == 'e' || a == 'l' && b == 'l') {
        return at + 3;
      }
    }
    return at;
  }

  private char fold(char c) {
    if (!anyCase) {
      return c;
    }
    // The long s folds to s in a regular expression that ignores case.
    return c >= 'A' && c <= 'Z' ? (char) (c + 32) : c == 'ſ' ? 's' : c;
  }

  private static boolean isNewline(char c) {
    return c == '\n' || c == '\r';
  }

  // A pair of surrogates may straddle the end of the piece.
  private static int width(int c, int at, int to) {
    return Math.min(Character.charCount(c), to - at);
  }

  private static int kind(int c) {
    if (c < 128) {
      int lower = c | 32;
      return lower >= 'a' && lower <= 'z'
          ? LETTER
          : c >= '0' && c <= '9' ? NUMBER : c == ' ' || c >= 9 && c <= 13 ? SPACE : OTHER;
    }
    return switch (Character.getType(c)) {
      case Character.UPPERCASE_LETTER,
          Character.LOWERCASE_LETTER,
          Character.TITLECASE_LETTER,
          Character.MODIFIER_LETTER,
          Character.OTHER_LETTER ->
          LETTER;
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER ->
          NUMBER;
      default -> isWhiteSpace(c) ? SPACE : OTHER;
    };
  }

  /** Unicode's White_Space property. */
  static boolean isWhiteSpace(int c) {
    return c >= 9 && c <= 13
        || c == ' '
        || c == 0x85
        || c == 0xa0
        || c == 0x1680
        || c >= 0x2000 && c <= 0x200a
        || c == 0x2028
        || c == 0x2029
        || c == 0x202f
        || c == 0x205f
        || c == 0x3000;
  }
}
