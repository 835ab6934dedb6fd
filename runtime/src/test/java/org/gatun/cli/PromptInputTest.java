package org.gatun.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.Communicators;
import org.gatun.parallel.GroupSpec;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Rank 0's standard input reaches every rank. */
class PromptInputTest {
  private static final InputStream NEVER_READ =
      new InputStream() {
        @Override
        public int read() throws IOException {
          throw new IOException("only rank 0 has an input");
        }
      };

  private interface Body {
    List<@Nullable String> run(PromptInput in) throws IOException;
  }

  private static InputStream of(String text) {
    return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
  }

  private static List<List<@Nullable String>> ranks(
      int world, InputStream first, Duration timeout, Body body) throws Exception {
    String job = UUID.randomUUID().toString();
    List<Callable<List<@Nullable String>>> calls = new ArrayList<>();
    for (int r = 0; r < world; r++) {
      int rank = r;
      calls.add(
          () -> {
            GroupSpec spec = GroupSpec.of(rank, world, job, "").withTimeout(timeout);
            try (Communicator c = Communicators.open("threads", spec)) {
              return body.run(new PromptInput(rank == 0 ? first : NEVER_READ, c));
            }
          });
    }
    List<List<@Nullable String>> all = new ArrayList<>();
    try (var pool = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      for (Future<List<@Nullable String>> f : pool.invokeAll(calls)) {
        all.add(f.get());
      }
    }
    return all;
  }

  @Test
  void linesAndTheirEnd() throws Exception {
    Body lines = in -> Arrays.asList(in.line(), in.line(), in.line(), in.line());
    for (var rank : ranks(3, of("größer\n\nzwei"), Duration.ofSeconds(30), lines)) {
      assertThat(rank).containsExactly("größer", "", "zwei", null);
    }
    assertThat(lines.run(new PromptInput(of("a\nb"), null))).containsExactly("a", "b", null, null);
  }

  @Test
  void allOfIt() throws Exception {
    String text = "ä".repeat(70_000) + "\n\n";
    for (var rank : ranks(2, of(text), Duration.ofSeconds(30), in -> List.of(in.all()))) {
      assertThat(rank).containsExactly(text);
    }
    assertThat(new PromptInput(of(""), null).all()).isEmpty();
  }

  @Test
  void aUserMayThinkForLongerThanTheDeadline() throws Exception {
    PipedOutputStream typed = new PipedOutputStream();
    PipedInputStream keyboard = new PipedInputStream(typed);
    Thread user =
        Thread.ofPlatform()
            .start(
                () -> {
                  try (typed) {
                    Thread.sleep(3000);
                    typed.write("well\n".getBytes(StandardCharsets.UTF_8));
                  } catch (IOException | InterruptedException e) {
                    throw new IllegalStateException(e);
                  }
                });
    for (var rank : ranks(2, keyboard, Duration.ofSeconds(1), in -> Arrays.asList(in.line()))) {
      assertThat(rank).containsExactly("well");
    }
    user.join();
  }
}
