package org.gatun.graph.spec;

import java.util.List;
import java.util.Map;
import org.gatun.attention.KvCodec;
import org.gatun.attention.PrefixData;
import org.gatun.attention.PrefixThresholds;
import org.gatun.backend.Backend;
import org.gatun.graph.Graph;
import org.gatun.graph.Mask;
import org.gatun.graph.Node;
import org.gatun.graph.Sampling;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.tensor.WeightSource;

/**
 * One test: a small graph, its weights, and the steps to run. The float64 reference runs the same
 * steps.
 *
 * @param id op, format and shape, unique and readable: it selects the case on the command line
 * @param seed of the random content
 * @param graph usually one node; KV tests append first
 * @param weights random weights in the format under test
 * @param limits of the steps
 * @param kvCodec how KV elements are stored
 * @param prefixes clustered prefixes that sequences of the script begin with
 * @param script steps and KV edits, in order
 * @param tolerance for a backend that computes in f32
 * @param narrowing what backends may round its operands to
 */
public record OpCase(
    String id,
    long seed,
    Graph graph,
    WeightSource weights,
    StepLimits limits,
    KvCodec kvCodec,
    List<PrefixData> prefixes,
    List<Action> script,
    Tolerance tolerance,
    Narrowing narrowing) {

  /** What a backend that computes so may be off by. */
  public Tolerance tolerance(Backend.Numerics numerics) {
    return narrowing.widen(tolerance, numerics);
  }

  /**
   * Elements of all weights and of the inputs of all runs: what "smaller" means when a failure is
   * shrunk.
   */
  public long size() {
    long elements = 0;
    for (Node n : graph.nodes()) {
      for (Value v : n.in()) {
        elements += v.isWeight() ? v.rows().at(0, 0) * v.cols() : 0;
      }
    }
    for (Action a : script) {
      if (a instanceof Run r) {
        elements += r.inputs().values().stream().mapToLong(x -> x.length).sum();
        elements += r.sequences().stream().mapToLong(x -> x.tokens().length).sum();
      }
    }
    return elements;
  }

  /** One entry of a script. Sequences are named; a name appears on first use. */
  public sealed interface Action {}

  /** Runs a step and compares every output. */
  public record Run(List<Rows> sequences, Map<String, float[]> inputs) implements Action {}

  /** {@code to} becomes a fork of {@code from}. */
  public record Fork(String from, String to) implements Action {}

  /** Drops slots from {@code length} on. */
  public record Truncate(String sequence, int length) implements Action {}

  /** Keeps {@code base} slots and the given ones behind them. */
  public record Compact(String sequence, int base, int[] keep) implements Action {}

  /** Releases the sequence's pages. */
  public record Release(String sequence) implements Action {}

  /** The sequence, new, begins with prefix {@code prefix} of the case. */
  public record Attach(String sequence, int prefix, PrefixThresholds thresholds)
      implements Action {}

  /** From now on the sequence's clusters must exceed these. */
  public record Thresholds(String sequence, PrefixThresholds thresholds) implements Action {}

  /**
   * The rows a step adds to one sequence.
   *
   * @param sequence its name
   * @param tokens an id per row
   * @param positions a position per row; null continues from the last
   * @param mask what the rows see of one another
   * @param want rows whose logits are wanted
   * @param sampling how to draw from each wanted row
   */
  public record Rows(
      String sequence,
      int[] tokens,
      int @org.jspecify.annotations.Nullable [] positions,
      Mask mask,
      int[] want,
      Sampling sampling) {
    /** Causal rows at the next positions, logits of the last. */
    public static Rows next(String sequence, int... tokens) {
      return new Rows(
          sequence, tokens, null, Mask.CAUSAL, new int[] {tokens.length - 1}, Sampling.GREEDY);
    }
  }
}
