package org.gatun.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Ctrl-C ends an answer, not more; what was said so far stays said. */
@EnabledOnOs(OS.LINUX)
class InterruptTest {
  private static final Path TINY = Path.of("src/test/resources/goldens/tiny/gemma3");

  /** Refuses a conversation that lost its first answer. */
  private static final String TEMPLATE =
      """
      {%- if messages[-1].content == 'again' and (messages|length != 3 or not messages[1].content) -%}
      {{ raise_exception('the conversation was lost') }}
      {%- endif -%}
      {% for m in messages %}{{ m.content }} {% endfor %}""";

  /** An answer that would fill 30,000 tokens: minutes. */
  private static final List<String> ENDLESS =
      List.of("--backend", "reference", "-n", "-1", "-c", "30000", "--temp", "0", "--stats");

  @TempDir Path dir;

  private GatunProcess run(Path model, String... more) throws Exception {
    String[] args =
        Stream.of(List.of("run", "-m", model.toString()), ENDLESS, List.of(more))
            .flatMap(List::stream)
            .toArray(String[]::new);
    return new GatunProcess(dir, List.of(), args);
  }

  /** The model with a chat template. */
  private Path conversational() throws IOException {
    Path model = Files.createDirectory(dir.resolve("model"));
    for (String file :
        List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")) {
      Files.copy(TINY.resolve(file), model.resolve(file));
    }
    Files.writeString(model.resolve("chat_template.jinja"), TEMPLATE);
    return model;
  }

  /** Waits until it asks for the nth time. */
  private static void awaitPrompt(GatunProcess gatun, int nth) throws InterruptedException {
    gatun.await(() -> gatun.err().split("(?m)^> ", -1).length > nth);
  }

  @Test
  void endsAGenerationWithTheTextSoFar() throws Exception {
    try (GatunProcess gatun = run(TINY.resolve("model.gguf"), "-p", "hello", "--raw")) {
      gatun.await(() -> gatun.out().length() > 20);
      gatun.interrupt();
      assertThat(gatun.code()).as(gatun.err()).isEqualTo(130);
      assertThat(gatun.out()).hasSizeGreaterThan(20).endsWith("\n");
      assertThat(gatun.err()).contains("finished: cancelled").doesNotContain("\tat ", "Exception");
    }
  }

  @Test
  void keepsTheConversation() throws Exception {
    try (GatunProcess gatun = run(conversational(), "-i")) {
      int turns = 0;
      for (String said : List.of("hello", "again")) {
        awaitPrompt(gatun, ++turns);
        int before = gatun.out().length();
        gatun.type(said);
        gatun.await(() -> gatun.out().length() > before + 20);
        gatun.interrupt();
      }
      awaitPrompt(gatun, ++turns);
      assertThat(gatun.err()).doesNotContain("lost", "\tat ", "Exception");
      assertThat(gatun.err().split("finished: cancelled", -1)).hasSize(3);
      gatun.endInput();
      assertThat(gatun.code()).as(gatun.err()).isZero();
    }
  }

  @Test
  void endsTheCommandWhereNothingRuns() throws Exception {
    try (GatunProcess gatun = run(conversational(), "-i")) {
      awaitPrompt(gatun, 1);
      gatun.interrupt();
      assertThat(gatun.code()).as(gatun.err()).isEqualTo(130);
      assertThat(gatun.err()).doesNotContain("\tat ", "Exception");
    }
  }
}
