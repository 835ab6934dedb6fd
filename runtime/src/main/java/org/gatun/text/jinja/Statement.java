package org.gatun.text.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A statement of a template; {@code line} serves messages. */
sealed interface Statement {
  record Text(String text) implements Statement {}

  record Print(Expr value, int line) implements Statement {}

  record For(
      List<String> targets,
      Expr items,
      @Nullable Expr condition,
      List<Statement> body,
      List<Statement> otherwise,
      int line)
      implements Statement {}

  record Branch(Expr condition, List<Statement> body) {}

  record If(List<Branch> branches, List<Statement> otherwise, int line) implements Statement {}

  /** Assigns to names, or to an attribute of a namespace. */
  record Target(List<String> names, @Nullable String attribute) {}

  record Set(Target target, Expr value, int line) implements Statement {}

  record SetBlock(Target target, List<Statement> body, int line) implements Statement {}

  record Macro(
      String name, List<String> parameters, List<@Nullable Expr> defaults, List<Statement> body)
      implements Statement {}

  record With(List<String> names, List<Expr> values, List<Statement> body, int line)
      implements Statement {}

  /** A marker for training masks; its body is plain. */
  record Group(List<Statement> body) implements Statement {}

  record Break() implements Statement {}

  record Continue() implements Statement {}
}
