package org.gatun.text.jinja;

import java.util.List;
import java.util.Map;
import org.gatun.text.TextFormatException;
import org.jspecify.annotations.Nullable;

/** Values as text: as Python prints them, or as its {@code json.dumps} does. */
final class Writer {
  private final StringBuilder out = new StringBuilder();
  private final Budget budget;
  private final boolean json;
  // Of JSON only; below 0 all on one line.
  private final int indent;
  private final boolean sorted;
  private final String comma;
  private final String colon;

  private Writer(
      Budget budget, boolean json, int indent, boolean sorted, String comma, String colon) {
    this.budget = budget;
    this.json = json;
    this.indent = indent;
    this.sorted = sorted;
    this.comma = comma;
    this.colon = colon;
  }

  /** Python's {@code str()}; undefined is empty. */
  static String str(@Nullable Object value, Budget budget) throws TextFormatException {
    return switch (value) {
      case String s -> s;
      case Undefined u -> "";
      case null, default -> {
        Writer writer = new Writer(budget, false, -1, false, ", ", ": ");
        writer.value(value, 0);
        yield writer.out.toString();
      }
    };
  }

  static String json(
      @Nullable Object value, int indent, boolean sorted, String comma, String colon, Budget budget)
      throws TextFormatException {
    Writer writer = new Writer(budget, true, indent, sorted, comma, colon);
    writer.value(value, 0);
    return writer.out.toString();
  }

  private void value(@Nullable Object value, int level) throws TextFormatException {
    budget.step();
    switch (value) {
      case null -> add(json ? "null" : "None");
      case Boolean b -> add(json ? b.toString() : b ? "True" : "False");
      case Long n -> add(n.toString());
      case Double d -> add(number(d));
      case String s -> quoted(s);
      case List<?> list -> {
        boolean tuple = !json && list instanceof Tuple;
        add(tuple ? "(" : "[");
        String separator = "";
        for (Object item : list) {
          add(separator);
          line(level + 1);
          value(item, level + 1);
          separator = comma;
        }
        if (!list.isEmpty()) {
          line(level);
        }
        add(tuple ? ")" : "]");
      }
      case Map<?, ?> map -> {
        add("{");
        String separator = "";
        for (Map.Entry<?, ?> e : entries(map)) {
          add(separator);
          line(level + 1);
          if (json && !(e.getKey() instanceof String)) {
            quoted(str(e.getKey(), budget));
          } else {
            value(e.getKey(), level + 1);
          }
          add(colon);
          value(e.getValue(), level + 1);
          separator = comma;
        }
        if (!map.isEmpty()) {
          line(level);
        }
        add("}");
      }
      default -> {
        if (json) {
          throw Values.error(Values.typeName(value) + " cannot be written as JSON");
        }
        add(value instanceof Undefined ? "Undefined" : "<" + Values.typeName(value) + ">");
      }
    }
  }

  private List<? extends Map.Entry<?, ?>> entries(Map<?, ?> map) throws TextFormatException {
    if (!sorted) {
      return List.copyOf(map.entrySet());
    }
    budget.make(16L * map.size());
    return map.entrySet().stream()
        .sorted(java.util.Comparator.comparing(e -> String.valueOf(e.getKey())))
        .toList();
  }

  private void line(int level) throws TextFormatException {
    if (indent >= 0) {
      add("\n");
      add(" ".repeat(Math.multiplyExact(indent, level)));
    }
  }

  private void add(String text) throws TextFormatException {
    budget.make(text.length());
    out.append(text);
  }

  /** Python's shortest form: 1.0, 1e-05, 1e+16. */
  private String number(double d) {
    if (Double.isNaN(d)) {
      return json ? "NaN" : "nan";
    }
    if (Double.isInfinite(d)) {
      String name = json ? "Infinity" : "inf";
      return d > 0 ? name : "-" + name;
    }
    String java = Double.toString(d);
    int e = java.indexOf('E');
    if (e < 0) {
      return java;
    }
    int exponent = Integer.parseInt(java.substring(e + 1));
    if (exponent >= -4 && exponent < 16) {
      String plain = new java.math.BigDecimal(java).toPlainString();
      return plain.contains(".") ? plain : plain + ".0";
    }
    String digits = java.substring(0, e);
    digits = digits.endsWith(".0") ? digits.substring(0, digits.length() - 2) : digits;
    return digits
        + (exponent < 0 ? "e-" : "e+")
        + (Math.abs(exponent) < 10 ? "0" : "")
        + Math.abs(exponent);
  }

  private void quoted(String s) throws TextFormatException {
    budget.make(s.length());
    char quote = json || s.indexOf('\'') >= 0 && s.indexOf('"') < 0 ? '"' : '\'';
    StringBuilder text = new StringBuilder(s.length() + 2).append(quote);
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      switch (c) {
        case '\n' -> text.append("\\n");
        case '\t' -> text.append("\\t");
        case '\r' -> text.append("\\r");
        case '\\' -> text.append("\\\\");
        case '\b' -> text.append(json ? "\\b" : "\\x08");
        case '\f' -> text.append(json ? "\\f" : "\\x0c");
        default -> {
          if (c == quote) {
            text.append('\\').append(c);
          } else if (c < 0x20 || c == 0x7f && !json) {
            text.append(String.format(json ? "\\u%04x" : "\\x%02x", (int) c));
          } else {
            text.append(c);
          }
        }
      }
    }
    out.append(text.append(quote));
  }
}
