package org.gatun.graph.op;

import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.gatun.graph.Value;

/**
 * The largest logits of each row of one rank's part of the vocabulary, with their ids: logits [R,
 * n] to pairs [R, 2 × count] of (value, id), by rising id. Of equal values the lower ids are taken.
 * Ids travel as f32, which holds them exactly below 2^24.
 *
 * <p>Gathered over ranks in rank order the pairs are in order of ids again, so whatever is drawn
 * from the {@code count} most likely tokens is drawn from them as from all logits.
 *
 * @param count pairs per row
 * @param first id of the first column
 */
public record Candidates(int count, int first) implements Op {
  /** Ids from here on are no longer exact in f32. */
  public static final int ID_LIMIT = 1 << 24;

  @Override
  public String name() {
    return "candidates";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(in.size() == 1, this, in, "logits");
    int cols = in.getFirst().cols();
    Op.require(count > 0 && count <= cols, this, in, "as many columns as candidates");
    Op.require(first >= 0 && first + (long) cols <= ID_LIMIT, this, in, "ids below 2^24");
    return Op.f32(in.getFirst().rows(), 2 * count);
  }

  @Override
  public void reference(RefFrame f) {
    int cols = f.cols(0);
    for (int l = 0; l < f.rows(0); l++) {
      int at = l * cols;
      int[] largest =
          IntStream.range(0, cols)
              .boxed()
              .sorted(Comparator.<Integer>comparingDouble(i -> -f.in(0)[at + i]))
              .limit(count)
              .mapToInt(i -> i)
              .sorted()
              .toArray();
      for (int i = 0; i < count; i++) {
        f.out(0)[2 * (l * count + i)] = f.in(0)[at + largest[i]];
        f.out(0)[2 * (l * count + i) + 1] = (double) first + largest[i];
      }
    }
  }
}
