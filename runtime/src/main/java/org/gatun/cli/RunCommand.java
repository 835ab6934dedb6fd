package org.gatun.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.gatun.generate.CancelToken;
import org.gatun.generate.Engine;
import org.gatun.generate.FinishReason;
import org.gatun.generate.Generation;
import org.gatun.generate.GenerationException;
import org.gatun.generate.Request;
import org.gatun.generate.Session;
import org.gatun.json.Json;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code gatun run}: continues a prompt or holds a conversation. Only the answer goes to standard
 * output.
 */
@Command(
    name = "run",
    description = "Continue a prompt, or hold a conversation (-i).",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Examples:",
      "  gatun run -p \"Once upon a time\"",
      "  gatun run -m model.gguf --chat -p \"What is a lock?\" --temp 0 --stats",
      "  gatun run -m model.gguf -i -sys \"Answer briefly.\""
    })
final class RunCommand implements Callable<Integer> {
  @Mixin private EngineFlags engineFlags = new EngineFlags();

  @Option(
      names = {"-p", "--prompt"},
      description = "The prompt.")
  private @Nullable String prompt;

  @Option(
      names = {"-f", "--file"},
      description = "Read the prompt from a file; - is standard input.")
  private @Nullable String file;

  @Option(
      names = {"-n", "--max-tokens"},
      description = "Most tokens to generate; -1 fills the context (default: ${DEFAULT-VALUE}).",
      defaultValue = "256")
  private int maxTokens;

  @Option(
      names = {"--temp", "--temperature"},
      description = "0 takes the most likely token each time (default: ${DEFAULT-VALUE}).",
      defaultValue = "0.8")
  private float temperature;

  @Option(
      names = "--top-k",
      description = "Keep this many tokens; 0 keeps all (default: ${DEFAULT-VALUE}).",
      defaultValue = "40")
  private int topK;

  @Option(
      names = "--top-p",
      description = "Keep this much probability (default: ${DEFAULT-VALUE}).",
      defaultValue = "0.95")
  private float topP;

  @Option(
      names = "--min-p",
      description = "Drop tokens below this share of the best (default: ${DEFAULT-VALUE}).",
      defaultValue = "0.05")
  private float minP;

  @Option(
      names = "--repeat-penalty",
      description = "Make the last 64 tokens less likely; 1 is off (default: ${DEFAULT-VALUE}).",
      defaultValue = "1")
  private float repeatPenalty;

  @Option(names = "--stop", description = "End before this text; may be given several times.")
  private List<String> stop = new ArrayList<>();

  @Option(
      names = {"-sys", "--system-prompt"},
      description = "The system message of a conversation.")
  private @Nullable String system;

  @Option(
      names = {"-s", "--seed"},
      description = "Of the random numbers (default: the time).")
  private @Nullable Long seed;

  @Option(
      names = "--raw",
      description = "Continue the text as it is, without a chat template (BOS is kept).")
  private boolean raw;

  @Option(
      names = "--chat",
      description = "Use the chat template (the default for models that have one).")
  private boolean chat;

  @Option(
      names = {"-i", "--interactive"},
      description = "Converse; Ctrl-C ends an answer, Ctrl-D the conversation.")
  private boolean interactive;

  @Option(names = "--stats", description = "Print timings to standard error.")
  private boolean stats;

  @Option(names = "--profile", description = "Print what each op took to standard error.")
  private boolean profile;

