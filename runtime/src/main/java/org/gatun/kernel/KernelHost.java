package org.gatun.kernel;

import java.util.List;
import java.util.ServiceLoader;
import org.gatun.backend.BackendException;
import org.gatun.backend.Witness;
import org.gatun.backend.suite.Lane;
import org.jspecify.annotations.Nullable;

/** Compiles and launches kernels from source files; {@link ServiceLoader} finds it. */
public interface KernelHost {
  /** The backend's name. */
  String name();

  /** Whether this host runs files of this name. */
  boolean takes(String fileName);

  /** On which devices, under which checkers. */
  List<Lane> lanes();

  /**
   * Opens a device.
   *
   * @throws BackendException with cause and remedy if there is none
   */
  Device open();

  /** All hosts. */
  static List<KernelHost> all() {
    return ServiceLoader.load(KernelHost.class).stream().map(ServiceLoader.Provider::get).toList();
  }

  /** An open device. */
  interface Device extends AutoCloseable {
    /**
     * Compiles the case's kernel (once per source and options), launches it, and returns the
     * output.
     *
     * @throws BackendException if it does not compile, launch or end; the message has the
     *     compiler's first error
     */
    float[] run(KernelCase c);

    /** Who watches; null on hardware. */
    @Nullable Witness witness();

    @Override
    void close();
  }
}
