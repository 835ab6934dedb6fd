package org.gatun.text.jinja;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.gatun.text.TextFormatException;
import org.jspecify.annotations.Nullable;

/** Jinja's tests, the words after {@code is}. */
final class Tests {
  private Tests() {}

  static boolean test(
      String name, @Nullable Object value, List<@Nullable Object> args, Budget budget)
      throws TextFormatException {
    return switch (name) {
      case "defined" -> !(value instanceof Undefined);
      case "undefined" -> value instanceof Undefined;
      case "none" -> value == null;
      case "string" -> value instanceof String;
      case "boolean" -> value instanceof Boolean;
      case "true" -> Boolean.TRUE.equals(value);
      case "false" -> Boolean.FALSE.equals(value);
      case "integer" -> value instanceof Long;
      case "float" -> value instanceof Double;
      case "number" -> Values.number(value) != null;
      case "mapping" -> value instanceof Map;
      case "iterable" ->
          value instanceof List
              || value instanceof Map
              || value instanceof String
              || value instanceof Undefined;
      case "sequence" -> value instanceof List || value instanceof Map || value instanceof String;
      case "callable" -> value instanceof Callable;
      case "odd" -> (Values.integer(value, "what is tested for odd") & 1) == 1;
      case "even" -> (Values.integer(value, "what is tested for even") & 1) == 0;
      case "divisibleby" -> {
        long by = Values.integer(argument(name, args), "the argument of divisibleby");
        if (by == 0) {
          throw Values.error("division by zero");
        }
        yield Values.integer(value, "what is tested for divisibleby") % by == 0;
      }
      case "lower" -> {
        String s = Writer.str(value, budget);
        yield s.equals(s.toLowerCase(Locale.ROOT)) && !s.equals(s.toUpperCase(Locale.ROOT));
      }
      case "upper" -> {
        String s = Writer.str(value, budget);
        yield s.equals(s.toUpperCase(Locale.ROOT)) && !s.equals(s.toLowerCase(Locale.ROOT));
      }
      case "in" -> Values.contains(argument(name, args), value, budget);
      case "sameas" -> {
        Object other = argument(name, args);
        yield value == other || value instanceof Boolean && value.equals(other);
      }
      case "eq", "equalto", "==" -> Values.equal(value, argument(name, args), budget);
      case "ne", "!=" -> !Values.equal(value, argument(name, args), budget);
      case "lt", "lessthan", "<" -> Values.compare(value, argument(name, args), budget) < 0;
      case "le", "<=" -> Values.compare(value, argument(name, args), budget) <= 0;
      case "gt", "greaterthan", ">" -> Values.compare(value, argument(name, args), budget) > 0;
      case "ge", ">=" -> Values.compare(value, argument(name, args), budget) >= 0;
      default -> throw Values.error("unsupported test '" + name + "'");
    };
  }

  private static @Nullable Object argument(String name, List<@Nullable Object> args)
      throws TextFormatException {
    if (args.isEmpty()) {
      throw Values.error("the test '" + name + "' needs an argument");
    }
    return args.getFirst();
  }
}
