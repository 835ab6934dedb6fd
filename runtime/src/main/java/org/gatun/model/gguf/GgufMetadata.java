package org.gatun.model.gguf;

import java.nio.file.Path;
import java.util.Map;
import org.gatun.model.ModelFormatException;
import org.gatun.text.StringTable;
import org.jspecify.annotations.Nullable;

/**
 * The key-value pairs of a GGUF file, in file order.
 *
 * @param path for error messages
 * @param values {@code Long}, {@code Float}, {@code Double}, {@code Boolean} or {@code String};
 *     arrays as {@link StringTable}, {@code int[]} (all integers up to 32 bits and booleans),
 *     {@code long[]}, {@code float[]} or {@code double[]}
 */
public record GgufMetadata(Path path, Map<String, Object> values) {
  public @Nullable Object get(String key) {
    return values.get(key);
  }

  public boolean has(String key) {
    return values.containsKey(key);
  }

  public String string(String key) {
    return required(key, stringOrNull(key));
  }

  public @Nullable String stringOrNull(String key) {
    return typed(key, String.class, "a string");
  }

  public boolean bool(String key, boolean otherwise) {
    Boolean value = typed(key, Boolean.class, "a boolean");
    return value == null ? otherwise : value;
  }

  /** A size: an integer from 0 to 2^31 - 1. */
  public int size(String key) {
    if (!has(key)) {
      required(key, null);
    }
    return size(key, 0);
  }

  /** A size: an integer from 0 to 2^31 - 1. */
  public int size(String key, int otherwise) {
    Long value = typed(key, Long.class, "an integer");
    if (value == null) {
      return otherwise;
    }
    if (value < 0 || value > Integer.MAX_VALUE) {
      throw new ModelFormatException(
          "%s: %s is %s, which is out of range".formatted(path, key, Long.toUnsignedString(value)));
    }
    return value.intValue();
  }

  /** A number, whatever its width. */
  public double number(String key, double otherwise) {
    Number value = typed(key, Number.class, "a number");
    return value == null ? otherwise : value.doubleValue();
  }

  /** A number, whatever its width. */
  public double number(String key) {
    return required(key, typed(key, Number.class, "a number")).doubleValue();
  }

  private <T> @Nullable T typed(String key, Class<T> type, String expected) {
    Object value = values.get(key);
    if (value != null && !type.isInstance(value)) {
      throw new ModelFormatException(path + ": " + key + " must be " + expected);
    }
    return type.cast(value);
  }

  private <T> T required(String key, @Nullable T value) {
    if (value == null) {
      throw new ModelFormatException(path + ": the metadata lacks " + key);
    }
    return value;
  }
}
