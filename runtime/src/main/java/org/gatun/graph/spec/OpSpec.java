package org.gatun.graph.spec;

import java.util.List;

/**
 * A family of test cases for one op: the open half of an op's definition. Specs found by {@link
 * java.util.ServiceLoader} join the built-in ones, and every backend is held to all of them.
 */
public interface OpSpec {
  /** The op's name in reports and filters. */
  String name();

  /** Deterministic cases for this request: edge shapes first. */
  List<OpCase> cases(CaseRequest request);
}
