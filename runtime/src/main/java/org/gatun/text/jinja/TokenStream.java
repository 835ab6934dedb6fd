package org.gatun.text.jinja;

import java.util.List;
import org.gatun.text.TextFormatException;
import org.gatun.text.jinja.Token.Kind;

/** Tokens one after the other; the last one, END, repeats. */
final class TokenStream {
  private final List<Token> tokens;
  private int at;

  TokenStream(List<Token> tokens) {
    this.tokens = tokens;
  }

  Token peek() {
    return tokens.get(at);
  }

  Token next() {
    Token token = tokens.get(at);
    if (token.kind() != Kind.END) {
      at++;
    }
    return token;
  }

  boolean peekOperator(String operator) {
    return peek().is(Kind.OPERATOR, operator);
  }

  boolean acceptOperator(String operator) {
    return accept(peekOperator(operator));
  }

  boolean acceptName(String name) {
    return accept(peek().is(Kind.NAME, name));
  }

  private boolean accept(boolean found) {
    if (found) {
      next();
    }
    return found;
  }

  Token expect(Kind kind) throws TextFormatException {
    if (peek().kind() != kind) {
      throw unexpected();
    }
    return next();
  }

  void expectOperator(String operator) throws TextFormatException {
    if (!acceptOperator(operator)) {
      throw unexpected();
    }
  }

  void expectName(String name) throws TextFormatException {
    if (!acceptName(name)) {
      throw unexpected();
    }
  }

  TextFormatException unexpected() {
    return error("unexpected '" + Values.excerpt(peek().text()) + "'");
  }

  TextFormatException error(String what) {
    return new TextFormatException("chat template, line " + peek().line() + ": " + what);
  }
}
