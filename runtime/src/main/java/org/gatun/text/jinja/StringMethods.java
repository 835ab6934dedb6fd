package org.gatun.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import org.gatun.text.TextFormatException;
import org.jspecify.annotations.Nullable;

/** Python's methods of strings. */
final class StringMethods {
  private StringMethods() {}

  static @Nullable Callable of(String s, String name, Budget budget) {
    Callable method = method(s, name, budget);
    if (method == null) {
      return null;
    }
    return (args, named) -> {
      budget.make(s.length());
      for (Object arg : args) {
        Values.search(s, arg, budget);
      }
      return method.call(args, named);
    };
  }

  private static @Nullable Callable method(String s, String name, Budget budget) {
    return switch (name) {
      case "strip" -> (args, named) -> strip(s, args, true, true);
      case "lstrip" -> (args, named) -> strip(s, args, true, false);
      case "rstrip" -> (args, named) -> strip(s, args, false, true);
      case "upper" -> (args, named) -> s.toUpperCase(Locale.ROOT);
      case "lower" -> (args, named) -> s.toLowerCase(Locale.ROOT);
      case "capitalize" -> (args, named) -> capitalize(s);
      case "title" -> (args, named) -> title(s);
      case "startswith" -> (args, named) -> affix(s, args, true);
      case "endswith" -> (args, named) -> affix(s, args, false);
      case "removeprefix" ->
          (args, named) -> {
            String p = string(args, 0, name);
            return s.startsWith(p) ? s.substring(p.length()) : s;
          };
      case "removesuffix" ->
          (args, named) -> {
            String p = string(args, 0, name);
            return s.endsWith(p) ? s.substring(0, s.length() - p.length()) : s;
          };
      case "split" -> (args, named) -> split(s, args, named.get("maxsplit"), false, budget);
      case "rsplit" -> (args, named) -> split(s, args, named.get("maxsplit"), true, budget);
      case "splitlines" -> (args, named) -> new ArrayList<@Nullable Object>(s.lines().toList());
      case "replace" ->
          (args, named) -> {
            long count = args.size() > 2 ? Values.integer(args.get(2), "the count") : -1;
            return replace(s, string(args, 0, name), string(args, 1, name), count, budget);
          };
      case "find" -> (args, named) -> points(s, s.indexOf(string(args, 0, name)));
      case "rfind" -> (args, named) -> points(s, s.lastIndexOf(string(args, 0, name)));
      case "index" ->
          (args, named) -> {
            int at = s.indexOf(string(args, 0, name));
            if (at < 0) {
              throw Values.error("index(): the text is not in the string");
            }
            return points(s, at);
          };
      case "count" ->
          (args, named) -> {
            String what = string(args, 0, name);
            if (what.isEmpty()) {
              return Values.length(s) + 1;
            }
            long count = 0;
            for (int i = s.indexOf(what); i >= 0; i = s.indexOf(what, i + what.length())) {
              count++;
            }
            return count;
          };
      case "join" -> (args, named) -> join(s, Members.argument(args, 0, "join()"), budget);
      case "isdigit", "isdecimal", "isnumeric" -> (args, named) -> all(s, Character::isDigit);
      case "isalpha" -> (args, named) -> all(s, Character::isLetter);
      case "isalnum" -> (args, named) -> all(s, Character::isLetterOrDigit);
      case "isspace" -> (args, named) -> all(s, StringMethods::isSpace);
      case "isupper" -> (args, named) -> Tests.test("upper", s, List.of(), budget);
      case "islower" -> (args, named) -> Tests.test("lower", s, List.of(), budget);
      case "format" ->
          (args, named) -> {
            throw Values.error("format() is not supported");
          };
      default -> null;
    };
  }

  private static String string(List<@Nullable Object> args, int i, String method)
      throws TextFormatException {
    return Values.string(
        Members.argument(args, i, method + "()"), "the argument of " + method + "()");
  }

  static boolean isSpace(int c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
  }

  private static boolean all(String s, IntPredicate predicate) {
    return !s.isEmpty() && s.codePoints().allMatch(predicate);
  }

  private static Long points(String s, int at) {
    return at < 0 ? -1L : s.codePointCount(0, at);
  }

  static String strip(String s, List<@Nullable Object> args, boolean left, boolean right)
      throws TextFormatException {
    Object chars = args.isEmpty() ? null : args.getFirst();
    String set = chars == null ? "" : Values.string(chars, "what is stripped");
    if (set.length() > 1000) {
      throw Values.error("strip() of more than 1000 kinds of characters");
    }
    IntPredicate strips = chars == null ? StringMethods::isSpace : c -> set.indexOf(c) >= 0;
    int from = 0;
    int to = s.length();
    while (left && from < to && strips.test(s.codePointAt(from))) {
      from += Character.charCount(s.codePointAt(from));
    }
    while (right && to > from && strips.test(s.codePointBefore(to))) {
      to -= Character.charCount(s.codePointBefore(to));
    }
    return s.substring(from, to);
  }

