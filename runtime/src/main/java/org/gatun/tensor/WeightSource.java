package org.gatun.tensor;

/**
 * Where a program finds its weights: a model file, or a view over one (a shard, a merged adapter).
 */
public interface WeightSource {
  /**
   * The weight of this name.
   *
   * @throws IllegalArgumentException if there is none
   */
  Tensor weight(String name);

  /** True if there is a weight of this name. */
  boolean has(String name);

  /**
   * Identifies the content: equal keys mean equal bytes. Used to name repacked copies on disk; may
   * be empty.
   */
  String key();

  /**
   * Names the content alone: a copy of the files, or files that were touched, have the same name.
   * For what outlives the files' place and time, such as a prefix file.
   */
  default String content() {
    return key();
  }
}
