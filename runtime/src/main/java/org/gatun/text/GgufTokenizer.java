package org.gatun.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.gatun.text.AddedTokens.Added;
import org.jspecify.annotations.Nullable;

/** Builds a tokenizer from GGUF metadata; where a file is silent, the defaults are llama.cpp's. */
final class GgufTokenizer {
  /** Control tokens that end a turn or a text in published vocabularies. */
  static final Set<String> END_PIECES =
      Set.of(
          "<|eot_id|>",
          "<|im_end|>",
          "<|end|>",
          "<|return|>",
          "<|call|>",
          "<end_of_turn>",
          "<|endoftext|>",
          "<|end_of_text|>",
          "<|eom_id|>",
          "<EOT>",
          "_<EOT>",
          "<｜end▁of▁sentence｜>",
          "<end_of_utterance>");

  private GgufTokenizer() {}

  static Tokenizer of(TokenizerSource source) throws TextFormatException {
    boolean byteLevel =
        switch (source.model()) {
          case "llama" -> false;
          case "gpt2" -> true;
          default ->
              throw new TextFormatException(
                  "unsupported tokenizer '"
                      + PatternSplit.excerpt(source.model())
                      + "'; supported: llama (SentencePiece BPE), gpt2 (byte-level BPE)");
        };
    int size = source.tokens().size();
    TokenType[] types = types(source, size);
    Vocabulary vocabulary = new Vocabulary(source.tokens(), types, byteLevel);
    for (int id : new int[] {source.bos(), source.eos(), source.eot(), source.unknown()}) {
      if (id >= size) {
        throw new TextFormatException(
            "special token id " + id + " is outside the vocabulary of " + size);
      }
    }
    List<Added> added = new ArrayList<>();
    Set<Integer> ends = new TreeSet<>();
    for (int id = 0; id < size; id++) {
      if (types[id] == TokenType.CONTROL || types[id] == TokenType.UNKNOWN) {
        String piece = vocabulary.piece(id);
        added.add(new Added(id, piece, true));
        if (END_PIECES.contains(piece)) {
          ends.add(id);
        }
      } else if (types[id] == TokenType.USER_DEFINED) {
        added.add(new Added(id, vocabulary.piece(id), false));
      }
    }
    if (source.eos() >= 0) {
      ends.add(source.eos());
    }
    if (source.eot() >= 0) {
      ends.add(source.eot());
    }
    boolean addBos =
        flag(source.addBos(), !byteLevel || scanner(source.pre()) == WordScanner.LLAMA3);
    boolean addEos = flag(source.addEos(), false);
    boolean addSpace = !byteLevel && flag(source.addSpacePrefix(), true);
    return new BpeTokenizer(
        new BpeTokenizer.Parts(
            vocabulary,
            byteLevel ? merges(source, vocabulary) : null,
            byteLevel ? new int[0] : order(source, size),
            byteLevel,
            scanner(source.pre()) == WordScanner.LLAMA3 || source.pre().equals("tekken"),
            new AddedTokens(added),
            new AddedTokens(List.of()),
            byteLevel ? Normalizer.NONE : spaceMarks(addSpace),
            byteLevel ? preTokenizer(source.pre()) : PreTokenizer.NONE,
            addBos && source.bos() >= 0 ? new int[] {source.bos()} : new int[0],
            addEos && source.eos() >= 0 ? new int[] {source.eos()} : new int[0],
            addSpace,
            source.unknown(),
            source.bos(),
            source.eos(),
            Set.copyOf(ends),
            source.chatTemplate()));
  }

  private static boolean flag(@Nullable Boolean value, boolean otherwise) {
    return value == null ? otherwise : value;
  }

