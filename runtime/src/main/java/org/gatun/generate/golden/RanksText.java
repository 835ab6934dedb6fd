package org.gatun.generate.golden;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.gatun.attention.KvCodec;
import org.gatun.generate.CancelToken;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Request;
import org.gatun.generate.Session;

/** Greedy ids of a model over several ranks of this process: every backend's test compares them. */
public final class RanksText {
  private static final String PROMPT = "Once upon a time there was an old king";
  private static final int CHUNK = 8;

  private RanksText() {}

  /** A family of tiny models and a number of ranks that its heads allow. */
  public record Case(String family, int ranks) {
    /** The tiny model's file. */
    public Path model() {
      return GoldenFiles.tiny(family).folder().resolve("model.gguf");
    }
  }

  /** Every family over 2 and 4 ranks; with one or two KV heads, ranks share them. */
  public static Stream<Case> families() {
    return Stream.of("llama", "mistral", "qwen2", "qwen3", "gemma3")
        .flatMap(f -> Stream.of(2, 4).map(t -> new Case(f, t)))
        // 6 query heads do not go into 4 ranks.
        .filter(c -> !c.equals(new Case("qwen2", 4)));
  }

  /** Ids after a prompt that takes more than one step. */
  public static List<Integer> greedy(String backend, Path model, int ranks, int tokens) {
    return ids(backend, model, ranks, new Request(tokens, 0, 0, 1, 0, 1, 0, List.of(), true));
  }

  /** The same, drawn as the request says. */
  public static List<Integer> ids(String backend, Path model, int ranks, Request request) {
    EngineOptions options =
        EngineOptions.of(model)
            .withBackend(backend, "", 1)
            .withContext(64, 1)
            .withChunk(CHUNK)
            .withKv(KvCodec.F32)
            .withThreadRanks(ranks);
    try (Engine e = Engine.load(options);
        Session s = e.session()) {
      int[] prompt = e.tokenizer().encode(PROMPT, true, false);
      prompt = Arrays.copyOf(prompt, Math.min(prompt.length, 2 * CHUNK - 4));
      return Arrays.stream(s.generate(prompt, request, piece -> {}, new CancelToken()).tokens())
          .boxed()
          .toList();
    }
  }
}
