package org.gatun.backend;

import java.util.List;
import java.util.SortedMap;

/**
 * What a tool saw while kernels ran: findings of its checkers, and counters that are the same in
 * every run.
 *
 * @param tool name and versions of everything that the counters depend on; counters of different
 *     tools are not comparable. Empty where nothing watched
 * @param findings of the checkers
 * @param kernels counters per kernel, summed over its launches
 */
public record Evidence(String tool, List<Finding> findings, List<Counters> kernels) {
  /** Nobody watched. */
  public static final Evidence NONE = new Evidence("", List.of(), List.of());

  /**
   * One finding.
   *
   * @param id the checker's name for this kind of fault
   * @param error whether it fails the case
   * @param text kernel, place and cause in one line
   */
  public record Finding(String id, boolean error, String text) {}

  /**
   * Counters of one kernel. More is worse for each of them.
   *
   * @param kernel its name
   * @param values by counter; what is zero is absent
   */
  public record Counters(String kernel, SortedMap<String, Long> values) {}
}
