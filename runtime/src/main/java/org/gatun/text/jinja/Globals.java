package org.gatun.text.jinja;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.gatun.text.TextFormatException;
import org.jspecify.annotations.Nullable;

/** The functions that every template has. */
final class Globals {
  private Globals() {}

  static void define(Scope scope, Budget budget, Supplier<LocalDateTime> clock) {
    function(scope, "range", (args, named) -> range(args, budget));
    function(
        scope,
        "namespace",
        (args, named) -> {
          Namespace namespace = new Namespace();
          namespace.attributes.putAll(named);
          return namespace;
        });
    function(
        scope,
        "dict",
        (args, named) -> new LinkedHashMap<@Nullable Object, @Nullable Object>(named));
    function(
        scope,
        "raise_exception",
        (args, named) -> {
          String message = args.isEmpty() ? "" : Writer.str(args.getFirst(), budget);
          throw new TextFormatException(
              "the chat template refuses the messages: " + Values.excerpt(message));
        });
    function(
        scope,
        "strftime_now",
        (args, named) -> {
          Object format = args.isEmpty() ? null : args.getFirst();
          return strftime(Values.string(format, "the format of strftime_now"), clock.get());
        });
  }

  private static void function(Scope scope, String name, Callable function) {
    scope.set(name, function);
  }

  private static List<@Nullable Object> range(List<@Nullable Object> args, Budget budget)
      throws TextFormatException {
    if (args.isEmpty() || args.size() > 3) {
      throw Values.error("range() takes one to three integers");
    }
    long from = args.size() > 1 ? Values.integer(args.get(0), "range()") : 0;
    long to = Values.integer(args.get(args.size() > 1 ? 1 : 0), "range()");
    long step = args.size() > 2 ? Values.integer(args.get(2), "range()") : 1;
    if (step == 0) {
      throw Values.error("range() with step 0");
    }
    List<@Nullable Object> list = new ArrayList<>();
    for (long i = from; step > 0 ? i < to : i > to; ) {
      budget.make(1);
      list.add(i);
      long following = i + step;
      if (step > 0 ? following < i : following > i) {
        break; // Past the largest integer.
      }
      i = following;
    }
    return list;
  }

  /** C's strftime in English, as far as templates use it. */
  private static String strftime(String format, LocalDateTime now) throws TextFormatException {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%' || i + 1 == format.length()) {
        out.append(c);
        continue;
      }
      char code = format.charAt(++i);
      boolean unpadded = code == '-' && i + 1 < format.length();
      if (unpadded) {
        code = format.charAt(++i);
      }
      String pattern =
          switch (code) {
            case 'd' -> "dd";
            case 'm' -> "MM";
            case 'y' -> "yy";
            case 'Y' -> "yyyy";
            case 'H' -> "HH";
            case 'I' -> "hh";
            case 'M' -> "mm";
            case 'S' -> "ss";
            case 'p' -> "a";
            case 'j' -> "DDD";
            case 'a' -> "EEE";
            case 'A' -> "EEEE";
            case 'b', 'h' -> "MMM";
            case 'B' -> "MMMM";
            case 'F' -> "yyyy-MM-dd";
            case 'T' -> "HH:mm:ss";
            case '%' -> "'%'";
            default -> throw Values.error("strftime_now: unsupported %" + code);
          };
      String text = now.format(DateTimeFormatter.ofPattern(pattern, Locale.US));
      out.append(unpadded ? text.replaceFirst("^0+(?=.)", "") : text);
    }
    return out.toString();
  }
}
