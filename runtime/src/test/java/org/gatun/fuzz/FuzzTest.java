package org.gatun.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Damaged model files, tokenizers, templates and JSON: taken or refused, in one line. */
class FuzzTest {
  private static final int QUICK = 600;
  private static final int ALL = 25_000;

  /** Inputs that were once found to do harm: {@code fuzz/TARGET/…}. */
  private static final Path FINDINGS = Path.of("src/test/resources/fuzz");

  @ParameterizedTest
  @EnumSource
  void quick(FuzzTarget target) throws Exception {
    damage(target, QUICK);
  }

  @ParameterizedTest
  @EnumSource
  @Tag("slow")
  void all(FuzzTarget target) throws Exception {
    damage(target, ALL);
  }

  private static void damage(FuzzTarget target, int inputs) throws Exception {
    List<byte[]> seeds = target.seeds();
    for (byte[] undamaged : seeds) {
      assertThat(target.accepts(undamaged)).as("undamaged input").isTrue();
    }
    AtomicInteger taken = new AtomicInteger();
    Trials.run(
        inputs,
        random -> {
          byte[] base = seeds.get(random.nextInt(seeds.size()));
          if (target.accepts(target.mutator().mutate(base, target.header(), random))) {
            taken.incrementAndGet();
          }
        });
    // Neither all nor none: the damage reaches the reader, and is not always fatal.
    if (Trials.isWhole()) {
      assertThat(taken.get()).isBetween(1, inputs - 1);
    }
  }

  static Stream<Path> findings() throws Exception {
    try (Stream<Path> files = Files.walk(FINDINGS)) {
      return files.filter(Files::isRegularFile).sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource
  void findings(Path input) throws Exception {
    FuzzTarget.valueOf(input.getParent().getFileName().toString())
        .accepts(Files.readAllBytes(input));
  }
}
