package org.gatun.text.jinja;

import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.gatun.text.TextFormatException;
import org.jspecify.annotations.Nullable;

/** A parsed template. Immutable, for many threads. */
public final class Template {
  private static final int MAX_SOURCE = 1 << 20;

  private final List<Statement> body;

  private Template(List<Statement> body) {
    this.body = body;
  }

  /**
   * Parses a template.
   *
   * @throws TextFormatException if it is malformed, or uses what is not supported, with the line
   */
  public static Template parse(String source) throws TextFormatException {
    if (source.length() > MAX_SOURCE) {
      throw new TextFormatException(
          "the chat template is larger than " + MAX_SOURCE + " characters");
    }
    return new Template(Parser.parse(source));
  }

  /**
   * Renders the template.
   *
   * @param variables null, booleans, numbers, strings, lists and maps of such
   * @param clock what {@code strftime_now} reads
   * @throws TextFormatException if the template raises an error, fails, or does too much work
   */
  public String render(
      Map<String, ? extends @Nullable Object> variables, Supplier<LocalDateTime> clock)
      throws TextFormatException {
    try {
      Interpreter interpreter = new Interpreter(clock);
      variables.forEach((name, value) -> interpreter.define(name, Values.fromJava(value)));
      return interpreter.run(body);
    } catch (StackOverflowError e) {
      throw new TextFormatException("chat template: values are nested too deeply", e);
    }
  }
}
