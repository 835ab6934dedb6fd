package org.gatun.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.gatun.text.TextFormatException;
import org.gatun.text.jinja.Statement.Branch;
import org.gatun.text.jinja.Statement.Target;
import org.gatun.text.jinja.Token.Kind;
import org.jspecify.annotations.Nullable;

/** Statements of a template, by recursive descent of bounded depth. */
final class Parser {
  private static final int MAX_DEPTH = 100;

  private final TokenStream tokens;
  private final ExpressionParser expressions;
  private int depth;

  private Parser(List<Token> tokens) {
    this.tokens = new TokenStream(tokens);
    this.expressions = new ExpressionParser(this.tokens);
  }

  static List<Statement> parse(String source) throws TextFormatException {
    Parser parser = new Parser(Lexer.tokens(source));
    List<Statement> all = parser.body(Set.of());
    if (parser.tokens.peek().kind() != Kind.END) {
      throw parser.tokens.unexpected();
    }
    return all;
  }

  /** Statements up to a block tag with one of these names, whose name is the next token then. */
  private List<Statement> body(Set<String> ends) throws TextFormatException {
    if (++depth > MAX_DEPTH) {
      throw tokens.error("blocks are nested too deeply");
    }
    List<Statement> body = new ArrayList<>();
    while (true) {
      Token token = tokens.peek();
      switch (token.kind()) {
        case TEXT -> {
          tokens.next();
          body.add(new Statement.Text(token.text()));
        }
        case PRINT_BEGIN -> {
          tokens.next();
          body.add(new Statement.Print(expressions.parseTuple(), token.line()));
          tokens.expect(Kind.PRINT_END);
        }
        case BLOCK_BEGIN -> {
          tokens.next();
          Token name = tokens.peek();
          if (name.kind() == Kind.NAME && ends.contains(name.text())) {
            depth--;
            return body;
          }
          body.add(statement());
        }
        default -> {
          if (!ends.isEmpty()) {
            throw tokens.error("missing " + String.join(" or ", new java.util.TreeSet<>(ends)));
          }
          depth--;
          return body;
        }
      }
    }
  }

  private Statement statement() throws TextFormatException {
    Token name = tokens.expect(Kind.NAME);
    return switch (name.text()) {
      case "for" -> forLoop(name.line());
      case "if" -> ifElse(name.line());
      case "set" -> set(name.line());
      case "macro" -> macro();
      case "with" -> with(name.line());
      case "generation" -> {
        tokens.expect(Kind.BLOCK_END);
        yield new Statement.Group(closed("endgeneration"));
      }
      case "break" -> end(new Statement.Break());
      case "continue" -> end(new Statement.Continue());
      default -> throw tokens.error("unsupported tag '" + name.text() + "'");
    };
  }

  private Statement end(Statement statement) throws TextFormatException {
    tokens.expect(Kind.BLOCK_END);
    return statement;
  }

  /** A body and its end tag. */
  private List<Statement> closed(String end) throws TextFormatException {
    List<Statement> body = body(Set.of(end));
    tokens.next();
    tokens.expect(Kind.BLOCK_END);
    return body;
  }

  private List<Statement> elseBody(String end) throws TextFormatException {
    if (tokens.next().text().equals(end)) {
      tokens.expect(Kind.BLOCK_END);
      return List.of();
    }
    tokens.expect(Kind.BLOCK_END);
    return closed(end);
  }

  private Statement forLoop(int line) throws TextFormatException {
    List<String> targets = new ArrayList<>();
    boolean parenthesis = tokens.acceptOperator("(");
    do {
      targets.add(tokens.expect(Kind.NAME).text());
    } while (tokens.acceptOperator(",") && tokens.peek().kind() == Kind.NAME);
    if (parenthesis) {
      tokens.expectOperator(")");
    }
    tokens.expectName("in");
    Expr items = expressions.parseWithoutCondition();
    Expr condition = tokens.acceptName("if") ? expressions.parse() : null;
    if (tokens.peek().is(Kind.NAME, "recursive")) {
      throw tokens.error("recursive loops are not supported");
    }
    tokens.expect(Kind.BLOCK_END);
    List<Statement> body = body(Set.of("else", "endfor"));
    return new Statement.For(targets, items, condition, body, elseBody("endfor"), line);
  }

  private Statement ifElse(int line) throws TextFormatException {
    List<Branch> branches = new ArrayList<>();
    do {
      Expr condition = expressions.parse();
      tokens.expect(Kind.BLOCK_END);
      branches.add(new Branch(condition, body(Set.of("elif", "else", "endif"))));
    } while (tokens.acceptName("elif"));
    return new Statement.If(branches, elseBody("endif"), line);
  }

  private Statement set(int line) throws TextFormatException {
    List<String> names = new ArrayList<>();
    names.add(tokens.expect(Kind.NAME).text());
    String attribute = null;
    if (tokens.acceptOperator(".")) {
      attribute = tokens.expect(Kind.NAME).text();
    } else {
      while (tokens.acceptOperator(",")) {
        names.add(tokens.expect(Kind.NAME).text());
      }
    }
    Target target = new Target(names, attribute);
    if (tokens.acceptOperator("=")) {
      Expr value = expressions.parseTuple();
      return end(new Statement.Set(target, value, line));
    }
    tokens.expect(Kind.BLOCK_END);
    return new Statement.SetBlock(target, closed("endset"), line);
  }

  private Statement macro() throws TextFormatException {
    String name = tokens.expect(Kind.NAME).text();
    Map<String, @Nullable Expr> parameters = new LinkedHashMap<>();
    tokens.expectOperator("(");
    while (!tokens.acceptOperator(")")) {
      if (!parameters.isEmpty()) {
        tokens.expectOperator(",");
      }
      String parameter = tokens.expect(Kind.NAME).text();
      parameters.put(parameter, tokens.acceptOperator("=") ? expressions.parse() : null);
    }
    tokens.expect(Kind.BLOCK_END);
    return new Statement.Macro(
        name,
        List.copyOf(parameters.keySet()),
        new ArrayList<>(parameters.values()),
        closed("endmacro"));
  }

  private Statement with(int line) throws TextFormatException {
    List<String> names = new ArrayList<>();
    List<Expr> values = new ArrayList<>();
    while (tokens.peek().kind() != Kind.BLOCK_END) {
      if (!names.isEmpty()) {
        tokens.expectOperator(",");
      }
      names.add(tokens.expect(Kind.NAME).text());
      tokens.expectOperator("=");
      values.add(expressions.parse());
    }
    tokens.expect(Kind.BLOCK_END);
    return new Statement.With(names, values, closed("endwith"), line);
  }
}
