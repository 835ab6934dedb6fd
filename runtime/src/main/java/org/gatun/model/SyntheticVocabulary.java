package org.gatun.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.gatun.model.gguf.GgufWriter;
import org.gatun.text.StringTable;
import org.gatun.text.TokenType;

/**
 * A byte-level BPE vocabulary of any size without a corpus: the 256 bytes, all pairs of letters,
 * digits and the space, then triples until it is full, and Llama 3's places for special tokens.
 */
record SyntheticVocabulary(List<String> tokens, List<String> merges, int specials) {
  private static final int SPECIALS = 256;
  private static final String LETTERS =
      "Ġetaoinshrdlcumwfgypbvkjxqz" + "ETAOINSHRDLCUMWFGYPBVKJXQZ" + "0123456789.,";

  static SyntheticVocabulary of(int size) {
    List<String> tokens = new ArrayList<>(size);
    List<String> merges = new ArrayList<>(size);
    int extra = 256;
    for (int b = 0; b < 256; b++) {
      // GPT-2's spelling of bytes: printable Latin-1 as itself, the others from U+0100 up.
      boolean printable = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
      tokens.add(String.valueOf((char) (printable ? b : extra++)));
    }
    String[] letters = LETTERS.split("");
    int regular = size - SPECIALS;
    List<String> grown = Arrays.asList(letters);
    while (tokens.size() < regular) {
      List<String> longer = new ArrayList<>();
      for (String left : grown) {
        for (String right : letters) {
          if (tokens.size() < regular) {
            merges.add(left + " " + right);
            tokens.add(left + right);
            longer.add(left + right);
          }
        }
      }
      grown = longer;
    }
    tokens.add("<|begin_of_text|>");
    tokens.add("<|end_of_text|>");
    for (int i = 2; i < SPECIALS; i++) {
      tokens.add("<|reserved_special_token_" + i + "|>");
    }
    return new SyntheticVocabulary(tokens, merges, SPECIALS);
  }

  void putInto(GgufWriter w) {
    int regular = tokens.size() - specials;
    int[] types = new int[tokens.size()];
    Arrays.fill(types, 0, regular, TokenType.NORMAL.ordinal());
    Arrays.fill(types, regular, types.length, TokenType.CONTROL.ordinal());
    w.put("tokenizer.ggml.model", "gpt2")
        .put("tokenizer.ggml.pre", "llama-bpe")
        .put("tokenizer.ggml.tokens", StringTable.of(tokens))
        .put("tokenizer.ggml.token_type", types)
        .put("tokenizer.ggml.merges", StringTable.of(merges))
        .put("tokenizer.ggml.bos_token_id", regular)
        .put("tokenizer.ggml.eos_token_id", regular + 1)
        .put("tokenizer.ggml.add_bos_token", true);
  }
}
