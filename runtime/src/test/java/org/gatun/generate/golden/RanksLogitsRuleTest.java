package org.gatun.generate.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.gatun.generate.golden.RanksLogits.Answer;
import org.gatun.generate.golden.RanksLogits.Difference;
import org.junit.jupiter.api.Test;

/** What the rule lets pass and what it does not: one token read, one id drawn. */
class RanksLogitsRuleTest {
  private static Answer answer(int id, float... first) {
    return new Answer(List.of(first, new float[] {1, 2, 3, 4}), List.of(id));
  }

  private final Answer exact = answer(0, 4, 3.99f, -2, -5);

  /** Off by up to 0.02, as a backend with 8-bit activations may be. */
  private final Answer one = answer(0, 4.01f, 3.98f, -2, -5);

  private Difference of(Answer part) {
    return RanksLogits.compare(2, exact, one, part);
  }

  @Test
  void asFarAsOneRankIsNearEnough() {
    assertThat(of(answer(0, 3.99f, 3.98f, -2, -5)).holds()).isTrue();
    assertThat(of(answer(0, 4, 3.99f, -2, -5.1f)).holds()).isFalse();
    assertThat(of(answer(0, Float.NaN, 3.99f, -2, -5)).holds()).isFalse();
  }

  @Test
  void anotherIdNeedsACloseRace() {
    Difference close = of(answer(1, 3.98f, 3.99f, -2, -5));
    assertThat(close.wrong()).isEmpty();
    assertThat(close.excused()).hasSize(1);
    assertThat(of(answer(2, 4, 3.99f, -2, -5)).wrong()).hasSize(1);
  }
}
