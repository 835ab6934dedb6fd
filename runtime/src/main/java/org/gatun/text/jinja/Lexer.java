package org.gatun.text.jinja;

import java.util.ArrayList;
import java.util.List;
import org.gatun.text.TextFormatException;
import org.gatun.text.jinja.Token.Kind;

/**
 * Cuts a template into tokens and applies its white-space rules: a minus at a tag takes all white
 * space on that side; a block tag takes the blanks before it on its line and the line break after
 * it, unless a plus forbids that.
 */
final class Lexer {
  private static final String[] OPERATORS = {
    "==", "!=", "<=", ">=", "//", "**", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[",
    "]", "{", "}", ",", ":", ".", "|"
  };

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;
  private int line = 1;
  // The text so far ended in a line break that belongs to a tag.
  private boolean lineStart = true;

  private Lexer(String source) {
    this.source = source;
  }

  static List<Token> tokens(String template) throws TextFormatException {
    String source = template.replace("\r\n", "\n").replace('\r', '\n');
    if (source.endsWith("\n")) {
      source = source.substring(0, source.length() - 1);
    }
    Lexer lexer = new Lexer(source);
    lexer.run();
    return lexer.tokens;
  }

  private void run() throws TextFormatException {
    while (at < source.length()) {
      int tag = nextTag();
      if (tag < 0) {
        text(source.substring(at));
        break;
      }
      char kind = source.charAt(tag + 1);
      char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
      String before = source.substring(at, tag);
      if (sign == '-') {
        before = before.stripTrailing();
      } else if (kind != '{' && sign != '+') {
        before = withoutIndent(before);
      }
      String skipped = source.substring(at, tag);
      text(before);
      line += count(skipped) - count(before);
      at = tag + (sign == '-' || sign == '+' && kind != '{' ? 3 : 2);
      if (kind == '#') {
        comment();
      } else if (kind == '{') {
        inside(Kind.PRINT_BEGIN, Kind.PRINT_END, "}}");
      } else if (!raw()) {
        inside(Kind.BLOCK_BEGIN, Kind.BLOCK_END, "%}");
      }
    }
    tokens.add(new Token(Kind.END, "end of the template", line));
  }

  private int nextTag() {
    for (int i = source.indexOf('{', at); i >= 0; i = source.indexOf('{', i + 1)) {
      char c = i + 1 < source.length() ? source.charAt(i + 1) : ' ';
      if (c == '{' || c == '%' || c == '#') {
        return i;
      }
    }
    return -1;
  }

  private String withoutIndent(String text) {
    int begin = text.lastIndexOf('\n') + 1;
    return (begin > 0 || lineStart) && text.substring(begin).isBlank()
        ? text.substring(0, begin)
        : text;
  }

  private void text(String text) {
    if (!text.isEmpty()) {
      tokens.add(new Token(Kind.TEXT, text, line));
      line += count(text);
    }
  }

  private static int count(String text) {
    int lines = 0;
    for (int i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) {
      lines++;
    }
    return lines;
  }

  private void comment() throws TextFormatException {
    int end = source.indexOf("#}", at);
    if (end < 0) {
      throw error("a comment is not closed");
    }
    char sign = end > at ? source.charAt(end - 1) : ' ';
    line += count(source.substring(at, end));
    at = end + 2;
    afterTag(sign, true);
  }

  /** Takes the white space after a tag that ended with this sign. */
  private void afterTag(char sign, boolean block) {
    int begin = at;
    if (sign == '-') {
      while (at < source.length() && Character.isWhitespace(source.charAt(at))) {
        at++;
      }
    } else if (block && sign != '+' && at < source.length() && source.charAt(at) == '\n') {
      at++;
    }
    line += count(source.substring(begin, at));
    lineStart = at > begin && source.charAt(at - 1) == '\n';
  }

  /** Reads a raw block, whose text is not looked at; false if there is none here. */
  private boolean raw() throws TextFormatException {
    int name = skipSpace(at);
    if (!source.startsWith("raw", name)) {
      return false;
    }
    int close = skipSpace(name + 3);
    boolean strip = source.startsWith("-%}", close);
    if (!strip && !source.startsWith("%}", close)) {
      return false;
    }
    at = close + (strip ? 3 : 2);
    afterTag(strip ? '-' : ' ', false); // A line break after it is kept.
    for (int tag = source.indexOf("{%", at); tag >= 0; tag = source.indexOf("{%", tag + 2)) {
      int body = tag + 2;
      char sign = body < source.length() ? source.charAt(body) : ' ';
      int end = skipSpace(sign == '-' || sign == '+' ? body + 1 : body);
      if (!source.startsWith("endraw", end)) {
        continue;
      }
      end = skipSpace(end + 6);
      boolean stripAfter = source.startsWith("-%}", end);
      if (stripAfter || source.startsWith("%}", end)) {
        String text = source.substring(at, tag);
        text(sign == '-' ? text.stripTrailing() : sign == '+' ? text : withoutIndent(text));
        at = end + (stripAfter ? 3 : 2);
        afterTag(stripAfter ? '-' : ' ', true);
        return true;
      }
    }
    throw error("a raw block is not closed");
  }

  private int skipSpace(int i) {
    while (i < source.length() && Character.isWhitespace(source.charAt(i))) {
      i++;
    }
    return i;
  }

  private void inside(Kind begin, Kind end, String close) throws TextFormatException {
    tokens.add(new Token(begin, close.equals("}}") ? "{{" : "{%", line));
    int open = 0;
    while (true) {
      while (at < source.length() && Character.isWhitespace(source.charAt(at))) {
        line += source.charAt(at) == '\n' ? 1 : 0;
        at++;
      }
      if (at >= source.length()) {
        throw error("a tag is not closed with " + close);
      }
      char c = source.charAt(at);
      if (open == 0) {
        boolean signed = (c == '-' || c == '+') && source.startsWith(close, at + 1);
        if (signed || source.startsWith(close, at)) {
          at += signed ? 3 : 2;
          tokens.add(new Token(end, close, line));
          afterTag(signed ? c : ' ', end == Kind.BLOCK_END);
          return;
        }
      }
      if (Character.isLetter(c) || c == '_') {
        int from = at;
        while (at < source.length() && isNamePart(source.charAt(at))) {
          at++;
        }
        tokens.add(new Token(Kind.NAME, source.substring(from, at), line));
      } else if (c >= '0' && c <= '9') {
        number();
      } else if (c == '"' || c == '\'') {
        string(c);
      } else {
        String operator = operator();
        open += "([{".contains(operator) ? 1 : ")]}".contains(operator) ? -1 : 0;
        if (open < 0) {
          throw error("unexpected '" + operator + "'");
        }
      }
    }
  }

  private static boolean isNamePart(char c) {
    return Character.isLetterOrDigit(c) || c == '_';
  }

  private String operator() throws TextFormatException {
    for (String operator : OPERATORS) {
      if (source.startsWith(operator, at)) {
        tokens.add(new Token(Kind.OPERATOR, operator, line));
        at += operator.length();
        return operator;
      }
    }
    throw error("unexpected character '" + source.charAt(at) + "'");
  }

  private void number() {
    int from = at;
    boolean fraction = false;
    while (at < source.length()) {
      char c = source.charAt(at);
      boolean digit = c >= '0' && c <= '9' || c == '_';
      boolean point =
          c == '.'
              && !fraction
              && at + 1 < source.length()
              && Character.isDigit(source.charAt(at + 1));
      if (!digit && !point) {
        break;
      }
      fraction |= point;
      at++;
    }
    int exponent = at;
    if (at < source.length() && (source.charAt(at) | 32) == 'e') {
      exponent++;
      if (exponent < source.length() && "+-".indexOf(source.charAt(exponent)) >= 0) {
        exponent++;
      }
      int digits = exponent;
      while (exponent < source.length() && Character.isDigit(source.charAt(exponent))) {
        exponent++;
      }
      if (exponent > digits) {
        at = exponent;
        fraction = true;
      }
    }
    String text = source.substring(from, at).replace("_", "");
    tokens.add(new Token(fraction ? Kind.FLOAT : Kind.INTEGER, text, line));
  }

  private void string(char quote) throws TextFormatException {
    StringBuilder text = new StringBuilder();
    int begin = line;
    int i = at + 1;
    for (; i < source.length() && source.charAt(i) != quote; i++) {
      char c = source.charAt(i);
      line += c == '\n' ? 1 : 0;
      if (c == '\\' && i + 1 < source.length()) {
        i = escape(i + 1, text);
      } else {
        text.append(c);
      }
    }
    if (i >= source.length()) {
      throw error("a string is not closed");
    }
    at = i + 1;
    tokens.add(new Token(Kind.STRING, text.toString(), begin));
  }

  /** Appends the escape whose letter is at {@code i}; returns the index of its last character. */
  private int escape(int i, StringBuilder text) throws TextFormatException {
    char c = source.charAt(i);
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits > 0) {
      try {
        text.appendCodePoint(Integer.parseInt(source.substring(i + 1, i + 1 + digits), 16));
        return i + digits;
      } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
        throw error("invalid escape \\" + c);
      }
    }
    switch (c) {
      case 'n' -> text.append('\n');
      case 't' -> text.append('\t');
      case 'r' -> text.append('\r');
      case 'b' -> text.append('\b');
      case 'f' -> text.append('\f');
      case '0' -> text.append('\0');
      case '\\', '\'', '"' -> text.append(c);
      case '\n' -> {}
      default -> text.append('\\').append(c);
    }
    return i;
  }

  private TextFormatException error(String what) {
    return new TextFormatException("chat template, line " + line + ": " + what);
  }
}
