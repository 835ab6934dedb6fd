package org.gatun.backend;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.gatun.attention.KvCache;
import org.gatun.graph.Step;

/**
 * A compiled graph with its weights and KV pages on one device. One thread submits at a time;
 * {@link #close} waits for a running step.
 */
public interface Program extends AutoCloseable {
  /** The KV pages of this program's device. */
  KvCache kv();

  /** An empty step with this program's limits; reuse it. */
  Step newStep();

  /**
   * Sets a graph input for the following runs: rows of F32 (or I32), row-major, copied before this
   * returns.
   *
   * @throws IllegalArgumentException if there is no such input or the size does not fit
   */
  void input(String name, MemorySegment rows);

  /**
   * Runs the step to its end. The KV entries it wrote count only after {@link Step#commit}, which
   * the caller does.
   *
   * @throws BackendException if the device fails; the program is then closed for further steps
   */
  void run(Step step);

  /**
   * An output of the last run: row-major F32 or I32, valid until the next run. Devices copy it to
   * the host on this call.
   */
  MemorySegment output(String name);

  /** Device memory in use: weights, KV pages, activations. */
  Memory memory();

  /**
   * What each op took since the last call, if the program was compiled with a profile; else empty.
   */
  List<OpProfile> profile();

  /** What the device reads and computes at most, measured now; empty if nobody can tell. */
  default Optional<Roofline> roofline() {
    return Optional.empty();
  }

  @Override
  void close();

  /** Bytes on the device. */
  record Memory(long weights, long kv, long activations) {}

  /** Gigabytes read from memory and billions of floating-point operations, per second. */
  record Roofline(double gigabytes, double gigaflops) {}

  /**
   * Sums over the runs since the last report: nanoseconds, bytes moved at least, floating-point
   * operations.
   */
  record OpProfile(String label, String op, long calls, long nanos, double bytes, double flops) {}
}
