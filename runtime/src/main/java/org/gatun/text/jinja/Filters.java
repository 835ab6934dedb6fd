package org.gatun.text.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.gatun.text.TextFormatException;
import org.jspecify.annotations.Nullable;

/** Jinja's filters. */
final class Filters {
  private final Budget budget;

  Filters(Budget budget) {
    this.budget = budget;
  }

  /** Arguments by position or name. */
  private record Given(List<@Nullable Object> positional, Map<String, @Nullable Object> named) {
    boolean has(int i, String name) {
      return i < positional.size() || named.containsKey(name);
    }

    @Nullable Object get(int i, String name, @Nullable Object otherwise) {
      return i < positional.size() ? positional.get(i) : named.getOrDefault(name, otherwise);
    }
  }

  @Nullable Object apply(
      String name,
      @Nullable Object value,
      List<@Nullable Object> positional,
      Map<String, @Nullable Object> named)
      throws TextFormatException {
    budget.step();
    Given args = new Given(positional, named);
    return switch (name) {
      case "trim" ->
          StringMethods.strip(
              str(value), Collections.singletonList(args.get(0, "chars", null)), true, true);
      case "upper" -> str(value).toUpperCase(Locale.ROOT);
      case "lower" -> str(value).toLowerCase(Locale.ROOT);
      case "title" -> StringMethods.title(str(value));
      case "capitalize" -> StringMethods.capitalize(str(value));
      case "string" -> str(value);
      case "safe" -> value;
      case "e", "escape" -> escape(str(value));
      case "replace" ->
          StringMethods.replace(
              str(value),
              str(args.get(0, "old", "")),
              str(args.get(1, "new", "")),
              args.has(2, "count") ? integer(args.get(2, "count", null)) : -1,
              budget);
      case "indent" -> indent(str(value), args);
      case "tojson" -> tojson(value, args);
      case "length", "count" -> Values.length(value);
      case "default", "d" -> {
        boolean missing =
            value instanceof Undefined
                || Values.truth(args.get(1, "boolean", false)) && !Values.truth(value);
        yield missing ? args.get(0, "default_value", "") : value;
      }
      case "join" -> {
        Object attribute = args.get(1, "attribute", null);
        Object items = attribute == null ? value : mapped(value, attribute, null);
        yield StringMethods.join(str(args.get(0, "d", "")), items, budget);
      }
      case "first" -> edge(value, true);
      case "last" -> edge(value, false);
      case "list" -> copy(value);
      case "reverse" -> reverse(value);
      case "sort" -> sort(value, args);
      case "unique" -> unique(value);
      case "map" -> map(value, args);
      case "select", "reject" -> select(value, null, positional, name.equals("select"));
      case "selectattr", "rejectattr" -> {
        if (positional.isEmpty()) {
          throw Values.error("the filter '" + name + "' needs an attribute");
        }
        yield select(
            value,
            positional.getFirst(),
            positional.subList(1, positional.size()),
            name.equals("selectattr"));
      }
      case "items" -> value instanceof Map<?, ?> m ? Members.pairs(m, budget) : List.of();
      case "dictsort" -> dictsort(value);
      case "int" -> toInteger(value, args.get(0, "default", 0L));
      case "float" -> toFloat(value, args.get(0, "default", 0.0));
      case "abs" -> {
        Number n = Values.number(value);
        if (n == null) {
          throw Values.error("abs of " + Values.typeName(value));
        }
        yield n instanceof Long l ? (Object) Math.abs(l) : (Object) Math.abs(n.doubleValue());
      }
      case "round" -> round(value, args);
      case "sum" -> sum(value, args);
      case "min", "max" -> extreme(value, name.equals("max"));
      case "attr" ->
          Members.attribute(
              value, Values.string(args.get(0, "name", null), "the attribute"), budget);
      default -> throw Values.error("unsupported filter '" + name + "'");
    };
  }

  private String str(@Nullable Object value) throws TextFormatException {
    String s = Writer.str(value, budget);
    budget.make(s.length());
    return s;
  }

  private static long integer(@Nullable Object value) throws TextFormatException {
    return Values.integer(value, "the argument of a filter");
  }

  private static String escape(String s) {
    return s.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("'", "&#39;")
        .replace("\"", "&#34;");
  }

