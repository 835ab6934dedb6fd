package org.gatun.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.text.TextFormatException;
import org.jspecify.annotations.Nullable;

/** Attributes of values: entries of mappings and Python's methods, those that change nothing. */
final class Members {
  private Members() {}

  static @Nullable Object attribute(@Nullable Object object, String name, Budget budget)
      throws TextFormatException {
    if (object instanceof Namespace namespace) {
      return namespace.attributes.containsKey(name)
          ? namespace.attributes.get(name)
          : new Undefined(name);
    }
    Callable method =
        switch (object) {
          case String s -> StringMethods.of(s, name, budget);
          case Map<?, ?> map -> ofMap(map, name, budget);
          case List<?> list -> ofList(list, name, budget);
          case null, default -> null;
        };
    if (method != null) {
      return method;
    }
    return object instanceof Map<?, ?> map && map.containsKey(name)
        ? map.get(name)
        : new Undefined(name);
  }

  private static @Nullable Callable ofMap(Map<?, ?> map, String name, Budget budget) {
    return switch (name) {
      case "get" ->
          (args, named) -> {
            Object key = argument(args, 0, "get()");
            return map.containsKey(key)
                ? map.get(key)
                : args.size() > 1 ? args.get(1) : named.get("default");
          };
      case "items" -> (args, named) -> pairs(map, budget);
      case "keys" -> (args, named) -> Values.items(map, budget);
      case "values" ->
          (args, named) -> {
            budget.make(map.size());
            return new ArrayList<@Nullable Object>(map.values());
          };
      case "copy" ->
          (args, named) -> {
            budget.make(map.size());
            return new LinkedHashMap<@Nullable Object, @Nullable Object>(map);
          };
      case "update", "pop", "popitem", "clear", "setdefault" -> forbidden(name);
      default -> null;
    };
  }

  /** The entries as pairs. */
  static List<@Nullable Object> pairs(Map<?, ?> map, Budget budget) throws TextFormatException {
    budget.make(3L * map.size());
    List<@Nullable Object> pairs = new ArrayList<>();
    for (Map.Entry<?, ?> e : map.entrySet()) {
      pairs.add(new Tuple(e.getKey(), e.getValue()));
    }
    return pairs;
  }

  private static @Nullable Callable ofList(List<?> list, String name, Budget budget) {
    return switch (name) {
      case "index" ->
          (args, named) -> {
            for (int i = 0; i < list.size(); i++) {
              if (Values.equal(list.get(i), argument(args, 0, "index()"), budget)) {
                return (long) i;
              }
            }
            throw Values.error("index(): the item is not in the list");
          };
      case "count" ->
          (args, named) -> {
            long count = 0;
            for (Object item : list) {
              count += Values.equal(item, argument(args, 0, "count()"), budget) ? 1 : 0;
            }
            return count;
          };
      case "append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse" ->
          forbidden(name);
      default -> null;
    };
  }

  private static Callable forbidden(String name) {
    return (args, named) -> {
      throw Values.error(name + "() would change a value, which templates may not");
    };
  }

  static @Nullable Object argument(List<@Nullable Object> args, int i, String of)
      throws TextFormatException {
    if (i >= args.size()) {
      throw Values.error(of + " needs an argument more");
    }
    return args.get(i);
  }
}
