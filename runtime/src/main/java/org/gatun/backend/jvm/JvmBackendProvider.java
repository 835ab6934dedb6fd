package org.gatun.backend.jvm;

import org.gatun.backend.Backend;
import org.gatun.backend.BackendException;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.BackendProvider;

/**
 * Offers the CPU under the name {@code jvm}: the last resort of {@code auto}, and never missing.
 */
public final class JvmBackendProvider implements BackendProvider {
  @Override
  public String name() {
    return "jvm";
  }

  @Override
  public int order() {
    return 100;
  }

  @Override
  public Availability probe() {
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
      return new Availability(
          false,
          false,
          "the Vector API is switched off",
          "start java with --add-modules jdk.incubator.vector, as bin/gatun does");
    }
    return new Availability(true, false, describe(Runtime.getRuntime().availableProcessors()), "");
  }

  @Override
  public Backend open(BackendOptions options) {
    Availability a = probe();
    if (!a.usable()) {
      throw new BackendException(a.description() + "; " + a.remedy());
    }
    int threads =
        options.threads() > 0 ? options.threads() : Runtime.getRuntime().availableProcessors();
    return new JvmBackend(threads);
  }

  static String describe(int threads) {
    return "CPU, "
        + threads
        + (threads == 1 ? " thread" : " threads")
        + ", "
        + Lanes.BITS
        + "-bit vectors";
  }
}
