package org.gatun.backend;

import java.nio.file.Path;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvStore;
import org.gatun.attention.PrefixLimits;
import org.gatun.graph.StepLimits;
import org.gatun.parallel.Communicator;
import org.jspecify.annotations.Nullable;

/**
 * What a program is compiled for.
 *
 * @param limits the most that one step holds
 * @param kvPages pages in the KV pool
 * @param kvCodec how KV elements are stored
 * @param cacheDir where repacked weights and compiled kernels may be kept; null keeps nothing
 * @param profile whether to measure each op
 * @param poison fill activations and outputs with NaN before each run, so that what a kernel did
 *     not write shows (tests)
 * @param progress told about long work
 * @param prefixes room for clustered prefixes
 * @param communicator this rank's end of its group, for the collectives of a sharded graph; null
 *     for one rank
 */
public record CompileOptions(
    StepLimits limits,
    int kvPages,
    KvCodec kvCodec,
    @Nullable Path cacheDir,
    boolean profile,
    boolean poison,
    Progress progress,
    PrefixLimits prefixes,
    @Nullable Communicator communicator) {

  /** A single rank. */
  public CompileOptions(
      StepLimits limits,
      int kvPages,
      KvCodec kvCodec,
      @Nullable Path cacheDir,
      boolean profile,
      boolean poison,
      Progress progress) {
    this(limits, kvPages, kvCodec, cacheDir, profile, poison, progress, PrefixLimits.NONE, null);
  }

  /** F32 KV, no cache directory, no profile: what tests use. */
  public static CompileOptions of(StepLimits limits) {
    return new CompileOptions(
        limits, limits.pages(), KvCodec.F32, null, false, false, Progress.NONE);
  }

  /** The same with another KV codec. */
  public CompileOptions withKv(KvCodec codec) {
    return new CompileOptions(
        limits, kvPages, codec, cacheDir, profile, poison, progress, prefixes, communicator);
  }

  /** The same with poisoned buffers. */
  public CompileOptions withPoison() {
    return new CompileOptions(
        limits, kvPages, kvCodec, cacheDir, profile, true, progress, prefixes, communicator);
  }

  /** The same as a rank of this group. */
  public CompileOptions withCommunicator(Communicator group) {
    return new CompileOptions(
        limits, kvPages, kvCodec, cacheDir, profile, poison, progress, prefixes, group);
  }

  /** The same with room for prefixes. */
  public CompileOptions withPrefixes(PrefixLimits room) {
    return new CompileOptions(
        limits, kvPages, kvCodec, cacheDir, profile, poison, progress, room, communicator);
  }

  /** KV slots in the pool. */
  public long kvSlots() {
    return kvPages * (long) KvStore.PAGE_SLOTS;
  }
}
