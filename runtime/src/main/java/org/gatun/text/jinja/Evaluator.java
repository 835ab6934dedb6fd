package org.gatun.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.text.TextFormatException;
import org.gatun.text.jinja.Expr.Arguments;
import org.jspecify.annotations.Nullable;

/** Evaluates expressions. */
final class Evaluator {
  private final Budget budget;
  private final Filters filters;

  Evaluator(Interpreter interpreter) {
    this.budget = interpreter.budget;
    this.filters = new Filters(budget);
  }

  @Nullable Object evaluate(Expr expr, Scope scope) throws TextFormatException {
    budget.enter();
    Object value = value(expr, scope);
    budget.leave();
    return value;
  }

  private @Nullable Object value(Expr expr, Scope scope) throws TextFormatException {
    return switch (expr) {
      case Expr.Literal(var value) -> value;
      case Expr.Name(String name) -> scope.get(name);
      case Expr.ListOf(List<Expr> items) -> all(items, scope);
      case Expr.DictOf(List<Expr> keys, List<Expr> values) -> {
        Map<@Nullable Object, @Nullable Object> map = new LinkedHashMap<>();
        for (int i = 0; i < keys.size(); i++) {
          map.put(key(evaluate(keys.get(i), scope)), evaluate(values.get(i), scope));
        }
        yield map;
      }
      case Expr.Attribute(Expr object, String name) ->
          Members.attribute(defined(evaluate(object, scope), name), name, budget);
      case Expr.Index(Expr object, Expr index) -> {
        Object at = evaluate(index, scope);
        yield item(defined(evaluate(object, scope), at), at);
      }
      case Expr.Slice slice -> slice(slice, scope);
      case Expr.Call(Expr function, Arguments arguments) -> {
        Object target = evaluate(function, scope);
        if (!(target instanceof Callable callable)) {
          throw Values.error(
              (target instanceof Undefined(String name)
                      ? "'" + name + "'"
                      : Values.typeName(target))
                  + " is not a function");
        }
        yield callable.call(all(arguments.positional(), scope), named(arguments, scope));
      }
      case Expr.Filter(Expr value, String name, Arguments arguments) ->
          filters.apply(
              name,
              evaluate(value, scope),
              all(arguments.positional(), scope),
              named(arguments, scope));
      case Expr.Test(Expr value, String name, Arguments arguments) ->
          Tests.test(name, evaluate(value, scope), all(arguments.positional(), scope), budget);
      case Expr.Not(Expr value) -> !Values.truth(evaluate(value, scope));
      case Expr.Negate(Expr value) -> Arithmetic.binary("-", 0L, evaluate(value, scope), budget);
      case Expr.Binary(String operator, Expr left, Expr right) ->
          Arithmetic.binary(operator, evaluate(left, scope), evaluate(right, scope), budget);
      case Expr.And(Expr left, Expr right) -> {
        Object first = evaluate(left, scope);
        yield Values.truth(first) ? evaluate(right, scope) : first;
      }
      case Expr.Or(Expr left, Expr right) -> {
        Object first = evaluate(left, scope);
        yield Values.truth(first) ? first : evaluate(right, scope);
      }
      case Expr.Compare compare -> compare(compare, scope);
      case Expr.Concat(List<Expr> parts) -> {
        StringBuilder text = new StringBuilder();
        for (Expr part : parts) {
          String s = Writer.str(evaluate(part, scope), budget);
          budget.make(s.length());
          text.append(s);
        }
        yield text.toString();
      }
      case Expr.Conditional(Expr condition, Expr then, var otherwise) ->
          Values.truth(evaluate(condition, scope))
              ? evaluate(then, scope)
              : otherwise == null ? new Undefined("else") : evaluate(otherwise, scope);
    };
  }

  private List<@Nullable Object> all(List<Expr> items, Scope scope) throws TextFormatException {
    List<@Nullable Object> values = new ArrayList<>(items.size());
    for (Expr item : items) {
      values.add(evaluate(item, scope));
    }
    return values;
  }

  private Map<String, @Nullable Object> named(Arguments arguments, Scope scope)
      throws TextFormatException {
    if (arguments.named().isEmpty()) {
      return Map.of();
    }
    Map<String, @Nullable Object> named = new LinkedHashMap<>();
    for (Map.Entry<String, Expr> e : arguments.named().entrySet()) {
      named.put(e.getKey(), evaluate(e.getValue(), scope));
    }
    return named;
  }

