package org.gatun.json;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An immutable JSON object with typed access. A {@code null} field counts as absent; errors name
 * the field by its path from the root.
 */
public final class JsonObject {
  private final String path;
  private final Map<String, @Nullable Object> fields;

  JsonObject(String path, Map<String, @Nullable Object> fields) {
    this.path = path;
    this.fields = Collections.unmodifiableMap(fields);
  }

  /** All fields in the order of the document. */
  public Map<String, @Nullable Object> fields() {
    return fields;
  }

  public Set<String> names() {
    return fields.keySet();
  }

  public boolean has(String name) {
    return fields.get(name) != null;
  }

  /** The raw value, or null when absent. */
  public @Nullable Object get(String name) {
    return fields.get(name);
  }

  public String string(String name) throws JsonException {
    return required(name, stringOrNull(name), "a string");
  }

  public @Nullable String stringOrNull(String name) throws JsonException {
    return typed(name, String.class, "a string");
  }

  public JsonObject object(String name) throws JsonException {
    return required(name, objectOrNull(name), "an object");
  }

  public @Nullable JsonObject objectOrNull(String name) throws JsonException {
    return typed(name, JsonObject.class, "an object");
  }

  public boolean bool(String name, boolean otherwise) throws JsonException {
    Boolean value = typed(name, Boolean.class, "true or false");
    return value == null ? otherwise : value;
  }

  public long integer(String name) throws JsonException {
    return required(name, typed(name, Long.class, "an integer"), "an integer");
  }

  public long integer(String name, long otherwise) throws JsonException {
    return has(name) ? integer(name) : otherwise;
  }

  public double number(String name) throws JsonException {
    return required(name, typed(name, Number.class, "a number"), "a number").doubleValue();
  }

  public double number(String name, double otherwise) throws JsonException {
    return has(name) ? number(name) : otherwise;
  }

  /** The array of this name; empty when absent. */
  @SuppressWarnings("unchecked") // The reader makes lists of nullable values only.
  public List<@Nullable Object> list(String name) throws JsonException {
    List<?> list = typed(name, List.class, "an array");
    return list == null ? List.of() : Collections.unmodifiableList((List<@Nullable Object>) list);
  }

  /** The array of objects of this name; empty when absent. */
  public List<JsonObject> objects(String name) throws JsonException {
    return elements(name, JsonObject.class, "an array of objects");
  }

  /** The array of strings of this name; empty when absent. */
  public List<String> strings(String name) throws JsonException {
    return elements(name, String.class, "an array of strings");
  }

  /** The array of integers of this name; empty when absent. */
  public List<Long> integers(String name) throws JsonException {
    return elements(name, Long.class, "an array of integers");
  }

  @Override
  public String toString() {
    return Json.write(this);
  }

  private <T> List<T> elements(String name, Class<T> type, String expected) throws JsonException {
    List<@Nullable Object> list = list(name);
    List<T> typed = new ArrayList<>(list.size());
    for (Object element : list) {
      if (!type.isInstance(element)) {
        throw new JsonException("'" + pathOf(name) + "' must be " + expected);
      }
      typed.add(type.cast(element));
    }
    return typed;
  }

  private <T> @Nullable T typed(String name, Class<T> type, String expected) throws JsonException {
    Object value = fields.get(name);
    if (value == null) {
      return null;
    }
    if (!type.isInstance(value)) {
      throw new JsonException("'" + pathOf(name) + "' must be " + expected);
    }
    return type.cast(value);
  }

  private <T> T required(String name, @Nullable T value, String expected) throws JsonException {
    if (value == null) {
      throw new JsonException("'" + pathOf(name) + "' is missing (" + expected + ")");
    }
    return value;
  }

  private String pathOf(String name) {
    return path.isEmpty() ? name : path + "." + name;
  }
}
