package org.gatun.backend;

import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;

/** The backends on the module path. */
public final class Backends {
  private Backends() {}

  /** All providers, in the order of {@code auto}. */
  public static List<BackendProvider> all() {
    return ServiceLoader.load(BackendProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .sorted(Comparator.comparingInt(BackendProvider::order))
        .toList();
  }

  /**
   * The provider of this name.
   *
   * @throws BackendException if there is none; the message lists those that are there
   */
  public static BackendProvider named(String name) {
    List<BackendProvider> all = all();
    return all.stream()
        .filter(p -> p.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new BackendException(
                    "no backend '"
                        + name
                        + "'; there are "
                        + all.stream().map(BackendProvider::name).toList()));
  }
}