  private static TokenType[] types(TokenizerSource source, int size) throws TextFormatException {
    TokenType[] types = new TokenType[size];
    int[] codes = source.types();
    if (codes.length != 0 && codes.length != size) {
      throw new TextFormatException(codes.length + " token types for " + size + " tokens");
    }
    Arrays.setAll(types, i -> codes.length == 0 ? TokenType.NORMAL : TokenType.of(codes[i]));
    return types;
  }

  private static int[] order(TokenizerSource source, int size) throws TextFormatException {
    if (source.scores().length != size) {
      throw new TextFormatException(
          source.scores().length + " token scores for " + size + " tokens");
    }
    return Merger.orderOf(source.scores());
  }

  private static Normalizer spaceMarks(boolean prefix) {
    return text -> {
      String marked = text.replace(' ', BpeTokenizer.SPACE_MARK);
      return prefix ? BpeTokenizer.SPACE_MARK + marked : marked;
    };
  }

  private static MergeTable merges(TokenizerSource source, Vocabulary vocabulary)
      throws TextFormatException {
    StringTable lines = source.merges();
    if (lines.size() == 0) {
      throw new TextFormatException("a byte-level tokenizer without merges");
    }
    MergeTable table = new MergeTable(lines.size());
    byte[] joined = new byte[256];
    for (int rank = 0; rank < lines.size(); rank++) {
      int from = lines.offsets()[rank];
      int to = lines.offsets()[rank + 1];
      int space = from + 1;
      while (space < to && lines.bytes()[space] != ' ') {
        space++;
      }
      if (space >= to - 1) {
        throw new TextFormatException(
            "merge " + rank + " is not two tokens: " + PatternSplit.excerpt(lines.get(rank)));
      }
      if (joined.length < to - from) {
        joined = new byte[2 * (to - from)];
      }
      int left = ByteLevel.decode(lines.bytes(), from, space, joined, 0);
      int right = ByteLevel.decode(lines.bytes(), space + 1, to, joined, Math.max(0, left));
      if (left < 0 || right < 0) {
        continue; // Not spelled byte-level, so no text produces it.
      }
      int a = vocabulary.find(joined, 0, left);
      int b = vocabulary.find(joined, left, left + right);
      int result = vocabulary.find(joined, 0, left + right);
      if (a >= 0 && b >= 0 && result >= 0) {
        table.add(a, b, rank, result);
      }
    }
    return table;
  }

  private static PreTokenizer preTokenizer(String pre) throws TextFormatException {
    return switch (pre) {
      case "", "default" ->
          PreTokenizer.sequence(
              List.of(
                  isolated("[\\p{P}$+<=>^~|`]+"),
                  WordScanner.GPT2,
                  isolated("\\p{N}+"),
                  isolated("[0-9][0-9][0-9]")));
      case "smollm", "starcoder", "refact", "command-r", "codeshell" ->
          PreTokenizer.sequence(List.of(isolated("\\p{N}"), WordScanner.GPT2));
      case "tekken" ->
          isolated(
              "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*"
                  + "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
                  + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+"
                  + "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
                  + "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+");
      default -> {
        PreTokenizer scanner = scanner(pre);
        if (scanner == PreTokenizer.NONE) {
          throw new TextFormatException(
              "unsupported pre-tokenizer '"
                  + PatternSplit.excerpt(pre)
                  + "'; supported: default, gpt-2, llama-bpe, qwen2, smollm, tekken and those that"
                  + " equal them");
        }
        yield scanner;
      }
    };
  }

  private static PreTokenizer scanner(String pre) {
    return switch (pre) {
      case "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "lfm2" ->
          WordScanner.LLAMA3;
      case "qwen2", "deepseek-r1-qwen" -> WordScanner.QWEN2;
      case "gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais" -> WordScanner.GPT2;
      default -> PreTokenizer.NONE;
    };
  }

  private static PreTokenizer isolated(String regex) throws TextFormatException {
    Pattern pattern = PatternSplit.compile(regex);
    return new PatternSplit(pattern, false, PatternSplit.Behavior.ISOLATED);
  }
}
