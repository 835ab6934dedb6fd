package org.gatun.text.jinja;

import java.util.List;
import java.util.Map;
import org.gatun.text.TextFormatException;
import org.jspecify.annotations.Nullable;

/** A function, method or macro. */
interface Callable {
  @Nullable Object call(List<@Nullable Object> positional, Map<String, @Nullable Object> named)
      throws TextFormatException;
}
