package org.gatun.text.jinja;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** An expression of a template. */
sealed interface Expr {
  record Literal(@Nullable Object value) implements Expr {}

  record Name(String name) implements Expr {}

  record ListOf(List<Expr> items) implements Expr {}

  record DictOf(List<Expr> keys, List<Expr> values) implements Expr {}

  record Attribute(Expr object, String name) implements Expr {}

  record Index(Expr object, Expr index) implements Expr {}

  record Slice(Expr object, @Nullable Expr from, @Nullable Expr to, @Nullable Expr step)
      implements Expr {}

  /** Arguments of a call, filter or test. */
  record Arguments(List<Expr> positional, Map<String, Expr> named) {
    static final Arguments NONE = new Arguments(List.of(), Map.of());
  }

  record Call(Expr function, Arguments arguments) implements Expr {}

  record Filter(Expr value, String name, Arguments arguments) implements Expr {}

  record Test(Expr value, String name, Arguments arguments) implements Expr {}

  record Not(Expr value) implements Expr {}

  record Negate(Expr value) implements Expr {}

  record Binary(String operator, Expr left, Expr right) implements Expr {}

  record And(Expr left, Expr right) implements Expr {}

  record Or(Expr left, Expr right) implements Expr {}

  /** {@code first op[0] rest[0] op[1] rest[1] …}, each pair compared as in Python. */
  record Compare(Expr first, List<String> operators, List<Expr> rest) implements Expr {}

  record Concat(List<Expr> parts) implements Expr {}

  record Conditional(Expr condition, Expr then, @Nullable Expr otherwise) implements Expr {}
}
