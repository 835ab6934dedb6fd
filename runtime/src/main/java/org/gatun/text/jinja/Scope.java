package org.gatun.text.jinja;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Names and values of a block; what is not here is looked up outside. */
final class Scope {
  private final @Nullable Scope outer;
  private final Map<String, @Nullable Object> names = new HashMap<>();

  Scope(@Nullable Scope outer) {
    this.outer = outer;
  }

  void set(String name, @Nullable Object value) {
    names.put(name, value);
  }

  @Nullable Object get(String name) {
    for (Scope scope = this; scope != null; scope = scope.outer) {
      Object value = scope.names.get(name);
      if (value != null || scope.names.containsKey(name)) {
        return value;
      }
    }
    return new Undefined(name);
  }
}
