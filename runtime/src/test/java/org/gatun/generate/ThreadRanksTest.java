package org.gatun.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.gatun.generate.golden.RanksText;
import org.gatun.graph.GraphException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** JVM ranks that are threads of this process, and what they do when one fails. */
class ThreadRanksTest {
  private static final int TOKENS = 12;

  @ParameterizedTest
  @MethodSource("org.gatun.generate.golden.RanksText#families")
  void greedyTextIsThatOfOneRank(RanksText.Case c) {
    assertThat(RanksText.greedy("jvm", c.model(), c.ranks(), TOKENS))
        .isEqualTo(RanksText.greedy("jvm", c.model(), 1, TOKENS))
        .hasSize(TOKENS);
  }

  @Test
  void headsThatDoNotDivideAreRefused() {
    RanksText.Case c = new RanksText.Case("qwen2", 4);
    assertThatThrownBy(() -> RanksText.greedy("jvm", c.model(), c.ranks(), TOKENS))
        .isInstanceOf(GraphException.class)
        .hasMessageContaining("4 ranks");
  }

  @Test
  void aSessionThatForksAndGoesBackIsTheSameOnAllRanks() {
    RanksText.Case c = new RanksText.Case("llama", 2);
    assertThat(branches(c, 2)).isEqualTo(branches(c, 1));
  }

  private static List<String> branches(RanksText.Case c, int ranks) {
    Request greedy = Request.greedy(6);
    EngineOptions options =
        EngineOptions.of(c.model())
            .withBackend("jvm", "", 1)
            .withContext(64, 2)
            .withThreadRanks(ranks);
    try (Engine e = Engine.load(options);
        Session one = e.session();
        Session two = e.session()) {
      String first = one.generate("A", greedy, piece -> {}).text();
      String other = two.generate("B", greedy, piece -> {}).text();
      return List.of(first, other, one.generate("C", greedy, piece -> {}).text());
    }
  }

  @Test
  void theFirstFailingRanksCauseIsTold() {
    AtomicInteger opened = new AtomicInteger();
    assertThatThrownBy(
            () ->
                new ThreadRanks(
                    3,
                    line -> {},
                    group -> {
                      opened.incrementAndGet();
                      if (group.rank() == 2) {
                        throw new GenerationException("rank 2 has no memory");
                      }
                      group.barrier();
                      throw new IllegalStateException("the barrier held");
                    }))
        .isInstanceOf(GenerationException.class)
        .hasMessage("rank 2 has no memory");
    assertThat(opened).hasValue(3);
  }
}
