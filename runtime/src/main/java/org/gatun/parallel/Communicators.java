package org.gatun.parallel;

import java.util.ServiceLoader;
import java.util.stream.Collectors;

/** Finds communicator providers by name. */
public final class Communicators {
  private Communicators() {}

  /**
   * Joins a group through the provider called {@code name}.
   *
   * @throws IllegalArgumentException if there is no such provider
   * @throws CommunicatorException if it cannot be used here, or the group cannot form
   */
  public static Communicator open(String name, GroupSpec spec) {
    CommunicatorProvider provider = provider(name);
    provider
        .whyNot()
        .ifPresent(
            reason -> {
              throw new CommunicatorException(-1, "communicator " + name + ": " + reason);
            });
    return provider.open(spec);
  }

  /** The provider called {@code name}. */
  public static CommunicatorProvider provider(String name) {
    var all = ServiceLoader.load(CommunicatorProvider.class);
    return all.stream()
        .map(ServiceLoader.Provider::get)
        .filter(p -> p.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no communicator '"
                        + name
                        + "'; there are: "
                        + ServiceLoader.load(CommunicatorProvider.class).stream()
                            .map(p -> p.get().name())
                            .sorted()
                            .collect(Collectors.joining(", "))));
  }
}
