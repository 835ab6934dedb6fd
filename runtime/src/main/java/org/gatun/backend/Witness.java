package org.gatun.backend;

/**
 * Watches a device that can be watched (the virtual GPU, Oclgrind). One thread runs kernels between
 * {@link #begin} and {@link #end}.
 */
public interface Witness {
  /** Forgets what was seen. */
  void begin();

  /** What was seen since {@link #begin}. */
  Evidence end();
}
