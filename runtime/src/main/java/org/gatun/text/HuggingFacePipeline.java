package org.gatun.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.gatun.json.JsonException;
import org.gatun.json.JsonObject;
import org.jspecify.annotations.Nullable;

/**
 * What {@code tokenizer.json} does around its model: normalizer, pre-tokenizer, post-processor and
 * decoder.
 *
 * @param byteLevel text is merged as bytes and the vocabulary spelled {@linkplain ByteLevel
 *     byte-level}
 * @param prefix ids before a text
 * @param suffix ids after a text
 * @param leadingSpace decoding takes one space off the front
 */
record HuggingFacePipeline(
    Normalizer normalizer,
    PreTokenizer preTokenizer,
    boolean byteLevel,
    int[] prefix,
    int[] suffix,
    boolean leadingSpace) {
  private static final String CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  private static final String LETTERS = "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|";
  private static final String REST =
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final String LLAMA3 = CONTRACTIONS + LETTERS + "\\p{N}{1,3}" + REST;
  private static final String QWEN2 = CONTRACTIONS + LETTERS + "\\p{N}" + REST;

  static HuggingFacePipeline of(JsonObject root) throws JsonException, TextFormatException {
    List<PreTokenizer> steps = new ArrayList<>();
    boolean byteLevel = preTokenizers(root.objectOrNull("pre_tokenizer"), steps);
    IntList prefix = new IntList();
    IntList suffix = new IntList();
    postProcessor(root.objectOrNull("post_processor"), prefix, suffix);
    return new HuggingFacePipeline(
        normalizer(root.objectOrNull("normalizer")),
        PreTokenizer.sequence(steps),
        byteLevel,
        prefix.toArray(),
        suffix.toArray(),
        leadingSpace(root.objectOrNull("decoder")));
  }

  private static Normalizer normalizer(@Nullable JsonObject json)
      throws JsonException, TextFormatException {
    if (json == null) {
      return Normalizer.NONE;
    }
    String type = json.string("type");
    return switch (type) {
      case "Sequence" -> {
        List<Normalizer> steps = new ArrayList<>();
        for (JsonObject step : json.objects("normalizers")) {
          steps.add(normalizer(step));
        }
        yield Normalizer.sequence(steps);
      }
      case "Prepend" -> Normalizer.prepend(json.string("prepend"));
      case "Replace" -> {
        JsonObject pattern = json.object("pattern");
        String literal = pattern.stringOrNull("String");
        yield literal != null
            ? Normalizer.replace(literal, json.string("content"))
            : Normalizer.replace(
                PatternSplit.compile(pattern.string("Regex")), json.string("content"));
      }
      case "NFC", "NFD", "NFKC", "NFKD" ->
          Normalizer.unicode(java.text.Normalizer.Form.valueOf(type));
      case "Lowercase" -> text -> text.toLowerCase(Locale.ROOT);
      case "Strip" ->
          Normalizer.strip(json.bool("strip_left", true), json.bool("strip_right", true));
      default ->
          throw HuggingFaceTokenizer.unsupported(
              "normalizer",
              type,
              "Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase, Strip");
    };
  }

  /** Appends the steps; true if the last one turns text into bytes. */
  private static boolean preTokenizers(@Nullable JsonObject json, List<PreTokenizer> steps)
      throws JsonException, TextFormatException {
    if (json == null) {
      return false;
    }
    String type = json.string("type");
    switch (type) {
      case "Sequence" -> {
        boolean bytes = false;
        for (JsonObject step : json.objects("pretokenizers")) {
          if (bytes) {
            throw new TextFormatException(
                "the pre-tokenizer ByteLevel is supported as last step only");
          }
          bytes = preTokenizers(step, steps);
        }
        return bytes;
      }
      case "ByteLevel" -> {
        if (json.bool("add_prefix_space", true)) {
          steps.add(HuggingFacePipeline::prefixSpace);
        }
        if (json.bool("use_regex", true)) {
          steps.add(WordScanner.GPT2);
        }
        return true;
      }
      case "Split" -> steps.add(split(json));
      case "Digits" ->
          steps.add(
              split(
                  json.bool("individual_digits", false) ? "\\p{N}" : "\\p{N}+",
                  PatternSplit.Behavior.ISOLATED));
      case "Metaspace" -> metaspace(json, steps);
      default ->
          throw HuggingFaceTokenizer.unsupported(
              "pre-tokenizer", type, "Sequence, ByteLevel, Split, Digits, Metaspace");
    }
    return false;
  }

  private static void prefixSpace(
      String text, int from, int to, boolean first, PreTokenizer.Sink out)
      throws TextFormatException {
    if (from < to && text.charAt(from) != ' ') {
      out.word(" " + text.substring(from, to), 0, to - from + 1);
    } else {
      out.word(text, from, to);
    }
  }

  private static PreTokenizer split(JsonObject json) throws JsonException, TextFormatException {
    JsonObject pattern = json.object("pattern");
    String literal = pattern.stringOrNull("String");
    String regex = literal != null ? Pattern.quote(literal) : pattern.string("Regex");
    boolean invert = json.bool("invert", false);
    String name = json.string("behavior");
    PatternSplit.Behavior behavior =
        switch (name) {
          case "Removed" -> PatternSplit.Behavior.REMOVED;
          case "Isolated" -> PatternSplit.Behavior.ISOLATED;
          case "MergedWithPrevious" -> PatternSplit.Behavior.MERGED_WITH_PREVIOUS;
          case "MergedWithNext" -> PatternSplit.Behavior.MERGED_WITH_NEXT;
          case "Contiguous" -> PatternSplit.Behavior.CONTIGUOUS;
          default ->
              throw HuggingFaceTokenizer.unsupported(
                  "split behavior",
                  name,
                  "Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
        };
    // These two match all text, so that isolating or removing what is between them is the same.
    if (behavior == PatternSplit.Behavior.ISOLATED
        || behavior == PatternSplit.Behavior.REMOVED && invert) {
      if (regex.equals(LLAMA3)) {
        return WordScanner.LLAMA3;
      }
      if (regex.equals(QWEN2)) {
        return WordScanner.QWEN2;
      }
    }
    return new PatternSplit(PatternSplit.compile(regex), invert, behavior);
  }

  private static PreTokenizer split(String regex, PatternSplit.Behavior behavior)
      throws TextFormatException {
    return new PatternSplit(PatternSplit.compile(regex), false, behavior);
  }

  private static void metaspace(JsonObject json, List<PreTokenizer> steps)
      throws JsonException, TextFormatException {
    String mark = json.string("replacement");
    if (mark.length() != 1) {
      throw new TextFormatException("the replacement of Metaspace must be one character");
    }
    String scheme = json.stringOrNull("prepend_scheme");
    if (scheme == null) {
      scheme = json.bool("add_prefix_space", true) ? "always" : "never";
    }
    boolean always = scheme.equals("always");
    boolean atStart = always || scheme.equals("first");
    steps.add(
        (text, from, to, first, out) -> {
          String marked = text.substring(from, to).replace(' ', mark.charAt(0));
          if ((always || atStart && first) && !marked.startsWith(mark)) {
            marked = mark + marked;
          }
          out.word(marked, 0, marked.length());
        });
    if (json.bool("split", true)) {
      steps.add(split(Pattern.quote(mark), PatternSplit.Behavior.MERGED_WITH_NEXT));
    }
  }

  private static void postProcessor(@Nullable JsonObject json, IntList prefix, IntList suffix)
      throws JsonException, TextFormatException {
    if (json == null) {
      return;
    }
    String type = json.string("type");
    switch (type) {
      case "Sequence" -> {
        for (JsonObject step : json.objects("processors")) {
          postProcessor(step, prefix, suffix);
        }
      }
      case "ByteLevel" -> {} // Offsets only.
      case "TemplateProcessing" -> {
        JsonObject tokens = json.object("special_tokens");
        boolean before = true;
        for (JsonObject part : json.objects("single")) {
          JsonObject token = part.objectOrNull("SpecialToken");
          if (token == null) {
            part.object("Sequence");
            before = false;
            continue;
          }
          for (long id : tokens.object(token.string("id")).integers("ids")) {
            (before ? prefix : suffix).add(Math.toIntExact(Math.clamp(id, -1, Integer.MAX_VALUE)));
          }
        }
      }
      default ->
          throw HuggingFaceTokenizer.unsupported(
              "post-processor", type, "Sequence, ByteLevel, TemplateProcessing");
    }
  }

  private static boolean leadingSpace(@Nullable JsonObject json)
      throws JsonException, TextFormatException {
    if (json == null) {
      return false;
    }
    String type = json.string("type");
    return switch (type) {
      case "Sequence" -> {
        boolean strips = false;
        for (JsonObject step : json.objects("decoders")) {
          strips |= leadingSpace(step);
        }
        yield strips;
      }
      case "Strip" -> json.integer("start", 0) > 0;
      case "Metaspace" ->
          !"never".equals(json.stringOrNull("prepend_scheme"))
              && json.bool("add_prefix_space", true);
      case "ByteLevel", "ByteFallback", "Fuse", "Replace" -> false;
      default ->
          throw HuggingFaceTokenizer.unsupported(
              "decoder",
              type,
              "Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace");
    };
  }
}
