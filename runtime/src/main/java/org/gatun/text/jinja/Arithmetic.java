package org.gatun.text.jinja;

import java.util.ArrayList;
import java.util.List;
import org.gatun.text.TextFormatException;
import org.jspecify.annotations.Nullable;

/** Python's arithmetic on integers, floats, strings and lists. */
final class Arithmetic {
  private Arithmetic() {}

  static Object binary(String operator, @Nullable Object a, @Nullable Object b, Budget budget)
      throws TextFormatException {
    Number x = Values.number(a);
    Number y = Values.number(b);
    if (x != null && y != null) {
      return x instanceof Long l && y instanceof Long m
          ? integers(operator, l, m)
          : floats(operator, x.doubleValue(), y.doubleValue());
    }
    if (operator.equals("+") && a instanceof String s && b instanceof String t) {
      budget.make((long) s.length() + t.length());
      return s.concat(t);
    }
    if (operator.equals("+") && a instanceof List<?> p && b instanceof List<?> q) {
      budget.make((long) p.size() + q.size());
      List<@Nullable Object> sum = new ArrayList<>(p);
      sum.addAll(q);
      return sum;
    }
    if (operator.equals("*") && a instanceof String s && y instanceof Long n) {
      long times = Math.max(0, n);
      budget.make(s.isEmpty() ? 0 : multiply(s.length(), times));
      return s.isEmpty() ? "" : s.repeat((int) times);
    }
    if (operator.equals("*") && a instanceof List<?> p && y instanceof Long n) {
      long times = p.isEmpty() ? 0 : Math.max(0, n);
      budget.make(multiply(p.size(), times));
      List<@Nullable Object> product = new ArrayList<>();
      for (long i = 0; i < times; i++) {
        product.addAll(p);
      }
      return product;
    }
    if (operator.equals("%") && a instanceof String) {
      throw Values.error("formatting with % is not supported");
    }
    throw Values.error(
        "'" + operator + "' does not work on " + Values.typeName(a) + " and " + Values.typeName(b));
  }

  private static long multiply(long a, long b) {
    return Math.multiplyHigh(a, b) != 0 || a * b < 0 ? Long.MAX_VALUE >> 1 : a * b;
  }

  private static Object integers(String operator, long a, long b) throws TextFormatException {
    try {
      return switch (operator) {
        case "+" -> Math.addExact(a, b);
        case "-" -> Math.subtractExact(a, b);
        case "*" -> Math.multiplyExact(a, b);
        case "/" -> {
          if (b == 0) {
            throw Values.error("division by zero");
          }
          yield (double) a / b;
        }
        case "//" -> Math.floorDivExact(a, b);
        case "%" -> Math.floorMod(a, b);
        default -> b >= 0 ? power(a, b) : (Object) Math.pow(a, b);
      };
    } catch (ArithmeticException e) {
      throw Values.error(b == 0 ? "division by zero" : "an integer is too large");
    }
  }

  private static Long power(long base, long exponent) {
    long result = 1;
    for (long left = exponent; left > 0; left >>= 1) {
      if ((left & 1) != 0) {
        result = Math.multiplyExact(result, base);
      }
      if (left > 1) {
        base = Math.multiplyExact(base, base);
      }
    }
    return result;
  }

  private static Object floats(String operator, double a, double b) throws TextFormatException {
    if (b == 0 && (operator.equals("/") || operator.equals("//") || operator.equals("%"))) {
      throw Values.error("division by zero");
    }
    return switch (operator) {
      case "+" -> a + b;
      case "-" -> a - b;
      case "*" -> a * b;
      case "/" -> a / b;
      case "//" -> Math.floor(a / b);
      case "%" -> a - b * Math.floor(a / b);
      default -> Math.pow(a, b);
    };
  }
}
