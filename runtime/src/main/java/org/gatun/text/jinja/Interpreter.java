package org.gatun.text.jinja;

import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.gatun.text.TextFormatException;
import org.gatun.text.jinja.Statement.Target;
import org.jspecify.annotations.Nullable;

/** Runs the statements of a template. */
final class Interpreter {
  /** How a body ended. */
  private enum Flow {
    NEXT,
    BREAK,
    CONTINUE
  }

  final Budget budget = new Budget();
  private final Scope globals = new Scope(null);
  private final Evaluator evaluator = new Evaluator(this);

  Interpreter(Supplier<LocalDateTime> clock) {
    Globals.define(globals, budget, clock);
  }

  void define(String name, @Nullable Object value) {
    globals.set(name, value);
  }

  String run(List<Statement> body) throws TextFormatException {
    StringBuilder out = new StringBuilder();
    run(body, new Scope(globals), out);
    return out.toString();
  }

  private Flow run(List<Statement> body, Scope scope, StringBuilder out)
      throws TextFormatException {
    for (Statement statement : body) {
      Flow flow = run(statement, scope, out);
      if (flow != Flow.NEXT) {
        return flow;
      }
    }
    return Flow.NEXT;
  }

  private Flow run(Statement statement, Scope scope, StringBuilder out) throws TextFormatException {
    budget.step();
    switch (statement) {
      case Statement.Text(String text) -> write(text, out);
      case Statement.Print(Expr value, int line) ->
          write(Writer.str(evaluate(value, scope, line), budget), out);
      case Statement.Set(Target target, Expr value, int line) ->
          assign(target, evaluate(value, scope, line), scope);
      case Statement.SetBlock(Target target, List<Statement> body, int line) -> {
        StringBuilder text = new StringBuilder();
        run(body, new Scope(scope), text);
        assign(target, text.toString(), scope);
      }
      case Statement.If choice -> {
        for (Statement.Branch branch : choice.branches()) {
          if (Values.truth(evaluate(branch.condition(), scope, choice.line()))) {
            return run(branch.body(), scope, out);
          }
        }
        return run(choice.otherwise(), scope, out);
      }
      case Statement.For loop -> run(loop, scope, out);
      case Statement.Macro macro -> scope.set(macro.name(), macro(macro, scope));
      case Statement.With with -> {
        Scope inner = new Scope(scope);
        for (int i = 0; i < with.names().size(); i++) {
          inner.set(with.names().get(i), evaluate(with.values().get(i), scope, with.line()));
        }
        return run(with.body(), inner, out);
      }
      case Statement.Group(List<Statement> body) -> {
        return run(body, scope, out);
      }
      case Statement.Break b -> {
        return Flow.BREAK;
      }
      case Statement.Continue c -> {
        return Flow.CONTINUE;
      }
    }
    return Flow.NEXT;
  }

  private void run(Statement.For loop, Scope scope, StringBuilder out) throws TextFormatException {
    List<@Nullable Object> items = Values.items(evaluate(loop.items(), scope, loop.line()), budget);
    if (loop.condition() != null) {
      List<@Nullable Object> kept = new ArrayList<>();
      for (Object item : items) {
        Scope inner = new Scope(scope);
        bind(loop.targets(), item, inner);
        if (Values.truth(evaluate(loop.condition(), inner, loop.line()))) {
          kept.add(item);
        }
      }
      items = kept;
    }
    if (items.isEmpty()) {
      run(loop.otherwise(), scope, out);
      return;
    }
    for (int i = 0; i < items.size(); i++) {
      budget.step();
      Scope inner = new Scope(scope);
      bind(loop.targets(), items.get(i), inner);
      inner.set("loop", loopVariable(items, i));
      if (run(loop.body(), inner, out) == Flow.BREAK) {
        break;
      }
    }
  }

  private static Map<String, @Nullable Object> loopVariable(List<@Nullable Object> items, int i) {
    int n = items.size();
    Map<String, @Nullable Object> loop = new LinkedHashMap<>();
    loop.put("index", i + 1L);
    loop.put("index0", (long) i);
    loop.put("revindex", (long) n - i);
    loop.put("revindex0", n - i - 1L);
    loop.put("first", i == 0);
    loop.put("last", i == n - 1);
    loop.put("length", (long) n);
    loop.put("previtem", i > 0 ? items.get(i - 1) : new Undefined("loop.previtem"));
    loop.put("nextitem", i < n - 1 ? items.get(i + 1) : new Undefined("loop.nextitem"));
    Callable cycle =
        (positional, named) -> {
          if (positional.isEmpty()) {
            throw Values.error("loop.cycle() needs items");
          }
          return positional.get(i % positional.size());
        };
    loop.put("cycle", cycle);
    return loop;
  }

  private void bind(List<String> names, @Nullable Object value, Scope scope)
      throws TextFormatException {
    if (names.size() == 1) {
      scope.set(names.getFirst(), value);
      return;
    }
    List<@Nullable Object> values = Values.items(value, budget);
    if (values.size() != names.size()) {
      throw Values.error(values.size() + " values for " + names.size() + " names");
    }
    for (int i = 0; i < names.size(); i++) {
      scope.set(names.get(i), values.get(i));
    }
  }

  private void assign(Target target, @Nullable Object value, Scope scope)
      throws TextFormatException {
    if (target.attribute() == null) {
      bind(target.names(), value, scope);
    } else if (scope.get(target.names().getFirst()) instanceof Namespace namespace) {
      namespace.attributes.put(target.attribute(), value);
    } else {
      throw Values.error(
          "only attributes of a namespace can be set, and '"
              + target.names().getFirst()
              + "' is none");
    }
  }

  private Callable macro(Statement.Macro macro, Scope scope) {
    return (positional, named) -> {
      if (positional.size() > macro.parameters().size()) {
        throw Values.error("too many arguments for the macro " + macro.name());
      }
      for (String name : named.keySet()) {
        if (!macro.parameters().contains(name)) {
          throw Values.error("the macro " + macro.name() + " has no parameter " + name);
        }
      }
      Scope inner = new Scope(scope);
      for (int i = 0; i < macro.parameters().size(); i++) {
        String name = macro.parameters().get(i);
        Expr otherwise = macro.defaults().get(i);
        Object value =
            i < positional.size()
                ? positional.get(i)
                : named.containsKey(name)
                    ? named.get(name)
                    : otherwise != null
                        ? evaluator.evaluate(otherwise, inner)
                        : new Undefined(name);
        inner.set(name, value);
      }
      StringBuilder text = new StringBuilder();
      budget.enter();
      run(macro.body(), inner, text);
      budget.leave();
      return text.toString();
    };
  }

  private void write(String text, StringBuilder out) throws TextFormatException {
    budget.make(text.length());
    out.append(text);
  }

  /** Errors without a line get that of the statement. */
  private @Nullable Object evaluate(Expr value, Scope scope, int line) throws TextFormatException {
    try {
      return evaluator.evaluate(value, scope);
    } catch (TextFormatException e) {
      String message = String.valueOf(e.getMessage());
      if (message.startsWith("chat template: ")) {
        throw new TextFormatException(
            "chat template, line " + line + message.substring("chat template".length()), e);
      }
      throw e;
    }
  }
}
