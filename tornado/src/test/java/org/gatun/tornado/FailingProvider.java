package org.gatun.tornado;

import org.gatun.backend.Backend;
import org.gatun.backend.BackendException;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.BackendProvider;

/** A GPU that looks usable and fails when a model is loaded: only while a test asks for it. */
public final class FailingProvider implements BackendProvider {
  static final String SWITCH = "gatun.test.failing";

  @Override
  public String name() {
    return "failing";
  }

  @Override
  public int order() {
    return 5;
  }

  @Override
  public Availability probe() {
    return Boolean.getBoolean(SWITCH)
        ? new Availability(true, true, "a GPU", "")
        : new Availability(false, true, "switched off", "");
  }

  @Override
  public Backend open(BackendOptions options) {
    throw new BackendException("the driver is gone; install it again");
  }
}
