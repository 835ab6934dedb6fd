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

  /** Those that {@code auto} may take, in its order. */
  public static List<BackendProvider> auto() {
    return all().stream().filter(p -> passedOver(p).isEmpty()).toList();
  }

  /**
   * Why {@code auto} passes over a backend, in one line; empty if it may take it. A device that is
   * only this CPU again loses to the JVM backend.
   */
  public static String passedOver(BackendProvider p) {
    if (p.order() < 0) {
      return "it is for tests and taken by name only";
    }
    BackendProvider.Availability a = p.probe();
    if (!a.usable()) {
      return a.description() + (a.remedy().isEmpty() ? "" : " → " + a.remedy());
    }
    return a.accelerator() || p.name().equals("jvm")
        ? ""
        : "no GPU, and the JVM backend serves this CPU itself: " + a.description();
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
