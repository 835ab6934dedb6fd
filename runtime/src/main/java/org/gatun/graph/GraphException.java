package org.gatun.graph;

/**
 * A graph that cannot be built or compiled: the message names the op, the shapes and what would be
 * right.
 */
public final class GraphException extends RuntimeException {
  /** An error with this one-line cause. */
  public GraphException(String message) {
    super(message);
  }
}
