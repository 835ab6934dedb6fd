package org.gatun.generate.golden;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.attention.PrefixLimits;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.gatun.backend.Progress;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Prefix;
import org.gatun.generate.Session;
import org.gatun.model.Model;
import org.gatun.prefix.PrefixBuilder;
import org.gatun.prefix.PrefixOptions;
import org.gatun.prefix.StoredPrefix;

/**
 * {@link RanksLogits} behind a prefix that one rank of the JVM backend built, with a share of its
 * keys left out: ranks must choose the clusters that one rank chooses.
 */
public final class RanksBehindPrefix {
  private static final int[] QUESTION = {31, 47, 53, 20, 90};

  private RanksBehindPrefix() {}

  /**
   * A question to a document of {@code document} ids, {@code tokens} of answer: one rank of the
   * JVM, one of the backend, then the ranks.
   */
  public static List<RanksLogits.Difference> of(
      String backend, Path model, int document, double sparsity, int tokens, int... ranks) {
    try (Arena arena = Arena.ofShared()) {
      return new Question(model, build(model, document, arena), sparsity)
          .differences(backend, tokens, ranks);
    }
  }

  /** How far one rank's logits are from those of a prefix of which nothing is left out. */
  public static double cost(Path model, int document, double sparsity) {
    try (Arena arena = Arena.ofShared()) {
      StoredPrefix prefix = build(model, document, arena);
      return RanksLogits.cost(
          new Question(model, prefix, 0), new Question(model, prefix, sparsity));
    }
  }

  /** A prefix of that many ids in float32, clustered by one rank of the JVM backend. */
  public static StoredPrefix build(Path model, int document, Arena arena) {
    try (Model m = Model.open(model);
        Backend b = Backends.named("jvm").open(BackendOptions.DEFAULT)) {
      PrefixOptions options = new PrefixOptions(0.2, 0.05, 10, 1, KvCodec.F32);
      int[] ids = PlansText.document(document);
      return PrefixBuilder.build(m, b, ids, options, arena, Progress.NONE);
    }
  }

  private record Question(Path model, StoredPrefix prefix, double sparsity)
      implements RanksLogits.Asked {
    @Override
    public RanksLogits.Answer answer(String backend, int ranks, int tokens, List<Integer> forced) {
      EngineOptions options =
          EngineOptions.of(model)
              .withBackend(backend, "", 1)
              .withContext(1024, 1)
              .withChunk(64)
              .withKv(KvCodec.F32)
              .withAttention(new AttentionPlan.Squeezed(2), PrefixLimits.of(prefix.data()))
              .withThreadRanks(ranks);
      try (Engine e = Engine.load(options);
          Prefix document = e.prefix(prefix);
          Session s = e.session(document, sparsity)) {
        return RanksLogits.answer(s, prefix.tokens(), QUESTION, tokens, forced);
      }
    }
  }
}
