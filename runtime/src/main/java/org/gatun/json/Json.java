package org.gatun.json;

import java.io.IOException;
import java.io.InputStream;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonReadFeature;

/**
 * Reads and writes JSON.
 *
 * <p>A value is a {@link JsonObject}, a {@code List}, a {@code String}, a {@code Long} (any integer
 * that fits), a {@code Double} (all other numbers), a {@code Boolean} or null. Reading is bounded:
 * nesting {@value #MAX_DEPTH}, document {@value #MAX_BYTES} bytes; duplicate keys are refused. What
 * is allocated stays within a constant factor of the input's size.
 */
public final class Json {
  static final int MAX_DEPTH = 128;
  static final long MAX_BYTES = 256L << 20;
  private static final int MAX_STRING = 64 << 20;
  private static final int MAX_NUMBER = 1000;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          // Python's json module writes NaN and Infinity into published config.json files.
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_DEPTH)
                  .maxDocumentLength(MAX_BYTES)
                  .maxStringLength(MAX_STRING)
                  .maxNameLength(MAX_STRING)
                  .maxNumberLength(MAX_NUMBER)
                  .build())
          .build();

  private Json() {}

  /** Parses the file, whose root must be an object; errors name the file. */
  public static JsonObject readObject(Path file) throws IOException {
    if (Files.size(file) > MAX_BYTES) {
      throw new JsonException(file + ": larger than " + (MAX_BYTES >> 20) + " MiB of JSON");
    }
    try (InputStream in = Files.newInputStream(file)) {
      return asObject(read(() -> FACTORY.createParser(ObjectReadContext.empty(), in)));
    } catch (JsonException e) {
      throw new JsonException(file + ": " + e.getMessage());
    }
  }

  /** Parses UTF-8 bytes, whose root must be an object. */
  public static JsonObject readObject(byte[] utf8) throws JsonException {
    return asObject(read(() -> FACTORY.createParser(ObjectReadContext.empty(), utf8)));
  }

  /** Parses text, whose root must be an object. */
  public static JsonObject readObject(String text) throws JsonException {
    return asObject(read(text));
  }

  /** Parses text whose root may be any value. */
  public static @Nullable Object read(String text) throws JsonException {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    return read(() -> FACTORY.createParser(ObjectReadContext.empty(), utf8));
  }

  /**
   * Writes a value on one line, without spaces: {@link JsonObject}, {@code Map}, {@code Iterable},
   * {@code CharSequence}, {@code Number}, {@code Boolean} or null. Non-finite numbers become null.
   *
   * @throws IllegalArgumentException for any other type
   */
  public static String write(@Nullable Object value) {
    StringWriter out = new StringWriter();
    try (JsonGenerator generator = FACTORY.createGenerator(ObjectWriteContext.empty(), out)) {
      write(generator, value);
    }
    return out.toString();
  }

  private static JsonObject asObject(@Nullable Object value) throws JsonException {
    if (value instanceof JsonObject object) {
      return object;
    }
    throw new JsonException("a JSON object is expected at the root");
  }

  private static @Nullable Object read(Supplier<JsonParser> opener) throws JsonException {
    JsonParser parser;
    try {
      // Reads the first bytes to find the encoding.
      parser = opener.get();
    } catch (JacksonException e) {
      throw new JsonException("invalid JSON: " + e.getOriginalMessage());
    }
    return read(parser);
  }

  private static @Nullable Object read(JsonParser parser) throws JsonException {
    try (parser) {
      JsonToken first = parser.nextToken();
      if (first == null) {
        throw new JsonException("JSON expected, but the input is empty");
      }
      Object value = value(parser, first, "");
      if (parser.nextToken() != null) {
        throw new JsonException("unexpected text after the JSON value, " + where(parser));
      }
      return value;
    } catch (JacksonException e) {
      throw new JsonException("invalid JSON, " + where(parser) + ": " + e.getOriginalMessage());
    }
  }

  private static String where(JsonParser parser) {
    var at = parser.currentLocation();
    return "line " + at.getLineNr() + " column " + at.getColumnNr();
  }

  // Recursion is bounded by MAX_DEPTH, which the parser enforces.
  private static @Nullable Object value(JsonParser parser, @Nullable JsonToken token, String path)
      throws JsonException {
    if (token == null) {
      throw new JsonException("invalid JSON, " + where(parser) + ": unexpected end");
    }
    return switch (token) {
      case START_OBJECT -> object(parser, path);
      case START_ARRAY -> {
        List<@Nullable Object> list = new ArrayList<>();
        for (JsonToken t = parser.nextToken(); t != JsonToken.END_ARRAY; t = parser.nextToken()) {
          list.add(value(parser, t, path));
        }
        yield list;
      }
      case VALUE_STRING -> parser.getString();
      case VALUE_NUMBER_INT ->
          switch (parser.getNumberType()) {
            case INT, LONG -> parser.getLongValue();
            default -> parser.getDoubleValue();
          };
      case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
      case VALUE_TRUE -> Boolean.TRUE;
      case VALUE_FALSE -> Boolean.FALSE;
      case VALUE_NULL -> null;
      default -> throw new JsonException("invalid JSON, " + where(parser));
    };
  }

  private static JsonObject object(JsonParser parser, String path) throws JsonException {
    Map<String, @Nullable Object> fields = new LinkedHashMap<>();
    for (String name = parser.nextName(); name != null; name = parser.nextName()) {
      JsonToken token = parser.nextToken();
      boolean leaf = token == null || token.isScalarValue();
      Object value = value(parser, token, leaf ? path : child(path, name));
      if (fields.containsKey(name)) {
        throw new JsonException("duplicate key '" + child(path, name) + "', " + where(parser));
      }
      fields.put(name, value);
    }
    return new JsonObject(path, fields);
  }

  /** Paths serve messages only: they are cut, lest deep hostile documents grow them without end. */
  private static String child(String path, String name) {
    String child = path.isEmpty() ? name : path + "." + name;
    return child.length() > 200 ? "…" : child;
  }

  private static void write(JsonGenerator out, @Nullable Object value) {
    switch (value) {
      case null -> out.writeNull();
      case JsonObject object -> write(out, object.fields());
      case Map<?, ?> map -> {
        out.writeStartObject();
        for (Map.Entry<?, ?> e : map.entrySet()) {
          out.writeName(String.valueOf(e.getKey()));
          write(out, e.getValue());
        }
        out.writeEndObject();
      }
      case Iterable<?> items -> {
        out.writeStartArray();
        for (Object item : items) {
          write(out, item);
        }
        out.writeEndArray();
      }
      case CharSequence text -> out.writeString(text.toString());
      case Boolean b -> out.writeBoolean(b);
      case Double d when !Double.isFinite(d) -> out.writeNull();
      case Float f when !Float.isFinite(f) -> out.writeNull();
      case Double d -> out.writeNumber(d);
      case Float f -> out.writeNumber(f);
      case Integer i -> out.writeNumber(i);
      case Long l -> out.writeNumber(l);
      default -> throw new IllegalArgumentException("not a JSON value: " + value.getClass());
    }
  }
}
