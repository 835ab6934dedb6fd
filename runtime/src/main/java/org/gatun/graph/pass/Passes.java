package org.gatun.graph.pass;

import org.gatun.graph.Graph;

/** What every graph goes through before a backend compiles it. */
public final class Passes {
  private Passes() {}

  /** Gathers wanted rows early, then fuses. */
  public static Graph optimize(Graph g) {
    return Fusion.apply(EarlyGather.apply(g));
  }
}
