package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
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
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Attention plans in a whole model on the device: a prefix clustered from the device's own pages,
 * sessions behind it, and block top-k; each against dense attention and against the JVM backend.
 */
class PlansOnAModelTest {
  private static final Path MODEL =
      Path.of("../runtime/src/test/resources/goldens/tiny/llama/model.gguf");
  private static final Request GREEDY = new Request(6, 0, 0, 1, 0, 1, 0, List.of(), true);
  private static final int[] QUESTION = {31, 47, 53};

  @BeforeEach
  void device() {
    Gpu.require();
  }

  private static int[] document() {
    int[] ids = new int[190];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = 20 + i * i * 7 % 211;
    }
    return ids;
  }

  private static EngineOptions options(String backend) {
    return EngineOptions.of(MODEL)
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

  private static int[] dense(EngineOptions options) {
    try (Engine e = Engine.load(options);
        Session s = e.session()) {
      return ask(s);
    }
  }

  private static int[] behind(String backend, StoredPrefix p, double sparsity) {
    EngineOptions o =
        options(backend).withAttention(new AttentionPlan.Squeezed(2), PrefixLimits.of(p.data()));
    try (Engine e = Engine.load(o);
        Prefix doc = e.prefix(p);
        Session s = e.session(doc, sparsity)) {
      return ask(s);
    }
  }

  @Test
  void aPrefixFromTheDevicesPagesAnswersAsTheDocumentDoes() {
    try (Arena arena = Arena.ofShared();
        Model m = Model.open(MODEL);
        Backend b = Backends.named("cuda").open(BackendOptions.DEFAULT)) {
      StoredPrefix p =
          PrefixBuilder.build(
              m,
              b,
              document(),
              new PrefixOptions(0.2, 0.05, 10, 1, KvCodec.F32),
              arena,
              Progress.NONE);
      assertThat(behind("cuda", p, 0)).isEqualTo(dense(options("cuda")));
      assertThat(behind("cuda", p, 0.5)).isEqualTo(behind("jvm", p, 0.5));
    }
  }

  @Test
  void blockTopKWithRoomForAllIsDense() {
    AttentionPlan all = new AttentionPlan.BlockTopK(8, 1, 2);
    assertThat(dense(options("cuda").withAttention(all, PrefixLimits.NONE)))
        .isEqualTo(dense(options("cuda")));
  }
}
