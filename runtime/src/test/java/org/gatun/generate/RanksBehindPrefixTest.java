package org.gatun.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.PrefixLimits;
import org.gatun.generate.golden.GoldenFiles;
import org.gatun.generate.golden.RanksBehindPrefix;
import org.gatun.generate.golden.RanksLogits;
import org.gatun.generate.golden.RanksText;
import org.gatun.model.SpeedModel;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.Communicators;
import org.gatun.parallel.GroupSpec;
import org.gatun.prefix.PrefixFormatException;
import org.gatun.prefix.StoredPrefix;
import org.gatun.store.ModelStore;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** JVM ranks behind a prefix that one rank built say what one rank says. */
class RanksBehindPrefixTest {
  private static void check(Path model, int document, double sparsity, int tokens, int... ranks) {
    assertThat(RanksBehindPrefix.of("jvm", model, document, sparsity, tokens, ranks))
        .hasSameSizeAs(ranks)
        .allMatch(RanksLogits.Difference::holds);
  }

  private static Path tiny(String family) {
    return new RanksText.Case(family, 1).model();
  }

  @Test
  void ranksPruneAsOneRankDoes() {
    check(tiny("llama"), 190, 0.5, 6, 2);
    // So many keys are left out that the logits show it.
    assertThat(RanksBehindPrefix.cost(tiny("llama"), 190, 0.9)).isGreaterThan(0.01);
    check(tiny("llama"), 190, 0.9, 6, 2);
  }

  /** Two KV heads over four ranks, one over two. */
  @Test
  void ranksThatShareKvHeadsReadAllKeys() {
    check(tiny("llama"), 190, 0, 6, 2, 4);
    check(tiny("gemma3"), 190, 0, 6, 2);
  }

  @Test
  void ranksThatShareKvHeadsDoNotPrune() {
    assertThatThrownBy(() -> check(tiny("llama"), 190, 0.5, 6, 4))
        .isInstanceOf(PrefixFormatException.class)
        .hasMessage(
            "4 ranks cannot prune a prefix of a model with 2 KV heads per layer: ranks that share"
                + " one would choose clusters apart from each other; use at most 2 ranks or"
                + " --attention dense");
  }

  @Test
  void anotherPrefixOnOneRankIsRefusedByAll() throws Exception {
    String job = UUID.randomUUID().toString();
    try (Arena arena = Arena.ofShared();
        ExecutorService pool = Executors.newFixedThreadPool(2)) {
      StoredPrefix p = RanksBehindPrefix.build(tiny("llama"), 190, arena);
      int[] ids = p.tokens().clone();
      ids[17]++;
      StoredPrefix other =
          new StoredPrefix(
              p.modelKey(), p.family(), ids, p.data(), p.tail(), p.quantiles(), p.observed());
      List<Future<Throwable>> ends = new ArrayList<>();
      for (int r = 0; r < 2; r++) {
        int rank = r;
        EngineOptions options =
            EngineOptions.of(tiny("llama"))
                .withBackend("jvm", "", 1)
                .withContext(256, 1)
                .withAttention(new AttentionPlan.Squeezed(2), PrefixLimits.of(p.data()))
                .withGroup(id -> Communicators.open("threads", GroupSpec.of(rank, 2, job, id)));
        ends.add(
            pool.submit(
                () -> {
                  try (Engine e = Engine.load(options)) {
                    return catchThrowable(() -> e.prefix(rank == 0 ? p : other));
                  }
                }));
      }
      for (Future<Throwable> end : ends) {
        assertThat(end.get())
            .isInstanceOf(CommunicatorException.class)
            .hasMessage("rank 1: has another prefix than rank 0; give all ranks the same file");
      }
    }
  }

  /** One KV head, and windows of 512 tokens that the tail must span. */
  @Test
  @Tag("slow")
  void realModel() {
    Path file = GoldenFiles.realModel().orElse(null);
    assumeTrue(file != null, "the default model is not here: run `gatun models pull`");
    check(file, 700, 0, 8, 2, 4);
  }

  @Test
  @Tag("slow")
  void speedModel() {
    Path file = SpeedModel.Q8_0.ensure(ModelStore.defaultHome(), (what, done, total) -> {});
    check(file, 200, 0.7, 6, 2, 4);
  }
}
