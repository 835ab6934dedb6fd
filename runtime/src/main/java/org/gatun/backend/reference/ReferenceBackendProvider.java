package org.gatun.backend.reference;

import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.BackendProvider;

/** Offers the float64 interpreter under the name {@code reference}; {@code auto} never picks it. */
public final class ReferenceBackendProvider implements BackendProvider {
  @Override
  public String name() {
    return "reference";
  }

  @Override
  public int order() {
    return -1;
  }

  @Override
  public Availability probe() {
    return new Availability(true, false, "float64 definitions of all ops (slow)", "");
  }

  @Override
  public Backend open(BackendOptions options) {
    return new ReferenceBackend();
  }
}
