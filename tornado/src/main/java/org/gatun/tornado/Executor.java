package org.gatun.tornado;

import java.util.List;

/** Something that runs kernels: plain Java, or a TornadoVM device. */
public interface Executor extends AutoCloseable {
  /** What it is, for people. */
  String device();

  /** Lanes of a group that share local memory: 1 on CPUs. */
  int lanes();

  /** How many groups keep the device busy. */
  int workers();

  /** Bytes of its memory, or of the largest array it takes. */
  long memory();

  /**
   * Uploads the pools and prepares the segments.
   *
   * @param pools stay in use: {@code step}, {@code call} and {@code staging} by both sides
   * @param segments the kernels of each segment, in order
   */
  Plan prepare(Pools pools, List<List<Kernel>> segments);

  @Override
  void close();

  /** Prepared work. Calls return when the device is done. */
  interface Plan extends AutoCloseable {
    /** Takes over {@code step}. */
    void load();

    /**
     * Runs a segment.
     *
     * @param first its first launch in the table
     * @param sizes groups or work-items of each of its launches
     */
    void run(int segment, int first, int[] sizes);

    /** Copies floats of the pool to the head of {@code staging}. */
    void read(int at, int count);

    /** Copies the head of {@code staging} into the float pool. */
    void write(int at, int count);

    /** Fills floats of the pool with NaN. */
    void poison(int at, int count);

    /** Copies KV slots in all layers; {@code width} is the largest number of items per slot. */
    void copySlots(int from, int to, int count, int width);

    @Override
    void close();
  }
}
