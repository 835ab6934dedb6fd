package org.gatun.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class StopMatcherTest {
  private static String feed(StopMatcher m, String... pieces) {
    StringBuilder s = new StringBuilder();
    for (String p : pieces) {
      if (!m.stopped()) {
        s.append(m.accept(p));
      }
    }
    return s.append(m.finish()).toString();
  }

  @Test
  void aStopStringAcrossPiecesIsNeverShown() {
    StopMatcher m = new StopMatcher(List.of("END"));
    assertThat(m.accept("abcE")).isEqualTo("abc");
    assertThat(m.accept("N")).isEmpty();
    assertThat(m.accept("Dx")).isEmpty();
    assertThat(m.stopped()).isTrue();
    assertThat(m.finish()).isEmpty();
  }

  @Test
  void heldBackTextComesWhenItIsNoStop() {
    assertThat(feed(new StopMatcher(List.of("END")), "E", "N", "E", "ND?")).isEqualTo("EN");
    assertThat(feed(new StopMatcher(List.of("END")), "EN")).isEqualTo("EN");
    assertThat(feed(new StopMatcher(List.of("aab")), "a", "a", "a", "b")).isEqualTo("a");
  }

  @Test
  void theEarliestOfSeveralWins() {
    assertThat(feed(new StopMatcher(List.of("zz", "b")), "abzz")).isEqualTo("a");
  }
}
