package org.gatun.tornado;

import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.BackendProvider;

/**
 * Offers the TornadoVM kernels as plain Java under the name {@code tornado-java}: slow, for tests;
 * {@code auto} never picks it.
 */
public final class PlainBackendProvider implements BackendProvider {
  @Override
  public String name() {
    return "tornado-java";
  }

  @Override
  public int order() {
    return -1;
  }

  @Override
  public Availability probe() {
    return new Availability(true, false, "TornadoVM's kernels as plain Java (slow, for tests)", "");
  }

  @Override
  public Backend open(BackendOptions options) {
    return new TornadoBackend(name(), new PlainExecutor(1));
  }
}
