package org.gatun.model.family;

import java.util.List;
import org.gatun.model.ModelFormatException;

/** The architectures Gatun knows. */
public final class Families {
  private static final List<Family> ALL =
      List.of(new Gemma3(), new Llama(), new Qwen2(), new Qwen3());

  private Families() {}

  /**
   * The family of this name.
   *
   * @throws ModelFormatException if it is unknown; the message lists those that are known
   */
  public static Family of(String name) {
    return ALL.stream()
        .filter(f -> f.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new ModelFormatException(
                    "model family '"
                        + name
                        + "' is not supported; supported: "
                        + ALL.stream().map(Family::name).toList()));
  }
}
