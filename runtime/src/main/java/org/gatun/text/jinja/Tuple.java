package org.gatun.text.jinja;

import java.util.AbstractList;
import org.jspecify.annotations.Nullable;

/** Two values that belong together, such as key and value; prints with parentheses. */
final class Tuple extends AbstractList<@Nullable Object> {
  private final @Nullable Object first;
  private final @Nullable Object second;

  Tuple(@Nullable Object first, @Nullable Object second) {
    this.first = first;
    this.second = second;
  }

  @Override
  public @Nullable Object get(int index) {
    return index == 0 ? first : second;
  }

  @Override
  public int size() {
    return 2;
  }
}