  private String indent(String s, Given args) throws TextFormatException {
    Object width = args.get(0, "width", 4L);
    long spaces = width instanceof String t ? t.length() : Math.clamp(integer(width), 0, 1000);
    String margin = width instanceof String t ? t : " ".repeat((int) spaces);
    boolean first = Values.truth(args.get(1, "first", false));
    boolean blank = Values.truth(args.get(2, "blank", false));
    StringBuilder out = new StringBuilder();
    String[] lines = s.split("\n", -1);
    budget.make((long) lines.length * (spaces + 1));
    for (int i = 0; i < lines.length; i++) {
      out.append(i > 0 ? "\n" : "");
      boolean indents = i == 0 ? first : blank || !lines[i].isEmpty();
      out.append(indents ? margin : "").append(lines[i]);
    }
    return out.toString();
  }

  private String tojson(@Nullable Object value, Given args) throws TextFormatException {
    Object indent = args.get(0, "indent", null);
    int width = indent == null ? -1 : (int) Math.clamp(integer(indent), 0, 64);
    String comma = indent == null ? ", " : ",";
    String colon = ": ";
    if (args.named().get("separators") instanceof List<?> list && list.size() == 2) {
      comma = Values.string(list.get(0), "a separator");
      colon = Values.string(list.get(1), "a separator");
    }
    boolean sorted = Values.truth(args.named().get("sort_keys"));
    return Writer.json(value, width, sorted, comma, colon, budget);
  }

  private @Nullable Object edge(@Nullable Object value, boolean first) throws TextFormatException {
    List<@Nullable Object> items = Values.items(value, budget);
    return items.isEmpty()
        ? new Undefined(first ? "first" : "last")
        : first ? items.getFirst() : items.getLast();
  }

  private List<@Nullable Object> copy(@Nullable Object value) throws TextFormatException {
    List<@Nullable Object> items = Values.items(value, budget);
    budget.make(items.size());
    return new ArrayList<>(items);
  }

  private Object reverse(@Nullable Object value) throws TextFormatException {
    if (value instanceof String s) {
      budget.make(s.length());
      return new StringBuilder(s).reverse().toString();
    }
    List<@Nullable Object> items = copy(value);
    Collections.reverse(items);
    return items;
  }

  /** Carries an error out of a comparator. */
  private static final class Failure extends RuntimeException {
    private static final long serialVersionUID = 1L;
    final TextFormatException cause;

    Failure(TextFormatException cause) {
      super(cause);
      this.cause = cause;
    }
  }

  private void sortBy(
      List<@Nullable Object> items, @Nullable Object attribute, boolean fold, boolean reverse)
      throws TextFormatException {
    java.util.Comparator<@Nullable Object> order =
        (a, b) -> {
          try {
            Object x = attribute == null ? a : path(a, attribute);
            Object y = attribute == null ? b : path(b, attribute);
            return Values.compare(folded(x, fold), folded(y, fold), budget);
          } catch (TextFormatException e) {
            throw new Failure(e);
          }
        };
    try {
      items.sort(reverse ? order.reversed() : order);
    } catch (Failure e) {
      throw e.cause;
    } catch (IllegalArgumentException e) {
      throw Values.error("the items have no order"); // NaN among them
    }
  }

  private static @Nullable Object folded(@Nullable Object value, boolean fold) {
    return fold && value instanceof String s ? s.toLowerCase(Locale.ROOT) : value;
  }

  private List<@Nullable Object> sort(@Nullable Object value, Given args)
      throws TextFormatException {
    List<@Nullable Object> items = copy(value);
    boolean caseMatters = Values.truth(args.get(1, "case_sensitive", false));
    boolean reverse = Values.truth(args.get(0, "reverse", false));
    sortBy(items, args.get(2, "attribute", null), !caseMatters, reverse);
    return items;
  }

  private List<@Nullable Object> dictsort(@Nullable Object value) throws TextFormatException {
    if (!(value instanceof Map<?, ?> map)) {
      throw Values.error("dictsort of " + Values.typeName(value));
    }
    List<@Nullable Object> pairs = Members.pairs(map, budget);
    sortBy(pairs, 0L, true, false);
    return pairs;
  }

  private List<@Nullable Object> unique(@Nullable Object value) throws TextFormatException {
    List<@Nullable Object> kept = new ArrayList<>();
    for (Object item : Values.items(value, budget)) {
      if (!Values.contains(kept, item, budget)) {
        kept.add(item);
      }
    }
    return kept;
  }

