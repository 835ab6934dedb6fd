package org.gatun.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.gatun.text.TextFormatException;
import org.gatun.text.jinja.Expr.Arguments;
import org.gatun.text.jinja.Token.Kind;

/** Expressions by precedence, lowest first; the nesting is bounded. */
final class ExpressionParser {
  private static final int MAX_DEPTH = 60;
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", ">", "<=", ">=");

  private final TokenStream tokens;
  private int depth;

  ExpressionParser(TokenStream tokens) {
    this.tokens = tokens;
  }

  /** An expression, or several with commas, which make a list. */
  Expr parseTuple() throws TextFormatException {
    Expr first = parse();
    if (!tokens.peekOperator(",")) {
      return first;
    }
    List<Expr> items = new ArrayList<>(List.of(first));
    while (tokens.acceptOperator(",")) {
      Kind kind = tokens.peek().kind();
      if (kind == Kind.PRINT_END || kind == Kind.BLOCK_END || tokens.peekOperator(")")) {
        break;
      }
      items.add(parse());
    }
    return new Expr.ListOf(items);
  }

  Expr parse() throws TextFormatException {
    if (++depth > MAX_DEPTH) {
      throw tokens.error("an expression is nested too deeply");
    }
    Expr value = parseWithoutCondition();
    while (tokens.acceptName("if")) {
      Expr condition = parseWithoutCondition();
      value = new Expr.Conditional(condition, value, tokens.acceptName("else") ? parse() : null);
    }
    depth--;
    return value;
  }

  Expr parseWithoutCondition() throws TextFormatException {
    Expr left = and();
    while (tokens.acceptName("or")) {
      left = new Expr.Or(left, and());
    }
    return left;
  }

  private Expr and() throws TextFormatException {
    Expr left = not();
    while (tokens.acceptName("and")) {
      left = new Expr.And(left, not());
    }
    return left;
  }

  private Expr not() throws TextFormatException {
    if (!tokens.acceptName("not")) {
      return compare();
    }
    if (++depth > MAX_DEPTH) {
      throw tokens.error("an expression is nested too deeply");
    }
    Expr value = new Expr.Not(not());
    depth--;
    return value;
  }

  private Expr compare() throws TextFormatException {
    Expr first = sum();
    List<String> operators = new ArrayList<>();
    List<Expr> rest = new ArrayList<>();
    while (true) {
      Token token = tokens.peek();
      if (token.kind() == Kind.OPERATOR && COMPARISONS.contains(token.text())) {
        tokens.next();
        operators.add(token.text());
      } else if (tokens.acceptName("in")) {
        operators.add("in");
      } else if (tokens.acceptName("not")) {
        tokens.expectName("in");
        operators.add("not in");
      } else {
        return operators.isEmpty() ? first : new Expr.Compare(first, operators, rest);
      }
      rest.add(sum());
    }
  }

  private Expr sum() throws TextFormatException {
    Expr left = concat();
    while (tokens.peekOperator("+") || tokens.peekOperator("-")) {
      String operator = tokens.next().text();
      left = new Expr.Binary(operator, left, concat());
    }
    return left;
  }

  private Expr concat() throws TextFormatException {
    Expr first = product();
    if (!tokens.peekOperator("~")) {
      return first;
    }
    List<Expr> parts = new ArrayList<>(List.of(first));
    while (tokens.acceptOperator("~")) {
      parts.add(product());
    }
    return new Expr.Concat(parts);
  }

  private Expr product() throws TextFormatException {
    Expr left = power();
    while (tokens.peekOperator("*")
        || tokens.peekOperator("/")
        || tokens.peekOperator("//")
        || tokens.peekOperator("%")) {
      String operator = tokens.next().text();
      left = new Expr.Binary(operator, left, power());
    }
    return left;
  }

  private Expr power() throws TextFormatException {
    Expr left = unary(true);
    while (tokens.acceptOperator("**")) {
      left = new Expr.Binary("**", left, unary(true));
    }
    return left;
  }

  private Expr unary(boolean withFilters) throws TextFormatException {
    if (++depth > MAX_DEPTH) {
      throw tokens.error("an expression is nested too deeply");
    }
    Expr value;
    if (tokens.acceptOperator("-")) {
      value = new Expr.Negate(unary(false));
    } else if (tokens.acceptOperator("+")) {
      value = unary(false);
    } else {
      value = postfix(primary());
    }
    depth--;
    return withFilters ? filters(value) : value;
  }

