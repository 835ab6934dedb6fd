package org.gatun.text.jinja;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.json.JsonObject;
import org.gatun.text.TextFormatException;
import org.jspecify.annotations.Nullable;

/**
 * Python's rules for the values of a template: null (None), {@link Undefined}, Boolean, Long,
 * Double, String, List, Map, {@link Namespace} and {@link Callable}.
 */
final class Values {
  private static final int MAX_INPUT_DEPTH = 100;

  private Values() {}

  /** A Java value as a template sees it. */
  static @Nullable Object fromJava(@Nullable Object value) {
    return fromJava(value, 0);
  }

  private static @Nullable Object fromJava(@Nullable Object value, int depth) {
    if (depth > MAX_INPUT_DEPTH) {
      throw new IllegalArgumentException("a message is nested too deeply");
    }
    return switch (value) {
      case null -> null;
      case Boolean b -> b;
      case Double d -> d;
      case Float f -> (double) f;
      case Number n -> n.longValue();
      case CharSequence s -> s.toString();
      case JsonObject o -> fromJava(o.fields(), depth);
      case Map<?, ?> map -> {
        Map<@Nullable Object, @Nullable Object> copy = new LinkedHashMap<>();
        map.forEach((k, v) -> copy.put(fromJava(k, depth + 1), fromJava(v, depth + 1)));
        yield copy;
      }
      case Collection<?> items -> {
        List<@Nullable Object> copy = new ArrayList<>();
        items.forEach(item -> copy.add(fromJava(item, depth + 1)));
        yield copy;
      }
      default -> throw new IllegalArgumentException("not a template value: " + value.getClass());
    };
  }

  static boolean truth(@Nullable Object value) {
    return switch (value) {
      case null -> false;
      case Undefined u -> false;
      case Boolean b -> b;
      case Long n -> n != 0;
      case Double d -> d != 0;
      case String s -> !s.isEmpty();
      case Collection<?> c -> !c.isEmpty();
      case Map<?, ?> m -> !m.isEmpty();
      default -> true;
    };
  }

  static String typeName(@Nullable Object value) {
    return switch (value) {
      case null -> "None";
      case Undefined u -> "undefined";
      case Boolean b -> "a boolean";
      case Long n -> "an integer";
      case Double d -> "a float";
      case String s -> "a string";
      case List<?> l -> "a list";
      case Map<?, ?> m -> "a mapping";
      case Callable c -> "a function";
      default -> "a namespace";
    };
  }

  /** Long and Double as they are, Boolean as 0 or 1; null for all else. */
  static @Nullable Number number(@Nullable Object value) {
    return switch (value) {
      case Long n -> n;
      case Double d -> d;
      case Boolean b -> b ? 1L : 0L;
      case null, default -> null;
    };
  }

  static long integer(@Nullable Object value, String what) throws TextFormatException {
    Number n = number(value);
    if (n instanceof Long l) {
      return l;
    }
    throw error(what + " must be an integer, not " + typeName(value));
  }

  static String string(@Nullable Object value, String what) throws TextFormatException {
    if (value instanceof String s) {
      return s;
    }
    throw error(what + " must be a string, not " + typeName(value));
  }

  static boolean equal(@Nullable Object a, @Nullable Object b, Budget budget)
      throws TextFormatException {
    budget.step();
    if (a == b) {
      return true;
    }
    Number x = number(a);
    Number y = number(b);
    if (x != null && y != null) {
      return x instanceof Long l && y instanceof Long m
          ? l.longValue() == m.longValue()
          : x.doubleValue() == y.doubleValue();
    }
    if (a instanceof List<?> p && b instanceof List<?> q) {
      if (p.size() != q.size()) {
        return false;
      }
      for (int i = 0; i < p.size(); i++) {
        if (!equal(p.get(i), q.get(i), budget)) {
          return false;
        }
      }
      return true;
    }
    if (a instanceof Map<?, ?> p && b instanceof Map<?, ?> q) {
      if (p.size() != q.size()) {
        return false;
      }
      for (Map.Entry<?, ?> e : p.entrySet()) {
        if (!q.containsKey(e.getKey()) || !equal(e.getValue(), q.get(e.getKey()), budget)) {
          return false;
        }
      }
      return true;
    }
    return a instanceof String s && s.equals(b) || a instanceof Undefined && b instanceof Undefined;
  }

  static int compare(@Nullable Object a, @Nullable Object b, Budget budget)
      throws TextFormatException {
    budget.step();
    Number x = number(a);
    Number y = number(b);
    if (x != null && y != null) {
      return x instanceof Long l && y instanceof Long m
          ? Long.compare(l, m)
          : Double.compare(x.doubleValue(), y.doubleValue());
    }
    if (a instanceof String s && b instanceof String t) {
      return s.compareTo(t);
    }
    if (a instanceof List<?> p && b instanceof List<?> q) {
      for (int i = 0; i < Math.min(p.size(), q.size()); i++) {
        int c = compare(p.get(i), q.get(i), budget);
        if (c != 0) {
          return c;
        }
      }
      return Integer.compare(p.size(), q.size());
    }
    throw error("cannot compare " + typeName(a) + " with " + typeName(b));
  }

  static boolean contains(@Nullable Object container, @Nullable Object item, Budget budget)
      throws TextFormatException {
    switch (container) {
      case String s -> {
        search(s, item, budget);
        return s.contains(string(item, "what is looked for in a string"));
      }
      case Map<?, ?> map -> {
        return map.containsKey(item);
      }
      case Undefined u -> {
        return false;
      }
      case null, default -> {
        for (Object other : items(container, budget)) {
          if (equal(item, other, budget)) {
            return true;
          }
        }
        return false;
      }
    }
  }

  /** Charges a search for a text, which takes the product of the lengths at worst. */
  static void search(String text, @Nullable Object what, Budget budget) throws TextFormatException {
    if (what instanceof String s) {
      budget.make((long) text.length() * (1 + s.length()) / 256);
    }
  }

  /** What a loop goes through: items, keys of a mapping, or characters. */
  @SuppressWarnings("unchecked") // Lists hold template values only.
  static List<@Nullable Object> items(@Nullable Object value, Budget budget)
      throws TextFormatException {
    return switch (value) {
      case List<?> list -> (List<@Nullable Object>) list;
      case Map<?, ?> map -> {
        budget.make(map.size());
        yield new ArrayList<@Nullable Object>(map.keySet());
      }
      case Undefined u -> List.of();
      case String s -> {
        budget.make(s.length());
        List<@Nullable Object> characters = new ArrayList<>();
        s.codePoints().forEach(c -> characters.add(Character.toString(c)));
        yield characters;
      }
      case null, default -> throw error(typeName(value) + " cannot be iterated");
    };
  }

  /** Length in code points, items or entries. */
  static long length(@Nullable Object value) throws TextFormatException {
    return switch (value) {
      case String s -> s.codePointCount(0, s.length());
      case Collection<?> c -> c.size();
      case Map<?, ?> m -> m.size();
      case Undefined u -> 0;
      case null, default -> throw error(typeName(value) + " has no length");
    };
  }

  static TextFormatException error(String what) {
    return new TextFormatException("chat template: " + what);
  }

  /** The text in one line and not too long, for messages. */
  static String excerpt(String s) {
    String line = s.replaceAll("\\p{Cntrl}", " ");
    return line.length() <= 100 ? line : line.substring(0, 100) + "…";
  }
}