  private List<@Nullable Object> map(@Nullable Object value, Given args)
      throws TextFormatException {
    Object attribute = args.named().get("attribute");
    if (attribute != null) {
      return mapped(value, attribute, args.named().get("default"));
    }
    if (args.positional().isEmpty()) {
      throw Values.error("the filter 'map' needs a filter or an attribute");
    }
    String filter = Values.string(args.positional().getFirst(), "the filter of map");
    List<@Nullable Object> rest = args.positional().subList(1, args.positional().size());
    List<@Nullable Object> results = new ArrayList<>();
    for (Object item : Values.items(value, budget)) {
      budget.enter();
      results.add(apply(filter, item, rest, args.named()));
      budget.leave();
    }
    return results;
  }

  private List<@Nullable Object> mapped(
      @Nullable Object value, Object attribute, @Nullable Object otherwise)
      throws TextFormatException {
    List<@Nullable Object> results = new ArrayList<>();
    for (Object item : Values.items(value, budget)) {
      budget.make(1);
      Object member = path(item, attribute);
      results.add(member instanceof Undefined && otherwise != null ? otherwise : member);
    }
    return results;
  }

  /** An attribute by its name, with dots between, or an item by its number. */
  private @Nullable Object path(@Nullable Object object, Object path) throws TextFormatException {
    budget.step();
    if (path instanceof Long index) {
      List<@Nullable Object> items = Values.items(object, budget);
      return index >= 0 && index < items.size()
          ? items.get(index.intValue())
          : new Undefined("item");
    }
    Object at = object;
    for (String name : Values.string(path, "an attribute").split("\\.", -1)) {
      at =
          at instanceof Map<?, ?> map
              ? map.containsKey(name) ? map.get(name) : new Undefined(name)
              : Members.attribute(at, name, budget);
    }
    return at;
  }

  private List<@Nullable Object> select(
      @Nullable Object value,
      @Nullable Object attribute,
      List<@Nullable Object> test,
      boolean wanted)
      throws TextFormatException {
    List<@Nullable Object> kept = new ArrayList<>();
    for (Object item : Values.items(value, budget)) {
      budget.step();
      Object tested = attribute == null ? item : path(item, attribute);
      boolean holds =
          test.isEmpty()
              ? Values.truth(tested)
              : Tests.test(
                  Values.string(test.getFirst(), "a test"),
                  tested,
                  test.subList(1, test.size()),
                  budget);
      if (holds == wanted) {
        kept.add(item);
      }
    }
    return kept;
  }

  private static @Nullable Object toInteger(@Nullable Object value, @Nullable Object otherwise) {
    Number n = Values.number(value);
    if (n != null) {
      return n.longValue();
    }
    if (value instanceof String s) {
      try {
        return (long) Double.parseDouble(s.strip());
      } catch (NumberFormatException e) {
        return otherwise;
      }
    }
    return otherwise;
  }

  private static @Nullable Object toFloat(@Nullable Object value, @Nullable Object otherwise) {
    Number n = Values.number(value);
    if (n != null) {
      return n.doubleValue();
    }
    if (value instanceof String s) {
      try {
        return Double.parseDouble(s.strip());
      } catch (NumberFormatException e) {
        return otherwise;
      }
    }
    return otherwise;
  }

  private static Object round(@Nullable Object value, Given args) throws TextFormatException {
    Number n = Values.number(value);
    if (n == null) {
      throw Values.error("round of " + Values.typeName(value));
    }
    int digits = (int) Math.clamp(integer(args.get(0, "precision", 0L)), -300, 300);
    double d = n.doubleValue();
    if (!Double.isFinite(d)) {
      return d;
    }
    java.math.RoundingMode mode =
        switch (Writer.str(args.get(1, "method", "common"), new Budget())) {
          case "ceil" -> java.math.RoundingMode.CEILING;
          case "floor" -> java.math.RoundingMode.FLOOR;
          default -> java.math.RoundingMode.HALF_EVEN;
        };
    return new java.math.BigDecimal(d).setScale(digits, mode).doubleValue();
  }

  private Object sum(@Nullable Object value, Given args) throws TextFormatException {
    Object attribute = args.get(0, "attribute", null);
    Object total = args.get(1, "start", 0L);
    for (Object item :
        attribute == null ? Values.items(value, budget) : mapped(value, attribute, null)) {
      total = Arithmetic.binary("+", total, item, budget);
    }
    return total == null ? 0L : total;
  }

  private @Nullable Object extreme(@Nullable Object value, boolean largest)
      throws TextFormatException {
    List<@Nullable Object> items = Values.items(value, budget);
    if (items.isEmpty()) {
      return new Undefined(largest ? "max" : "min");
    }
    Object best = items.getFirst();
    for (Object item : items) {
      int c = Values.compare(item, best, budget);
      if (largest ? c > 0 : c < 0) {
        best = item;
      }
    }
    return best;
  }
}
