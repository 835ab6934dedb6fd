package org.gatun.prefix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.ClusterScores;
import org.gatun.attention.KvCodec;
import org.gatun.attention.PrefixData;
import org.gatun.attention.PrefixLimits;
import org.gatun.attention.PrefixThresholds;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.gatun.backend.Progress;
import org.gatun.generate.CancelToken;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Generation;
import org.gatun.generate.Prefix;
import org.gatun.generate.Request;
import org.gatun.generate.Session;
import org.gatun.model.Model;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A document read once on a tiny random model: its file, and sessions that go on behind it. */
@Timeout(120)
class PrefixTest {
  private static final Request GREEDY = new Request(8, 0, 0, 1, 0, 1, 0, List.of(), true);

  @TempDir Path dir;

  private static Path model(String family) {
    try {
      return Path.of(
          PrefixTest.class.getResource("/goldens/tiny/" + family + "/model.gguf").toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static int[] document() {
    int[] ids = new int[190];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = 20 + i * i * 7 % 211;
    }
    return ids;
  }

  private static StoredPrefix build(KvCodec codec, double coarse, Arena arena) {
    try (Model m = Model.open(model("llama"));
        Backend b = Backends.named("jvm").open(new BackendOptions("", 2))) {
      PrefixOptions o = new PrefixOptions(0.2, coarse, 10, 1, codec);
      return PrefixBuilder.build(m, b, document(), o, arena, Progress.NONE);
    }
  }

  private static EngineOptions options(StoredPrefix p, int levels, KvCodec codec) {
    return options(model("llama"), p, levels, codec);
  }

  private static EngineOptions options(Path model, StoredPrefix p, int levels, KvCodec codec) {
    return EngineOptions.of(model)
        .withBackend("jvm", "", 2)
        .withContext(256, 2)
        .withKv(codec)
        .withAttention(new AttentionPlan.Squeezed(levels), PrefixLimits.of(p.data()));
  }

  private static Generation ask(Session s, int[] document, int... question) {
    int[] all = Arrays.copyOf(document, document.length + question.length);
    System.arraycopy(question, 0, all, document.length, question.length);
    return s.generate(all, GREEDY, x -> {}, new CancelToken());
  }

  @Test
  void keepingAllGivesWhatReadingTheDocumentGives() {
    try (Arena arena = Arena.ofShared()) {
      StoredPrefix p = build(KvCodec.F32, 0.05, arena);
      EngineOptions plain =
          EngineOptions.of(model("llama"))
              .withBackend("jvm", "", 2)
              .withContext(256, 1)
              .withKv(KvCodec.F32);
      int[] want;
      try (Engine e = Engine.load(plain);
          Session s = e.session()) {
        want = ask(s, document(), 31, 47, 53).tokens();
      }
      for (int levels = 1; levels <= 2; levels++) {
        try (Engine e = Engine.load(options(p, levels, KvCodec.F32));
            Prefix doc = e.prefix(p);
            Session s = e.session(doc, 0);
            Session other = e.session(doc, 0)) {
          Generation g = ask(s, document(), 31, 47, 53);
          assertThat(g.tokens()).isEqualTo(want);
          assertThat(g.promptTokens()).as("only the question was read").isEqualTo(3);
          // A second question, the same again in another session, and after a rewind.
          ask(s, document(), 90, 91);
          assertThat(ask(other, document(), 31, 47, 53).tokens()).isEqualTo(want);
          assertThat(ask(s, document(), 31, 47, 53).tokens()).isEqualTo(want);
          try (Session f = s.fork()) {
            assertThat(ask(f, document(), 31, 47, 53).tokens()).isEqualTo(want);
          }
        }
      }
    }
  }

  @Test
  void sessionsOutliveTheHandleAndShareIt() {
    try (Arena arena = Arena.ofShared()) {
      StoredPrefix p = build(KvCodec.F16, 0.05, arena);
      try (Engine e = Engine.load(options(p, 2, KvCodec.INT8))) {
        Prefix doc = e.prefix(p);
        Session s = e.session(doc, 0.5);
        doc.close();
        assertThat(ask(s, document(), 5, 6).tokens()).hasSize(8);
        assertThatThrownBy(() -> e.prefix(p)).hasMessageContaining("room for 1 prefixes");
        s.close();
        try (Prefix again = e.prefix(p)) {
          assertThat(again.tokens()).isEqualTo(document());
        }
        assertThatThrownBy(() -> ask(e.session(), new int[0])).hasMessageContaining("empty");
      }
    }
  }

  @Test
  void aPromptMustBeginWithTheDocument() {
    try (Arena arena = Arena.ofShared()) {
      StoredPrefix p = build(KvCodec.F16, 0, arena);
      try (Engine e = Engine.load(options(p, 2, KvCodec.F16));
          Prefix doc = e.prefix(p);
          Session s = e.session(doc, 0.7)) {
        assertThatThrownBy(() -> ask(s, new int[] {1, 2, 3}, 4))
            .hasMessageContaining("begins with a prefix of 190 tokens");
      }
    }
  }

  @Test
  void theFileKeepsEverything() throws IOException {
    Path file = dir.resolve("doc.prefix");
    try (Arena arena = Arena.ofShared()) {
      for (KvCodec codec : KvCodec.values()) {
        StoredPrefix p = build(codec, 0.05, arena);
        PrefixFile.write(p, file);
        StoredPrefix q = PrefixFile.open(file, arena);
        assertThat(q.tokens()).isEqualTo(p.tokens());
        assertThat(q.modelKey()).isEqualTo(p.modelKey());
        assertThat(q.quantiles().fine()).isEqualTo(p.quantiles().fine());
        assertThat(q.quantiles().coarse()).isEqualTo(p.quantiles().coarse());
        assertThat(q.tail().getLast().values()).isEqualTo(p.tail().getLast().values());
        assertThat(q.observed().getLast().queries()).isEqualTo(p.observed().getLast().queries());
        for (int i = 0; i < p.data().layers().size(); i++) {
          PrefixData.Layer a = p.data().layers().get(i);
          PrefixData.Layer b = q.data().layers().get(i);
          assertThat(b.shape()).isEqualTo(a.shape());
          assertThat(b.keys().mismatch(a.keys())).isEqualTo(-1);
          assertThat(b.values().mismatch(a.values())).isEqualTo(-1);
          assertThat(b.order().mismatch(a.order())).isEqualTo(-1);
          assertThat(b.children().mismatch(a.children())).isEqualTo(-1);
        }
      }
    }
  }

  @Test
  void copyOfTheModelTakesThePrefixAndAnotherModelDoesNot() throws IOException {
    Path copy = Files.copy(model("llama"), dir.resolve("copy.gguf"));
    Files.setLastModifiedTime(copy, FileTime.fromMillis(1_000_000_000_000L));
    byte[] other = Files.readAllBytes(copy);
    other[other.length - 1] ^= 1;
    Path changed = Files.write(dir.resolve("changed.gguf"), other);
    try (Arena arena = Arena.ofShared()) {
      StoredPrefix p = build(KvCodec.F16, 0.05, arena);
      try (Engine e = Engine.load(options(copy, p, 2, KvCodec.F16));
          Prefix doc = e.prefix(p);
          Session s = e.session(doc, 0.7)) {
        assertThat(s).isNotNull();
      }
      try (Engine e = Engine.load(options(changed, p, 2, KvCodec.F16))) {
        assertThatThrownBy(() -> e.prefix(p))
            .isInstanceOf(PrefixFormatException.class)
            .hasMessageContaining("another model");
      }
    }
  }

  @Test
  void badFilesAreRefusedByName() throws IOException {
    Path file = dir.resolve("doc.prefix");
    try (Arena arena = Arena.ofShared()) {
      StoredPrefix p = build(KvCodec.F16, 0.05, arena);
      PrefixFile.write(p, file);
      byte[] good = Files.readAllBytes(file);
      refused(Arrays.copyOf(good, 10), "truncated");
      refused(Arrays.copyOf(good, good.length - 1), "truncated");
      refused("hello, world".getBytes(java.nio.charset.StandardCharsets.UTF_8), "no prefix file");
      byte[] version = good.clone();
      version[8] = 9;
      refused(version, "version 9");
      byte[] flipped = good.clone();
      flipped[good.length / 2] ^= 1;
      refused(flipped, "checksum");
      EngineOptions other = options(p, 2, KvCodec.F16).withBackend("jvm", "", 1);
      StoredPrefix foreign =
          new StoredPrefix(
              "0000", "gemma3", p.tokens(), p.data(), p.tail(), p.quantiles(), p.observed());
      try (Engine e = Engine.load(other)) {
        assertThatThrownBy(() -> e.prefix(foreign))
            .isInstanceOf(PrefixFormatException.class)
            .hasMessageContaining("another model");
      }
      try (RandomAccessFile f = new RandomAccessFile(file.toFile(), "r")) {
        assertThat(f.length()).isEqualTo(good.length);
      }
    }
  }

  private void refused(byte[] content, String why) throws IOException {
    Path bad = dir.resolve("bad.prefix");
    Files.write(bad, content);
    try (Arena arena = Arena.ofConfined()) {
      assertThatThrownBy(() -> PrefixFile.open(bad, arena))
          .isInstanceOf(PrefixFormatException.class)
          .hasMessageContaining("bad.prefix")
          .hasMessageContaining(why);
    }
  }

  @Test
  void calibrationPrunesTheShareAskedFor() {
    try (Arena arena = Arena.ofShared()) {
      StoredPrefix p = build(KvCodec.F16, 0.05, arena);
      double before = 1;
      for (double sparsity : new double[] {0.3, 0.6, 0.9}) {
        double kept = Arrays.stream(KeptMap.of(p, 1, sparsity, 10).kept()).average().orElseThrow();
        assertThat(kept).isLessThan(before);
        before = kept;
      }
      // With all of it kept, nothing is lost.
      PrefixQuality.Row all = new PrefixQuality(p).rows(0).getFirst();
      assertThat(all.mass()).isEqualTo(1);
      assertThat(all.error()).isZero();
    }
  }

  @Test
  void mapOfBlockTopKShowsTheStretchesThatAreRead() {
    try (Arena arena = Arena.ofShared()) {
      StoredPrefix p = build(KvCodec.F16, 0.05, arena);
      assertThat(KeptMap.of(p, new AttentionPlan.BlockTopK(64, 1, 8), 10).kept()).containsOnly(1.0);
      // Tokens from slot 128 on see three pages and read the first and their own.
      KeptMap two = KeptMap.of(p, new AttentionPlan.BlockTopK(2, 1, 1), 10);
      for (double[] row : two.share()) {
        assertThat(row[0]).isEqualTo(1);
        assertThat(row[4]).isBetween(0.2, 0.8);
        assertThat(row[9]).isEqualTo(1);
      }
    }
  }

  @Test
  void aCoarseLevelThatPrunesNothingChangesNothing() {
    try (Arena arena = Arena.ofShared()) {
      StoredPrefix p = build(KvCodec.F16, 0.05, arena);
      PrefixData.Layer l = p.data().layers().getFirst();
      StoredPrefix.Observed o = p.observed().getFirst();
      double[][] q = o.group(0, 2, l.shape().headDim());
      PrefixThresholds t = p.quantiles().at(0.7);
      PrefixThresholds open = new PrefixThresholds(Float.NEGATIVE_INFINITY, t.fine());
      boolean[] one = Selection.of(l, 0, 1, q, o, open);
      assertThat(Selection.of(l, 0, 2, q, o, open)).isEqualTo(one).contains(true).contains(false);
      // Whatever two levels keep lies below a coarse cluster that was kept.
      boolean[] two = Selection.of(l, 0, 2, q, o, t);
      double[] coarse =
          ClusterScores.mean(l, true, 0, ClusterScores.sizes(l, true, 0), q, o::score);
      for (int a = 0; a < l.coarse(); a++) {
        for (int i = l.child(0, a); i < l.child(0, a + 1); i++) {
          assertThat(two[i] && !(coarse[a] > t.coarse())).isFalse();
        }
      }
    }
  }

  @Test
  void shortDocumentsAreRefused() {
    try (Model m = Model.open(model("llama"));
        Backend b = Backends.named("jvm").open(new BackendOptions("", 1));
        Arena arena = Arena.ofConfined()) {
      assertThatThrownBy(
              () ->
                  PrefixBuilder.build(
                      m, b, new int[100], PrefixOptions.DEFAULT, arena, Progress.NONE))
          .hasMessageContaining("100 tokens; a prefix needs 164 or more");
    }
  }
}
