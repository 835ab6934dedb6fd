package org.gatun.backend.jvm;

import org.gatun.graph.Step;

/** A node made ready to run: addresses, weights and tables are bound; a run allocates nothing. */
interface Exec {
  /** Computes the node's results for this step. */
  void run(Step step);
}
