package org.gatun.generate.golden;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.attention.PrefixLimits;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.gatun.backend.Progress;
import org.gatun.generate.CancelToken;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Prefix;
import org.gatun.generate.Request;
import org.gatun.generate.Session;
import org.gatun.model.Model;
import org.gatun.prefix.PrefixBuilder;
import org.gatun.prefix.PrefixOptions;
import org.gatun.prefix.StoredPrefix;

/** Greedy ids of the tiny llama under attention plans: every backend's test compares them. */
public final class PlansText {
  private static final Request GREEDY = new Request(6, 0, 0, 1, 0, 1, 0, List.of(), true);
  private static final int[] QUESTION = {31, 47, 53};

  private PlansText() {}

  private static Path model() {
    return GoldenFiles.tiny("llama").folder().resolve("model.gguf");
  }

  /** A document's ids, of any model. */
  static int[] document(int count) {
    int[] ids = new int[count];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = 20 + i * i * 7 % 211;
    }
    return ids;
  }

  private static int[] document() {
    return document(190);
  }

  private static EngineOptions options(String backend) {
    return EngineOptions.of(model())
        .withBackend(backend, "", 0)
        .withContext(256, 1)
        .withKv(KvCodec.F32);
  }

  private static int[] ask(Session s) {
    int[] document = document();
    int[] all = Arrays.copyOf(document, document.length + QUESTION.length);
    System.arraycopy(QUESTION, 0, all, document.length, QUESTION.length);
    return s.generate(all, GREEDY, x -> {}, new CancelToken()).tokens();
  }

  private static int[] answer(EngineOptions options) {
    try (Engine e = Engine.load(options);
        Session s = e.session()) {
      return ask(s);
    }
  }

  /** The answer when every key is read. */
  public static int[] dense(String backend) {
    return answer(options(backend));
  }

  /** The answer with block top-k that reads this many pages. */
  public static int[] blockTopK(String backend, int blocks) {
    AttentionPlan plan = new AttentionPlan.BlockTopK(blocks, 1, 2);
    return answer(options(backend).withAttention(plan, PrefixLimits.NONE));
  }

  /** The answer behind a stored prefix, of which this share is left out. */
  public static int[] behind(String backend, StoredPrefix p, double sparsity) {
    EngineOptions o =
        options(backend).withAttention(new AttentionPlan.Squeezed(2), PrefixLimits.of(p.data()));
    try (Engine e = Engine.load(o);
        Prefix doc = e.prefix(p);
        Session s = e.session(doc, sparsity)) {
      return ask(s);
    }
  }

  /** Hands over the document as a prefix that is clustered from the device's own pages. */
  public static void withPrefix(String backend, Consumer<StoredPrefix> use) {
    try (Arena arena = Arena.ofShared();
        Model m = Model.open(model());
        Backend b = Backends.named(backend).open(BackendOptions.DEFAULT)) {
      PrefixOptions options = new PrefixOptions(0.2, 0.05, 10, 1, KvCodec.F32);
      use.accept(PrefixBuilder.build(m, b, document(), options, arena, Progress.NONE));
    }
  }
}
