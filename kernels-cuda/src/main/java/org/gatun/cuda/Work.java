package org.gatun.cuda;

import org.gatun.graph.Node;

/**
 * One node's share of a step.
 *
 * @param node what it computes
 * @param host whether it needs the host in the middle of a step (collectives of several ranks):
 *     such a program is not captured
 * @param body queues the kernels
 */
record Work(Node node, boolean host, Body body) {
  /** Queues kernels for a step of this shape; allocates nothing. */
  @FunctionalInterface
  interface Body {
    void launch(Shape shape);
  }
}