  static String capitalize(String s) {
    if (s.isEmpty()) {
      return s;
    }
    int first = s.offsetByCodePoints(0, 1);
    return s.substring(0, first).toUpperCase(Locale.ROOT)
        + s.substring(first).toLowerCase(Locale.ROOT);
  }

  static String title(String s) {
    StringBuilder out = new StringBuilder(s.length());
    boolean inWord = false;
    for (int i = 0; i < s.length(); ) {
      int c = s.codePointAt(i);
      out.appendCodePoint(inWord ? Character.toLowerCase(c) : Character.toTitleCase(c));
      inWord = Character.isLetter(c);
      i += Character.charCount(c);
    }
    return out.toString();
  }

  private static boolean affix(String s, List<@Nullable Object> args, boolean start)
      throws TextFormatException {
    Object what = Members.argument(args, 0, "startswith()");
    List<?> options =
        what instanceof List<?> list ? list : List.of(Values.string(what, "an affix"));
    for (Object option : options) {
      String affix = Values.string(option, "an affix");
      if (start ? s.startsWith(affix) : s.endsWith(affix)) {
        return true;
      }
    }
    return false;
  }

  static String replace(String s, String what, String by, long count, Budget budget)
      throws TextFormatException {
    StringBuilder out = new StringBuilder();
    int done = 0;
    int at = s.indexOf(what);
    for (long n = 0; at >= 0 && n != count; n++) {
      budget.make((long) by.length() + at - done);
      out.append(s, done, at).append(by);
      done = at + what.length();
      // An empty pattern matches before every character and at the end.
      int following = what.isEmpty() ? at + 1 : done;
      if (following > s.length()) {
        break;
      }
      at = s.indexOf(what, following);
    }
    return out.append(s, done, s.length()).toString();
  }

  private static List<@Nullable Object> split(
      String s, List<@Nullable Object> args, @Nullable Object max, boolean right, Budget budget)
      throws TextFormatException {
    Object limit = args.size() > 1 ? args.get(1) : max;
    long most = limit == null ? -1 : Values.integer(limit, "the limit of split()");
    Object separator = args.isEmpty() ? null : args.getFirst();
    List<@Nullable Object> parts = new ArrayList<>();
    if (separator == null) {
      splitSpaces(s, most, right, parts);
    } else {
      String by = Values.string(separator, "the separator");
      if (by.isEmpty()) {
        throw Values.error("split() by an empty separator");
      }
      if (right) {
        splitRight(s, by, most, parts);
      } else {
        int done = 0;
        for (int at = s.indexOf(by); at >= 0 && parts.size() != most; at = s.indexOf(by, done)) {
          parts.add(s.substring(done, at));
          done = at + by.length();
        }
        parts.add(s.substring(done));
      }
    }
    budget.make(parts.size());
    return parts;
  }

  private static void splitRight(String s, String by, long most, List<@Nullable Object> parts) {
    int end = s.length();
    while (parts.size() != most) {
      int at = end < by.length() ? -1 : s.lastIndexOf(by, end - by.length());
      if (at < 0) {
        break;
      }
      parts.add(s.substring(at + by.length(), end));
      end = at;
    }
    parts.add(s.substring(0, end));
    java.util.Collections.reverse(parts);
  }

  private static void splitSpaces(
      String s, long most, boolean right, List<@Nullable Object> parts) {
    // Begin and end of each word.
    List<int[]> words = new ArrayList<>();
    for (int i = 0; i < s.length(); i++) {
      if (!isSpace(s.charAt(i))) {
        int begin = i;
        while (i < s.length() && !isSpace(s.charAt(i))) {
          i++;
        }
        words.add(new int[] {begin, i});
      }
    }
    int count = words.size();
    // What is over the limit stays in one part.
    int single = most < 0 || most >= count ? count : (int) most;
    int first = right ? count - single : 0;
    if (right && first > 0) {
      parts.add(s.substring(0, words.get(first - 1)[1]));
    }
    for (int w = first; w < first + single; w++) {
      parts.add(s.substring(words.get(w)[0], words.get(w)[1]));
    }
    if (!right && single < count) {
      parts.add(s.substring(words.get(single)[0]));
    }
  }

  static String join(String by, @Nullable Object items, Budget budget) throws TextFormatException {
    StringBuilder out = new StringBuilder();
    String separator = "";
    for (Object item : Values.items(items, budget)) {
      String s = Writer.str(item, budget);
      budget.make((long) separator.length() + s.length());
      out.append(separator).append(s);
      separator = by;
    }
    return out.toString();
  }
}