  @Option(names = "--json", description = "Print one JSON object in place of streaming the text.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    if (raw && (chat || system != null)) {
      throw new UsageException("--raw continues plain text; it does not go with --chat or -sys");
    }
    boolean piped = "-".equals(file);
    String text = promptText();
    if (text == null && !interactive && !piped) {
      throw new UsageException("nothing to continue: give -p PROMPT, -f FILE or -i");
    }
    Request request = request();
    Interrupts.install();
    long start = System.nanoTime();
    try (Engine engine = engineFlags.load(1, 512, profile);
        Session session = engineFlags.session(engine)) {
      if (stats) {
        System.err.printf(
            "gatun: %s, loaded in %.2f s%n", engine.device(), (System.nanoTime() - start) / 1e9);
      }
      boolean template = engine.tokenizer().chatTemplate() != null;
      boolean templated = chat || system != null || (!raw && template);
      if (interactive && !templated) {
        System.err.println("gatun: no chat template: every line continues the text so far");
      }
      if (templated && !template) {
        throw new GenerationException(
            "the model has no chat template, it continues text only: use -p with --raw, or give a"
                + " model for conversations (-m)");
      }
      PromptInput in = new PromptInput(System.in, engineFlags.group());
      if (piped) {
        text = in.all();
      }
      Conversation c = new Conversation(engine, session, request, templated);
      boolean cancelled = text != null && c.turn(text).finish() == FinishReason.CANCELLED;
      if (interactive) {
        converse(c, in);
      }
      if (profile) {
        ProfileTable.print(System.err, engine.profile(), engine.roofline().orElse(null));
      }
      return cancelled && !interactive ? Interrupts.EXIT : 0;
    }
  }

  private static void converse(Conversation c, PromptInput in) throws IOException {
    while (true) {
      if (!RankGroup.isSilent()) {
        System.err.print("> ");
        System.err.flush();
      }
      String line = in.line();
      if (line == null) {
        System.err.println();
        return;
      }
      if (!line.isBlank()) {
        c.turn(line);
      }
    }
  }

  /** One conversation. A raw one is one text, to which every line and every answer is added. */
  private final class Conversation {
    private final Engine engine;
    private final Session session;
    private final Request request;
    private final boolean templated;
    private final List<Map<String, Object>> messages = new ArrayList<>();
    private final StringBuilder rawText = new StringBuilder();

    Conversation(Engine engine, Session session, Request request, boolean templated) {
      this.engine = engine;
      this.session = session;
      this.request = request;
      this.templated = templated;
      if (system != null) {
        messages.add(message("system", system));
      }
    }

    Generation turn(String text) {
      CancelToken cancel = Interrupts.guard();
      Generation g;
      try {
        if (templated) {
          messages.add(message("user", text));
          g = session.chat(messages, request, this::print, cancel);
          messages.add(message("assistant", g.text()));
        } else {
          rawText.append(rawText.isEmpty() ? "" : "\n").append(text);
          g = session.generate(session.encode(rawText.toString()), request, this::print, cancel);
          rawText.append(g.text());
        }
      } finally {
        Interrupts.release();
      }
      if (json) {
        System.out.println(Json.write(describe(g)));
      } else {
        System.out.println();
      }
      if (stats) {
        System.err.printf(
            "gatun: prompt %d tokens, %.1f t/s; generated %d tokens, %.1f t/s; finished: %s%n",
            g.promptTokens(),
            g.timings().prefillRate(g.promptTokens()),
            g.tokens().length,
            g.timings().decodeRate(g.tokens().length),
            g.finish().name().toLowerCase(java.util.Locale.ROOT));
      }
      return g;
    }

    private void print(String piece) {
      if (!json) {
        System.out.print(piece);
        System.out.flush();
      }
    }

    private Map<String, Object> describe(Generation g) {
      Map<String, Object> m = new LinkedHashMap<>();
      m.put("text", g.text());
      m.put("tokens", java.util.Arrays.stream(g.tokens()).boxed().toList());
      m.put("finish", g.finish().name().toLowerCase(java.util.Locale.ROOT));
      m.put("prompt_tokens", g.promptTokens());
      m.put("prefill_tps", g.timings().prefillRate(g.promptTokens()));
      m.put("decode_tps", g.timings().decodeRate(g.tokens().length));
      m.put("device", engine.device());
      return m;
    }

    private static Map<String, Object> message(String role, String content) {
      return Map.of("role", role, "content", content);
    }
  }

  private Request request() {
    try {
      long s = seed == null ? RankGroup.seed() : seed;
      return new Request(maxTokens, temperature, topK, topP, minP, repeatPenalty, s, stop, false);
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  /** The prompt that is known before the model is; standard input is read later. */
  private @Nullable String promptText() throws IOException {
    if (prompt != null && file != null) {
      throw new UsageException("-p and -f do not go together");
    }
    if (file == null || file.equals("-")) {
      return prompt;
    }
    Path p = Path.of(file);
    if (!Files.isReadable(p)) {
      throw new UsageException("cannot read the prompt file " + file);
    }
    return Files.readString(p);
  }
}
