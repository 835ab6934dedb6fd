package org.gatun.backend;

import java.util.Collections;
import java.util.List;
import org.gatun.backend.suite.Lane;

/**
 * A backend that {@link java.util.ServiceLoader} finds. Probing must be cheap and must never throw:
 * what is missing is described, not thrown.
 */
public interface BackendProvider {
  /** The name users type after {@code --backend}. */
  String name();

  /**
   * The order in which {@code auto} tries backends: lower first. Negative: never chosen by {@code
   * auto}.
   */
  int order();

  /** Whether the backend can run here, and why not. */
  Availability probe();

  /**
   * Opens a device.
   *
   * @throws BackendException if it cannot be opened; the message has cause and remedy
   */
  Backend open(BackendOptions options);

  /** How the kernel suite runs this backend: on its device, under its checkers. */
  default List<Lane> lanes() {
    return List.of(Lane.of(name()));
  }

  /**
   * Which device each rank of a group inside this process gets.
   *
   * @param chosen device names separated by commas, one for all, or empty for the backend's choice
   * @throws BackendException if their number is neither one nor {@code ranks}
   */
  default List<String> devices(String chosen, int ranks) {
    List<String> given = List.of(chosen.strip().split("\\s*,\\s*"));
    if (given.size() != 1 && given.size() != ranks) {
      throw new BackendException(
          given.size() + " devices are given for " + ranks + " ranks; give one for each");
    }
    return given.size() == ranks ? given : Collections.nCopies(ranks, given.getFirst());
  }

  /**
   * Whether ranks that share a host had better be threads of one process: where devices reach each
   * other's memory within a process only.
   */
  default boolean ranksShareProcess() {
    return false;
  }

  /**
   * What a probe found.
   *
   * @param usable whether {@link #open} can be expected to work
   * @param accelerator whether it is a GPU: {@code auto} passes over CPU devices of OpenCL and
   *     TornadoVM
   * @param description the devices, or what is missing
   * @param remedy what to do about it; empty when usable
   */
  record Availability(boolean usable, boolean accelerator, String description, String remedy) {}
}
