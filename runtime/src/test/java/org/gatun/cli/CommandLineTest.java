package org.gatun.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.gatun.json.Json;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What users see: exit codes, one line per error, the answer alone on standard output. */
class CommandLineTest {
  @TempDir private Path dir;

  private record Outcome(int code, String out, String err) {
    /** Lines of ours on standard error; the JVM's own warnings are not ours. */
    String[] lines() {
      return err.lines().filter(l -> !l.startsWith("WARNING")).toArray(String[]::new);
    }
  }

  private static String model() {
    try {
      return Path.of(CommandLineTest.class.getResource("/goldens/tiny/llama/model.gguf").toURI())
          .toString();
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static Outcome gatun(String... args) {
    PrintStream out = System.out;
    PrintStream err = System.err;
    ByteArrayOutputStream o = new ByteArrayOutputStream();
    ByteArrayOutputStream e = new ByteArrayOutputStream();
    System.setOut(new PrintStream(o, true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(e, true, StandardCharsets.UTF_8));
    try {
      int code = Main.run(args);
      return new Outcome(
          code, o.toString(StandardCharsets.UTF_8), e.toString(StandardCharsets.UTF_8));
    } finally {
      System.setOut(out);
      System.setErr(err);
    }
  }

  private static Outcome onTiny(String command, String... more) {
    String[] args = new String[5 + more.length];
    System.arraycopy(
        new String[] {command, "-m", model(), "--backend", "reference"}, 0, args, 0, 5);
    System.arraycopy(more, 0, args, 5, more.length);
    return gatun(args);
  }

  @Test
  void onlyTheAnswerGoesToStandardOutput() throws IOException {
    Outcome json = onTiny("run", "-p", "hello", "-n", "8", "--temp", "0", "--raw", "--json");
    assertThat(json.code()).as(json.err()).isZero();
    String text = Json.readObject(json.out()).string("text");
    Outcome plain = onTiny("run", "-p", "hello", "-n", "8", "--temp", "0", "--raw", "--stats");
    assertThat(plain.out()).isEqualTo(text + "\n");
    assertThat(plain.err()).contains("t/s");
  }

  @Test
  void benchPrintsMediansAsJson() throws IOException {
    Outcome o = onTiny("bench", "-p", "16", "-n", "4", "-r", "2", "--warmup", "0", "--json");
    assertThat(o.code()).as(o.err()).isZero();
    var json = Json.readObject(o.out());
    assertThat(json.toString()).contains("prefill_tps").contains("decode_tps");
  }

  @Test
  void inspectAndTokenizeNeedNoBackend() {
    assertThat(gatun("inspect", "-m", model(), "--graph", "--memory", "--tensors").out())
        .contains("GatedMatMul")
        .contains("output logits")
        .contains("MiB for 512 rows");
    assertThat(gatun("tokenize", "-m", model(), "--json", "hi").out()).startsWith("[");
  }

  @Test
  void perplexityOfATextIsFinite() throws IOException {
    Path text = Files.writeString(dir.resolve("text"), "the cat sat on the mat ".repeat(4));
    Outcome o = onTiny("perplexity", "-f", text.toString(), "-c", "32");
    assertThat(o.code()).as(o.err()).isZero();
    assertThat(o.out()).matches("perplexity [0-9.]+ over \\d+ tokens\\n");
  }

  @Test
  void perplexityBehindAnotherTextScoresOnlyItsOwn() throws IOException {
    Path before = Files.writeString(dir.resolve("before"), "a dog ran to the house ".repeat(3));
    Path text = Files.writeString(dir.resolve("text"), "the cat sat on the mat");
    Outcome alone = onTiny("perplexity", "-f", text.toString(), "-c", "256");
    Outcome o =
        onTiny("perplexity", "-f", text.toString(), "--after", before.toString(), "-c", "256");
    assertThat(o.code()).as(o.err()).isZero();
    assertThat(o.out()).matches("perplexity [0-9.]+ over \\d+ tokens\\n");
    assertThat(o.out()).isNotEqualTo(alone.out());
    int tokens = scored(alone);
    assertThat(scored(o)).isBetween(tokens - 1, tokens);
    assertThat(
            onTiny("perplexity", "-f", text.toString(), "--after", before.toString(), "-c", "32")
                .err())
        .contains("tokens, the context 32; use a larger --ctx-size");
  }

  private static int scored(Outcome o) {
    return Integer.parseInt(o.out().replaceAll(".* over (\\d+) tokens\\n", "$1"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "run | nothing to continue",
        "run --nonsense | Unknown option",
        "run -p x --temp -1 | temperature is -1",
        "run -p x --top-p 0 | top-p is 0",
        "run -p x --raw --chat | --raw",
        "run -p x -f y | do not go together",
        "run -p x -t -3 | --threads is -3",
        "run -p x -t 100000 | --threads is 100000",
        "run -f /no/such/file | cannot read",
        "bench -r 0 | at least 1",
        "kernels test --op nosuch | no op 'nosuch'; there are add, ",
        "kernels test --case add/nosuch | no case 'add/nosuch'",
        "frobnicate | frobnicate",
        "perplexity | --file"
      })
  void wrongUsageIsOneLineAndTwo(String line, String message) {
    Outcome o = gatun(line.split(" "));
    assertThat(o.code()).as(o.err()).isEqualTo(2);
    assertThat(o.out()).isEmpty();
    assertThat(o.lines()).hasSize(1);
    assertThat(o.lines()[0]).startsWith("gatun: ").contains(message);
  }

  @Test
  void aTruncatedModelIsOneLineAndOne() throws IOException {
    byte[] whole = Files.readAllBytes(Path.of(model()));
    for (int length : new int[] {0, 3, 24, 700, whole.length / 2, whole.length - 1}) {
      Path cut = Files.write(dir.resolve("cut.gguf"), Arrays.copyOf(whole, length));
      Outcome o = gatun("run", "-m", cut.toString(), "--backend", "reference", "-p", "x");
      assertThat(o.code()).as(length + ": " + o.err()).isEqualTo(1);
      assertThat(o.lines()).as(o.err()).hasSize(1);
      assertThat(o.lines()[0]).startsWith("gatun: ").contains("cut.gguf");
    }
  }

  @Test
  void failuresNameCauseAndRemedy() {
    assertThat(gatun("run", "-m", "/no/such.gguf", "-p", "x"))
        .satisfies(o -> assertThat(o.code()).isIn(1, 2))
        .satisfies(o -> assertThat(o.lines()).hasSize(1))
        .satisfies(o -> assertThat(o.lines()[0]).contains("/no/such.gguf"));
    Outcome backend = gatun("run", "-m", model(), "--backend", "abacus", "-p", "x");
    assertThat(backend.code()).isEqualTo(1);
    assertThat(backend.lines()).hasSize(1);
    assertThat(backend.lines()[0]).contains("abacus").contains("reference");
    Outcome memory = onTiny("run", "-p", "x", "-c", "1000000000");
    assertThat(memory.code()).isEqualTo(1);
    assertThat(memory.lines()).hasSize(1);
    assertThat(memory.lines()[0]).contains("MiB").contains("--ctx-size");
    Outcome context = onTiny("run", "--raw", "-c", "8", "-p", "a b c d e f g h i j k l m n o p");
    assertThat(context.code()).isEqualTo(1);
    assertThat(context.lines()[0]).contains("context 8");
    Outcome conversation = onTiny("run", "--chat", "-p", "x");
    assertThat(conversation.code()).isEqualTo(1);
    assertThat(conversation.lines()).hasSize(1);
    assertThat(conversation.lines()[0]).contains("no chat template").contains("--raw");
  }

  /** The second line continues the first and its answer, which one request shows as well. */
  @Test
  void withoutATemplateLinesContinueTheText() throws IOException {
    Outcome both =
        withInput("hello\nwell\n", () -> onTiny("run", "-i", "-n", "4", "--temp", "0", "--json"));
    assertThat(both.code()).as(both.err()).isZero();
    assertThat(both.err()).contains("no chat template");
    String[] answers = both.out().strip().split("\n");
    assertThat(answers).hasSize(2);
    String first = Json.readObject(answers[0]).string("text");
    Outcome one =
        onTiny(
            "run", "--raw", "-p", "hello" + first + "\nwell", "-n", "4", "--temp", "0", "--json");
    assertThat(Json.readObject(answers[1]).string("text"))
        .isEqualTo(Json.readObject(one.out()).string("text"));
  }

  private static Outcome withInput(String text, java.util.function.Supplier<Outcome> run) {
    java.io.InputStream in = System.in;
    System.setIn(new java.io.ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
    try {
      return run.get();
    } finally {
      System.setIn(in);
    }
  }

  @Test
  void helpTeaches() {
    assertThat(gatun("run", "--help").out()).contains("Examples:").contains("--temp");
    assertThat(gatun().out()).contains("run").contains("bench").contains("doctor");
    assertThat(gatun("--version").out()).startsWith("gatun ");
  }

  @ParameterizedTest
  @CsvSource({
    "squeezed:0.9, needs a --prefix",
    "blocktopk:3;init=2;local=2, k ≥ init + local",
    "blocktopk:x, not a number",
    "blocktopk:8;width=2, unknown setting width",
    "sparse, it may be dense",
  })
  void impossibleAttentionIsWrongUsage(String spec, String why) {
    Outcome o = onTiny("run", "-p", "x", "--attention", spec.replace(';', ','));
    assertThat(o.code()).as(o.err()).isEqualTo(2);
    assertThat(o.err()).contains(why);
  }

  @Test
  void blockTopKWarnsOnceAndRuns() {
    Outcome o = onTiny("run", "-p", "x", "-n", "4", "--attention", "blocktopk:8");
    assertThat(o.code()).as(o.err()).isZero();
    assertThat(o.err().split("was not trained for block top-k", -1)).hasSize(2);
  }

  @Test
  void aPrefixIsReadOnceAndServesManyQuestions() throws IOException {
    Path text = dir.resolve("document.txt");
    Files.writeString(text, "ships pass the lock one by one, and the water falls. ".repeat(12));
    Path prefix = dir.resolve("doc.prefix");
    Outcome built =
        gatun(
            "prefix",
            "build",
            "-m",
            model(),
            "-f",
            text.toString(),
            "-o",
            prefix.toString(),
            "--fine",
            "0.2");
    assertThat(built.code()).as(built.err()).isZero();
    assertThat(built.err()).contains("reading the document");
    for (String spec : new String[] {"dense", "squeezed:0.5", "squeezed:0.9,levels=1"}) {
      Outcome o =
          gatun(
              "run",
              "-m",
              model(),
              "--backend",
              "jvm",
              "--prefix",
              prefix.toString(),
              "--attention",
              spec,
              "-p",
              "What",
              "-n",
              "3",
              "--raw",
              "--stats");
      assertThat(o.code()).as(o.err()).isZero();
      assertThat(o.err()).containsPattern("prompt [1-9] tokens");
    }
    Path map = dir.resolve("map.png");
    assertThat(gatun("inspect", "--attention", prefix.toString(), "-o", map.toString()).code())
        .isZero();
    assertThat(Files.readAllBytes(map)).startsWith(new byte[] {(byte) 0x89, 'P', 'N', 'G'});
    assertThat(gatun("prefix", "check", prefix.toString()).out()).contains("softmax mass");
    byte[] half = Arrays.copyOf(Files.readAllBytes(prefix), 1000);
    Files.write(prefix, half);
    Outcome broken = gatun("run", "-m", model(), "--prefix", prefix.toString(), "-p", "x");
    assertThat(broken.code()).isEqualTo(1);
    assertThat(broken.err()).contains("truncated");
  }
}
