package org.gatun.backend;

import java.nio.file.Path;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvStore;
import org.gatun.graph.StepLimits;
import org.jspecify.annotations.Nullable;

/**
 * What a program is compiled for.
 *
 * @param limits the most that one step holds
 * @param kvPages pages in the KV pool
 * @param kvCodec how KV elements are stored
 * @param cacheDir where repacked weights and compiled kernels may be kept; null keeps nothing
 * @param profile whether to measure each op
 * @param poison fill activations and outputs with NaN before each run, so that what a kernel did not write shows (tests)
 * @param progress told about long work
 */
public record CompileOptions(
    StepLimits limits,
    int kvPages,
    KvCodec kvCodec,
    @Nullable Path cacheDir,
    boolean profile,
    boolean poison,
    Progress progress) {

  /** F32 KV, no cache directory, no profile: what tests use. */
  public static CompileOptions of(StepLimits limits) {
    return new CompileOptions(limits, limits.pages(), KvCodec.F32, null, false, false, Progress.NONE);
  }

  /** The same with another KV codec. */
  public CompileOptions withKv(KvCodec codec) {
    return new CompileOptions(limits, kvPages, codec, cacheDir, profile, poison, progress);
  }

  /** The same with poisoned buffers. */
  public CompileOptions withPoison() {
    return new CompileOptions(limits, kvPages, kvCodec, cacheDir, profile, true, progress);
  }

  /** KV slots in the pool. */
  public long kvSlots() {
    return kvPages * (long) KvStore.PAGE_SLOTS;
  }
}
