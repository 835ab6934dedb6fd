package org.gatun.backend;

/**
 * How to open a device.
 *
 * @param device backend-specific choice such as {@code 0} or {@code gpu:1}; empty for the best
 * @param threads compute threads of CPU backends; 0 for one per core
 */
public record BackendOptions(String device, int threads) {
  /** The best device, one thread per core. */
  public static final BackendOptions DEFAULT = new BackendOptions("", 0);
}