  private static @Nullable Object key(@Nullable Object key) throws TextFormatException {
    if (key instanceof List<?> || key instanceof Map<?, ?>) {
      throw Values.error(Values.typeName(key) + " cannot be a key");
    }
    return key;
  }

  private static @Nullable Object defined(@Nullable Object object, @Nullable Object member)
      throws TextFormatException {
    if (object instanceof Undefined(String name)) {
      throw Values.error("'" + name + "' is undefined, so it has no '" + member + "'");
    }
    return object;
  }

  private @Nullable Object item(@Nullable Object object, @Nullable Object at)
      throws TextFormatException {
    switch (object) {
      case Map<?, ?> map -> {
        key(at);
        if (map.containsKey(at)) {
          return map.get(at);
        }
      }
      case List<?> list when Values.number(at) instanceof Long index -> {
        long i = index < 0 ? index + list.size() : index;
        return i >= 0 && i < list.size() ? list.get((int) i) : new Undefined("[" + index + "]");
      }
      case String s when Values.number(at) instanceof Long index -> {
        int[] points = codePoints(s);
        long i = index < 0 ? index + points.length : index;
        return i >= 0 && i < points.length
            ? Character.toString(points[(int) i])
            : new Undefined("[" + index + "]");
      }
      case null, default -> {}
    }
    return at instanceof String name
        ? Members.attribute(object, name, budget)
        : new Undefined("[" + Writer.str(at, budget) + "]");
  }

  private int[] codePoints(String s) throws TextFormatException {
    budget.make(s.length());
    return s.codePoints().toArray();
  }

  private @Nullable Object slice(Expr.Slice slice, Scope scope) throws TextFormatException {
    Object object = evaluate(slice.object(), scope);
    int[] points = object instanceof String s ? codePoints(s) : new int[0];
    List<@Nullable Object> items =
        object instanceof String ? List.of() : Values.items(object, budget);
    long n = object instanceof String ? points.length : items.size();
    long step = bound(slice.step(), scope, 1);
    if (step == 0) {
      throw Values.error("a slice with step 0");
    }
    long first = step > 0 ? 0 : n - 1;
    long last = step > 0 ? n : -1;
    long from = clamp(bound(slice.from(), scope, Long.MIN_VALUE), n, step, first);
    long to = clamp(bound(slice.to(), scope, Long.MIN_VALUE), n, step, last);
    budget.make(n);
    StringBuilder text = new StringBuilder();
    List<@Nullable Object> list = new ArrayList<>();
    for (long i = from; step > 0 ? i < to : i > to; i += step) {
      if (object instanceof String) {
        text.appendCodePoint(points[(int) i]);
      } else {
        list.add(items.get((int) i));
      }
      if (Math.abs(step) > n) {
        break;
      }
    }
    return object instanceof String ? text.toString() : list;
  }

  private long bound(@Nullable Expr expr, Scope scope, long otherwise) throws TextFormatException {
    Object value = expr == null ? null : evaluate(expr, scope);
    return value == null ? otherwise : Values.integer(value, "the bound of a slice");
  }

  private static long clamp(long bound, long n, long step, long otherwise) {
    if (bound == Long.MIN_VALUE) {
      return otherwise;
    }
    long i = bound < 0 ? bound + n : bound;
    return step > 0 ? Math.clamp(i, 0, n) : Math.clamp(i, -1, n - 1);
  }

  private Object compare(Expr.Compare compare, Scope scope) throws TextFormatException {
    Object left = evaluate(compare.first(), scope);
    for (int i = 0; i < compare.operators().size(); i++) {
      Object right = evaluate(compare.rest().get(i), scope);
      if (!compare(compare.operators().get(i), left, right)) {
        return false;
      }
      left = right;
    }
    return true;
  }

  private boolean compare(String operator, @Nullable Object a, @Nullable Object b)
      throws TextFormatException {
    return switch (operator) {
      case "==" -> Values.equal(a, b, budget);
      case "!=" -> !Values.equal(a, b, budget);
      case "in" -> Values.contains(b, a, budget);
      case "not in" -> !Values.contains(b, a, budget);
      case "<" -> Values.compare(a, b, budget) < 0;
      case ">" -> Values.compare(a, b, budget) > 0;
      case "<=" -> Values.compare(a, b, budget) <= 0;
      default -> Values.compare(a, b, budget) >= 0;
    };
  }
}
