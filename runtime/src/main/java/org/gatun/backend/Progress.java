package org.gatun.backend;

/** Told about long work: repacking, uploading, downloading. Called from the working thread. */
@FunctionalInterface
public interface Progress {
  /** Says nothing. */
  Progress NONE = (task, done, total) -> {};

  /** {@code done} of {@code total} (bytes, usually) of this task. */
  void report(String task, long done, long total);
}
