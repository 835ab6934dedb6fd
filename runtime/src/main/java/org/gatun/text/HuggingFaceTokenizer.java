package org.gatun.text;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.gatun.json.Json;
import org.gatun.json.JsonException;
import org.gatun.json.JsonObject;
import org.gatun.text.AddedTokens.Added;
import org.jspecify.annotations.Nullable;

/**
 * Builds a tokenizer from Hugging Face's {@code tokenizer.json} and the files beside it: {@code
 * tokenizer_config.json} (bos, eos, chat template), {@code generation_config.json} (end ids) and
 * {@code chat_template.jinja}.
 */
final class HuggingFaceTokenizer {
  private static final int MAX_ID = 1 << 24;

  /** The files beside {@code tokenizer.json}; each may be missing. */
  record Companions(
      @Nullable JsonObject config, @Nullable JsonObject generation, @Nullable String template) {
    static final Companions NONE = new Companions(null, null, null);
  }

  private HuggingFaceTokenizer() {}

  static Tokenizer load(Path directory) throws IOException {
    Path tokenizer = directory.resolve("tokenizer.json");
    try {
      Path template = directory.resolve("chat_template.jinja");
      Companions companions =
          new Companions(
              objectIfThere(directory.resolve("tokenizer_config.json")),
              objectIfThere(directory.resolve("generation_config.json")),
              Files.isRegularFile(template) ? Files.readString(template) : null);
      return of(Json.readObject(tokenizer), companions);
    } catch (JsonException | TextFormatException e) {
      String message = String.valueOf(e.getMessage());
      String file = directory.toString();
      throw new TextFormatException(
          message.startsWith(file) ? message : tokenizer + ": " + message, e);
    }
  }

  private static @Nullable JsonObject objectIfThere(Path file) throws IOException {
    return Files.isRegularFile(file) ? Json.readObject(file) : null;
  }

  static Tokenizer of(JsonObject root, Companions companions) throws TextFormatException {
    try {
      return build(root, companions);
    } catch (JsonException e) {
      throw new TextFormatException(String.valueOf(e.getMessage()), e);
    }
  }

  private static Tokenizer build(JsonObject root, Companions companions)
      throws JsonException, TextFormatException {
    JsonObject model = root.object("model");
    String type = model.stringOrNull("type");
    if (type != null && !type.equals("BPE")) {
      throw unsupported("model", type, "BPE");
    }
    for (String key : List.of("continuing_subword_prefix", "end_of_word_suffix")) {
      String value = model.stringOrNull(key);
      if (value != null && !value.isEmpty()) {
        throw new TextFormatException("unsupported tokenizer option model." + key);
      }
    }
    Map<String, @Nullable Object> vocab = model.object("vocab").fields();
    List<JsonObject> addedTokens = root.objects("added_tokens");
    String[] pieces = pieces(vocab, addedTokens);
    TokenType[] types = new TokenType[pieces.length];
    boolean byteFallback = model.bool("byte_fallback", false);
    for (int id = 0; id < pieces.length; id++) {
      types[id] =
          pieces[id].isEmpty()
              ? TokenType.UNUSED
              : byteFallback && pieces[id].matches("<0x[0-9A-F]{2}>")
                  ? TokenType.BYTE
                  : TokenType.NORMAL;
    }

    HuggingFacePipeline pipeline = HuggingFacePipeline.of(root);
    List<Added> raw = new ArrayList<>();
    List<Added> normalized = new ArrayList<>();
    Set<Integer> ends = new TreeSet<>();
    for (JsonObject token : addedTokens) {
      int id = (int) token.integer("id");
      boolean special = token.bool("special", false);
      types[id] = special ? TokenType.CONTROL : TokenType.USER_DEFINED;
      if (special && GgufTokenizer.END_PIECES.contains(pieces[id])) {
        ends.add(id);
      }
      boolean normalize = token.bool("normalized", !special);
      Added added =
          new Added(
              id,
              normalize ? pipeline.normalizer().apply(pieces[id]) : pieces[id],
              special,
              token.bool("lstrip", false),
              token.bool("rstrip", false),
              token.bool("single_word", false));
      (normalize ? normalized : raw).add(added);
    }
    String unknownToken = model.stringOrNull("unk_token");
    int unknown = unknownToken == null ? -1 : idOf(vocab, unknownToken);
    if (unknown >= 0 && types[unknown] == TokenType.NORMAL) {
      types[unknown] = TokenType.UNKNOWN;
    }
    Vocabulary vocabulary =
        new Vocabulary(StringTable.of(List.of(pieces)), types, pipeline.byteLevel());

    int bos = special(companions.config(), "bos_token", vocabulary);
    int eos = special(companions.config(), "eos_token", vocabulary);
    if (bos < 0 && companions.config() == null && pipeline.prefix().length > 0) {
      bos = pipeline.prefix()[0];
    }
    if (eos >= 0) {
      ends.add(eos);
    }
    addEndIds(companions.generation(), pieces.length, ends);
    for (int[] ids : List.of(pipeline.prefix(), pipeline.suffix())) {
      for (int id : ids) {
        if (id < 0 || id >= pieces.length) {
          throw new TextFormatException("post_processor names id " + id + ", which does not exist");
        }
      }
    }
    return new BpeTokenizer(
        new BpeTokenizer.Parts(
            vocabulary,
            merges(model, vocab),
            new int[0],
            pipeline.byteLevel(),
            model.bool("ignore_merges", false),
            new AddedTokens(raw),
            new AddedTokens(normalized),
            pipeline.normalizer(),
            pipeline.preTokenizer(),
            pipeline.prefix(),
            pipeline.suffix(),
            pipeline.leadingSpace(),
            unknown,
            bos,
            eos,
            Set.copyOf(ends),
            template(companions)));
  }

