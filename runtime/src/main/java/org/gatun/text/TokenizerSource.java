package org.gatun.text;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The tokenizer as a GGUF file describes it ({@code tokenizer.*} metadata). An id of -1 means that
 * the file has no such token.
 *
 * @param model {@code llama} (SentencePiece-style BPE by score) or {@code gpt2} (byte-level BPE)
 * @param pre the pre-tokenizer's name, such as {@code llama-bpe}; empty when absent
 * @param tokens the text of each token id
 * @param scores one per token, higher merges first; empty when absent
 * @param types a {@link TokenType} code per token; empty means all normal
 * @param merges {@code "left right"} in order of priority; empty when absent
 * @param bos begin of sequence
 * @param eos end of sequence
 * @param eot end of turn
 * @param unknown stands for text that has no token
 * @param padding fills unused places
 * @param addBos whether encoding begins with {@code bos}; null where the file does not say
 * @param addEos whether encoding ends with {@code eos}; null where the file does not say
 * @param addSpacePrefix whether text gets a leading space; null where the file does not say
 * @param chatTemplate the Jinja source of the chat template, or null
 */
public record TokenizerSource(
    String model,
    String pre,
    StringTable tokens,
    float[] scores,
    int[] types,
    StringTable merges,
    int bos,
    int eos,
    int eot,
    int unknown,
    int padding,
    @Nullable Boolean addBos,
    @Nullable Boolean addEos,
    @Nullable Boolean addSpacePrefix,
    @Nullable String chatTemplate) {

  /**
   * Reads the {@code tokenizer.*} keys through a lookup, which gives null for an absent key.
   *
   * <p>Accepted shapes: scalars as {@code String}, {@code Number}, {@code Boolean}; arrays of
   * strings as {@link StringTable}, {@code String[]} or {@code List}; arrays of numbers as {@code
   * float[]}, {@code int[]} or {@code List}.
   *
   * @throws TextFormatException if a key is missing or of another type
   */
  public static TokenizerSource fromMetadata(Function<String, ? extends @Nullable Object> lookup)
      throws TextFormatException {
    Reader in = new Reader(lookup);
    String model = in.string("tokenizer.ggml.model");
    if (model == null) {
      throw new TextFormatException("the model has no tokenizer (tokenizer.ggml.model is missing)");
    }
    String pre = in.string("tokenizer.ggml.pre");
    return new TokenizerSource(
        model,
        pre == null ? "" : pre,
        in.strings("tokenizer.ggml.tokens"),
        in.floats("tokenizer.ggml.scores"),
        in.ints("tokenizer.ggml.token_type"),
        in.strings("tokenizer.ggml.merges"),
        in.id("tokenizer.ggml.bos_token_id"),
        in.id("tokenizer.ggml.eos_token_id"),
        in.id("tokenizer.ggml.eot_token_id"),
        in.id("tokenizer.ggml.unknown_token_id"),
        in.id("tokenizer.ggml.padding_token_id"),
        in.flag("tokenizer.ggml.add_bos_token"),
        in.flag("tokenizer.ggml.add_eos_token"),
        in.flag("tokenizer.ggml.add_space_prefix"),
        in.string("tokenizer.chat_template"));
  }

  private record Reader(Function<String, ? extends @Nullable Object> lookup) {
    @Nullable String string(String key) throws TextFormatException {
      return scalar(key, String.class, "a string");
    }

    @Nullable Boolean flag(String key) throws TextFormatException {
      return scalar(key, Boolean.class, "a boolean");
    }

    int id(String key) throws TextFormatException {
      Number value = scalar(key, Number.class, "an integer");
      // Some converters write 2^32 - 1 for "none".
      return value == null ? -1 : (int) Math.max(-1, value.intValue());
    }

    StringTable strings(String key) throws TextFormatException {
      return switch (lookup.apply(key)) {
        case null -> StringTable.EMPTY;
        case StringTable table -> table;
        case String[] array -> StringTable.of(List.of(array));
        case List<?> list -> {
          byte[][] encoded = new byte[list.size()][];
          for (int i = 0; i < encoded.length; i++) {
            if (!(list.get(i) instanceof CharSequence text)) {
              throw wrong(key, "an array of strings");
            }
            encoded[i] = text.toString().getBytes(StandardCharsets.UTF_8);
          }
          yield StringTable.ofBytes(encoded);
        }
        default -> throw wrong(key, "an array of strings");
      };
    }

    float[] floats(String key) throws TextFormatException {
      return switch (lookup.apply(key)) {
        case null -> new float[0];
        case float[] array -> array;
        case List<?> list -> {
          float[] array = new float[list.size()];
          for (int i = 0; i < array.length; i++) {
            array[i] = number(key, list.get(i)).floatValue();
          }
          yield array;
        }
        default -> throw wrong(key, "an array of numbers");
      };
    }

    int[] ints(String key) throws TextFormatException {
      return switch (lookup.apply(key)) {
        case null -> new int[0];
        case int[] array -> array;
        case List<?> list -> {
          int[] array = new int[list.size()];
          for (int i = 0; i < array.length; i++) {
            array[i] = number(key, list.get(i)).intValue();
          }
          yield array;
        }
        default -> throw wrong(key, "an array of integers");
      };
    }

    private static Number number(String key, @Nullable Object value) throws TextFormatException {
      if (value instanceof Number number) {
        return number;
      }
      throw wrong(key, "an array of numbers");
    }

    private <T> @Nullable T scalar(String key, Class<T> type, String expected)
        throws TextFormatException {
      Object value = lookup.apply(key);
      if (value == null) {
        return null;
      }
      if (!type.isInstance(value)) {
        throw wrong(key, expected);
      }
      return type.cast(value);
    }

    private static TextFormatException wrong(String key, String expected) {
      return new TextFormatException(key + " must be " + expected);
    }
  }
}
