package org.gatun.tornado;

import org.gatun.backend.BackendProvider.Availability;

/**
 * The part that sees TornadoVM; found by {@link java.util.ServiceLoader} where it was built, which
 * takes an SDK.
 */
public interface DeviceProvider {
  /** What TornadoVM offers here. Never throws. */
  Availability probe();

  /**
   * Opens a device.
   *
   * @param device {@code ""} for the best, {@code 1} by number, {@code gpu:0} or {@code cpu:0}
   *     among that kind
   * @throws org.gatun.backend.BackendException if it cannot be opened
   */
  Executor open(String device);
}