  /** The spelling of each id; empty where an id has no token. */
  private static String[] pieces(Map<String, @Nullable Object> vocab, List<JsonObject> added)
      throws JsonException, TextFormatException {
    long largest = -1;
    for (Map.Entry<String, @Nullable Object> e : vocab.entrySet()) {
      largest = Math.max(largest, checkedId(e.getValue(), e.getKey()));
    }
    for (JsonObject token : added) {
      largest = Math.max(largest, checkedId(token.integer("id"), token.string("content")));
    }
    // Holes are normal, but a sparse vocabulary would cost memory that the file did not pay for.
    if (largest > 4L * (vocab.size() + added.size()) + 65536) {
      throw new TextFormatException(
          "token id " + largest + " in a vocabulary of " + vocab.size() + " tokens");
    }
    String[] pieces = new String[(int) largest + 1];
    Arrays.fill(pieces, "");
    for (Map.Entry<String, @Nullable Object> e : vocab.entrySet()) {
      int id = (int) checkedId(e.getValue(), e.getKey());
      if (!pieces[id].isEmpty()) {
        throw new TextFormatException("two tokens have the id " + id);
      }
      pieces[id] = e.getKey();
    }
    for (JsonObject token : added) {
      pieces[(int) token.integer("id")] = token.string("content");
    }
    return pieces;
  }

  private static long checkedId(@Nullable Object id, String piece) throws TextFormatException {
    if (id instanceof Long value && value >= 0 && value < MAX_ID) {
      return value;
    }
    throw new TextFormatException(
        "token '" + PatternSplit.excerpt(piece) + "' has the invalid id " + id);
  }

  private static int idOf(Map<String, @Nullable Object> vocab, String piece) {
    return vocab.get(piece) instanceof Long id ? id.intValue() : -1;
  }

  private static MergeTable merges(JsonObject model, Map<String, @Nullable Object> vocab)
      throws JsonException, TextFormatException {
    List<@Nullable Object> lines = model.list("merges");
    MergeTable table = new MergeTable(lines.size());
    for (int rank = 0; rank < lines.size(); rank++) {
      String left = "";
      String right = "";
      if (lines.get(rank) instanceof String line) {
        int space = line.indexOf(' ');
        if (space > 0 && line.indexOf(' ', space + 1) < 0) {
          left = line.substring(0, space);
          right = line.substring(space + 1);
        }
      } else if (lines.get(rank) instanceof List<?> pair
          && pair.size() == 2
          && pair.get(0) instanceof String a
          && pair.get(1) instanceof String b) {
        left = a;
        right = b;
      }
      if (left.isEmpty() || right.isEmpty()) {
        throw new TextFormatException("merge " + rank + " is not two tokens");
      }
      int a = idOf(vocab, left);
      int b = idOf(vocab, right);
      int result = idOf(vocab, left.concat(right));
      if (a < 0 || b < 0 || result < 0) {
        throw new TextFormatException("merge " + rank + " names a token outside the vocabulary");
      }
      table.add(a, b, rank, result);
    }
    return table;
  }

  private static int special(@Nullable JsonObject config, String name, Vocabulary vocabulary) {
    Object value = config == null ? null : config.get(name);
    Object content = value instanceof JsonObject token ? token.get("content") : value;
    return content instanceof String piece
        ? vocabulary.idOf(piece.getBytes(StandardCharsets.UTF_8))
        : -1;
  }

  private static void addEndIds(@Nullable JsonObject generation, int size, Set<Integer> ends)
      throws JsonException {
    Object value = generation == null ? null : generation.get("eos_token_id");
    List<?> ids = value instanceof List<?> list ? list : value == null ? List.of() : List.of(value);
    for (Object id : ids) {
      if (!(id instanceof Long end) || end < 0 || end >= size) {
        throw new JsonException("generation_config.json: invalid eos_token_id " + id);
      }
      ends.add(end.intValue());
    }
  }

  private static @Nullable String template(Companions companions) throws JsonException {
    if (companions.template() != null || companions.config() == null) {
      return companions.template();
    }
    Object value = companions.config().get("chat_template");
    if (value instanceof List<?>) {
      for (JsonObject named : companions.config().objects("chat_template")) {
        if (named.string("name").equals("default")) {
          return named.string("template");
        }
      }
      return null;
    }
    return companions.config().stringOrNull("chat_template");
  }

  static TextFormatException unsupported(String part, String type, String supported) {
    return new TextFormatException(
        "unsupported tokenizer "
            + part
            + " '"
            + PatternSplit.excerpt(type)
            + "'; supported: "
            + supported);
  }
}