  private Expr primary() throws TextFormatException {
    Token token = tokens.next();
    return switch (token.kind()) {
      case NAME ->
          switch (token.text()) {
            case "true", "True" -> new Expr.Literal(true);
            case "false", "False" -> new Expr.Literal(false);
            case "none", "None" -> new Expr.Literal(null);
            default -> new Expr.Name(token.text());
          };
      case STRING -> {
        StringBuilder text = new StringBuilder(token.text());
        while (tokens.peek().kind() == Kind.STRING) {
          text.append(tokens.next().text());
        }
        yield new Expr.Literal(text.toString());
      }
      case INTEGER -> new Expr.Literal(integer(token));
      case FLOAT -> new Expr.Literal(Double.parseDouble(token.text()));
      case OPERATOR ->
          switch (token.text()) {
            case "(" -> {
              if (tokens.acceptOperator(")")) {
                yield new Expr.ListOf(List.of());
              }
              Expr inner = parseTuple();
              tokens.expectOperator(")");
              yield inner;
            }
            case "[" -> new Expr.ListOf(items("]"));
            case "{" -> dict();
            default -> throw wrong(token);
          };
      default -> throw wrong(token);
    };
  }

  private TextFormatException wrong(Token token) {
    return new TextFormatException(
        "chat template, line "
            + token.line()
            + ": a value is expected, but there is '"
            + Values.excerpt(token.text())
            + "'");
  }

  private static Long integer(Token token) throws TextFormatException {
    try {
      return Long.valueOf(token.text());
    } catch (NumberFormatException e) {
      throw new TextFormatException(
          "chat template, line " + token.line() + ": the number is too large");
    }
  }

  private List<Expr> items(String close) throws TextFormatException {
    List<Expr> items = new ArrayList<>();
    while (!tokens.acceptOperator(close)) {
      if (!items.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.acceptOperator(close)) {
          break;
        }
      }
      items.add(parse());
    }
    return items;
  }

  private Expr dict() throws TextFormatException {
    List<Expr> keys = new ArrayList<>();
    List<Expr> values = new ArrayList<>();
    while (!tokens.acceptOperator("}")) {
      if (!keys.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.acceptOperator("}")) {
          break;
        }
      }
      keys.add(parse());
      tokens.expectOperator(":");
      values.add(parse());
    }
    return new Expr.DictOf(keys, values);
  }

  private Expr postfix(Expr value) throws TextFormatException {
    while (true) {
      if (tokens.acceptOperator(".")) {
        Token token = tokens.next();
        value =
            switch (token.kind()) {
              case NAME -> new Expr.Attribute(value, token.text());
              case INTEGER -> new Expr.Index(value, new Expr.Literal(integer(token)));
              default -> throw wrong(token);
            };
      } else if (tokens.acceptOperator("[")) {
        value = subscript(value);
      } else if (tokens.peekOperator("(")) {
        value = new Expr.Call(value, arguments());
      } else {
        return value;
      }
    }
  }

  private Expr subscript(Expr object) throws TextFormatException {
    Expr from = tokens.peekOperator(":") ? null : parse();
    if (from != null && tokens.acceptOperator("]")) {
      return new Expr.Index(object, from);
    }
    tokens.expectOperator(":");
    Expr to = tokens.peekOperator(":") || tokens.peekOperator("]") ? null : parse();
    Expr step = null;
    if (tokens.acceptOperator(":") && !tokens.peekOperator("]")) {
      step = parse();
    }
    tokens.expectOperator("]");
    return new Expr.Slice(object, from, to, step);
  }

  private Arguments arguments() throws TextFormatException {
    tokens.expectOperator("(");
    List<Expr> positional = new ArrayList<>();
    Map<String, Expr> named = new LinkedHashMap<>();
    while (!tokens.acceptOperator(")")) {
      if (!positional.isEmpty() || !named.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.acceptOperator(")")) {
          break;
        }
      }
      Expr value = parse();
      if (value instanceof Expr.Name(String name) && tokens.acceptOperator("=")) {
        named.put(name, parse());
      } else if (named.isEmpty()) {
        positional.add(value);
      } else {
        throw tokens.error("a positional argument follows a named one");
      }
    }
    return new Arguments(positional, named);
  }

  private Expr filters(Expr value) throws TextFormatException {
    while (true) {
      if (tokens.acceptOperator("|")) {
        String name = tokens.expect(Kind.NAME).text();
        value =
            new Expr.Filter(value, name, tokens.peekOperator("(") ? arguments() : Arguments.NONE);
      } else if (tokens.acceptName("is")) {
        boolean negated = tokens.acceptName("not");
        value = test(value);
        value = negated ? new Expr.Not(value) : value;
      } else if (tokens.peekOperator("(")) {
        value = postfix(value);
      } else {
        return value;
      }
    }
  }

  private Expr test(Expr value) throws TextFormatException {
    String name = tokens.expect(Kind.NAME).text();
    Token next = tokens.peek();
    Arguments arguments = Arguments.NONE;
    if (tokens.peekOperator("(")) {
      arguments = arguments();
    } else if (next.kind() == Kind.STRING
        || next.kind() == Kind.INTEGER
        || next.kind() == Kind.FLOAT
        || tokens.peekOperator("[")
        || tokens.peekOperator("{")
        || next.kind() == Kind.NAME
            && !Set.of("else", "or", "and", "if", "is", "in", "not").contains(next.text())) {
      arguments = new Arguments(List.of(postfix(primary())), Map.of());
    }
    return new Expr.Test(value, name, arguments);
  }
}
