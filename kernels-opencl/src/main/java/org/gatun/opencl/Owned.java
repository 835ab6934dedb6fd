package org.gatun.opencl;

import java.util.ArrayList;
import java.util.List;

/** Things that are closed together, the last first, each of them whatever the others do. */
final class Owned implements AutoCloseable {
  private final List<AutoCloseable> things = new ArrayList<>();

  /** Takes a thing; returns it. */
  <T extends AutoCloseable> T add(T thing) {
    things.add(thing);
    return thing;
  }

  /** Closes all, then throws what the first failure was. */
  @Override
  public void close() {
    RuntimeException first = null;
    for (AutoCloseable t : things.reversed()) {
      try {
        t.close();
      } catch (Exception e) {
        RuntimeException r = e instanceof RuntimeException x ? x : new IllegalStateException(e);
        if (first == null) {
          first = r;
        } else {
          first.addSuppressed(r);
        }
      }
    }
    things.clear();
    if (first != null) {
      throw first;
    }
  }
}
