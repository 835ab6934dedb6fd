package org.gatun.store;

import java.io.IOException;

/** A model that cannot be found, fetched or removed. The message is one line: cause and remedy. */
public final class StoreException extends IOException {
  private static final long serialVersionUID = 1L;

  public StoreException(String message) {
    super(message);
  }

  public StoreException(String message, Throwable cause) {
    super(message, cause);
  }
}
