package org.gatun.tornado;

import java.util.ServiceLoader;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendException;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.BackendProvider;
import org.jspecify.annotations.Nullable;

/**
 * Offers TornadoVM's devices under the name {@code tornado}; {@code auto} takes a GPU and passes
 * over CPUs.
 */
public final class TornadoBackendProvider implements BackendProvider {
  private static final Availability NOT_BUILT =
      new Availability(
          false,
          false,
          "built without TornadoVM",
          "set TORNADOVM_HOME to a TornadoVM SDK for JDK 25 and start again; docs/tornado.md says how"
              + " to get one");

  @Override
  public String name() {
    return "tornado";
  }

  @Override
  public int order() {
    return 30;
  }

  private static @Nullable DeviceProvider device() {
    return ServiceLoader.load(DeviceProvider.class).findFirst().orElse(null);
  }

  @Override
  public Availability probe() {
    DeviceProvider d = device();
    return d == null ? NOT_BUILT : d.probe();
  }

  @Override
  public Backend open(BackendOptions options) {
    DeviceProvider d = device();
    Availability a = probe();
    if (d == null || !a.usable()) {
      throw new BackendException(a.description() + "; " + a.remedy());
    }
    return new TornadoBackend(name(), d.open(options.device()));
  }
}
