package org.gatun.backend;

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
