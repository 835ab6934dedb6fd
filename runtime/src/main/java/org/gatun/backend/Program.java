package org.gatun.backend;

import java.lang.foreign.MemorySegment;
import java.util.List;
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

  @Override
  void close();

  /** Bytes on the device. */
  record Memory(long weights, long kv, long activations) {}

  /**
   * Sums over the runs since the last report: nanoseconds, bytes moved at least, floating-point
   * operations.
   */
  record OpProfile(String label, String op, long calls, long nanos, double bytes, double flops) {}
}
