package org.gatun.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Byte-pair encoding, SentencePiece-style or byte-level: added tokens are cut out, the text between
 * them is normalized, cut into words and merged.
 */
final class BpeTokenizer implements Tokenizer {
  /** SentencePiece's stand-in for a space, U+2581. */
  static final char SPACE_MARK = '▁';

  private static final byte[] EMPTY = {};

  /**
   * What makes up a tokenizer.
   *
   * @param merges by rank, or null to merge by {@code order}
   * @param order see {@link Merger#orderOf}; empty with merges
   * @param byteLevel the vocabulary is spelled byte-level
   * @param wholeWords a word that is a token is not merged at all
   * @param added tokens matched in the text as it is
   * @param addedNormalized tokens matched in the normalized text
   * @param prefix ids put before the text where the caller asks for special tokens
   * @param suffix ids put after it
   * @param leadingSpace decoding takes one space off the front of the text
   */
  record Parts(
      Vocabulary vocabulary,
      @Nullable MergeTable merges,
      int[] order,
      boolean byteLevel,
      boolean wholeWords,
      AddedTokens added,
      AddedTokens addedNormalized,
      Normalizer normalizer,
      PreTokenizer preTokenizer,
      int[] prefix,
      int[] suffix,
      boolean leadingSpace,
      int unknown,
      int bos,
      int eos,
      Set<Integer> endIds,
      @Nullable String chatTemplate) {}

  private final Parts parts;
  private final Vocabulary vocabulary;

  BpeTokenizer(Parts parts) {
    this.parts = parts;
    this.vocabulary = parts.vocabulary();
  }

  @Override
  public int[] encode(String text, boolean addSpecial, boolean parseSpecial) {
    try {
      Encoding encoding = new Encoding(parseSpecial);
      if (addSpecial) {
        encoding.out.addAll(parts.prefix());
      }
      parts.added().split(text, 0, text.length(), parseSpecial, encoding);
      if (addSpecial) {
        encoding.out.addAll(parts.suffix());
      }
      return encoding.out.toArray();
    } catch (TextFormatException e) {
      // Only a pattern from a file that backtracks without end.
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  /** One call of encode: text between added tokens, then between normalized ones, then words. */
  private final class Encoding implements AddedTokens.Sink, PreTokenizer.Sink {
    final IntList out = new IntList();
    private final boolean parseSpecial;
    private final Utf8Buffer buffer = new Utf8Buffer();
    private final Merger merger =
        new Merger(vocabulary, parts.merges(), parts.order(), parts.byteLevel(), parts.unknown());

    Encoding(boolean parseSpecial) {
      this.parseSpecial = parseSpecial;
    }

    @Override
    public void text(String text, int from, int to) throws TextFormatException {
      boolean first = from == 0;
      String normal = parts.normalizer().apply(text.substring(from, to));
      if (parts.addedNormalized().isEmpty()) {
        parts.preTokenizer().split(normal, 0, normal.length(), first, this);
        return;
      }
      parts
          .addedNormalized()
          .split(
              normal,
              0,
              normal.length(),
              parseSpecial,
              new AddedTokens.Sink() {
                @Override
                public void text(String s, int begin, int end) throws TextFormatException {
                  parts.preTokenizer().split(s, begin, end, first && begin == 0, Encoding.this);
                }

                @Override
                public void token(int id) {
                  out.add(id);
                }
              });
    }

    @Override
    public void token(int id) {
      out.add(id);
    }

    @Override
    public void word(String text, int from, int to) {
      buffer.encode(text, from, to);
      if (parts.wholeWords()) {
        int id = vocabulary.find(buffer.bytes(), 0, buffer.length());
        if (id >= 0) {
          out.add(id);
          return;
        }
      }
      merger.encode(buffer.bytes(), buffer.length(), out);
    }
  }

  @Override
  public String decode(int... ids) {
    StringBuilder out = new StringBuilder(ids.length * 4);
    StreamDecoder decoder = streamDecoder();
    for (int id : ids) {
      decoder.accept(id, out);
    }
    decoder.finish(out);
    if (parts.leadingSpace() && !out.isEmpty() && out.charAt(0) == ' ') {
      out.deleteCharAt(0);
    }
    return out.toString();
  }

  @Override
  public StreamDecoder streamDecoder() {
    return new StreamDecoder(this);
  }

  @Override
  public int vocabularySize() {
    return vocabulary.size();
  }

  @Override
  public String piece(int id) {
    return vocabulary.piece(id);
  }

  @Override
  public byte[] bytes(int id) {
    TokenType type = vocabulary.type(id);
    if (type == TokenType.CONTROL || type == TokenType.UNKNOWN) {
      return EMPTY;
    }
    if (type == TokenType.BYTE) {
      int value = vocabulary.byteValue(id);
      return value < 0 ? EMPTY : new byte[] {(byte) value};
    }
    StringTable surface = vocabulary.surface();
    byte[] bytes =
        Arrays.copyOfRange(surface.bytes(), surface.offsets()[id], surface.offsets()[id + 1]);
    return parts.byteLevel() ? bytes : spaces(bytes);
  }

  /** Space marks (E2 96 81 in UTF-8) become spaces. */
  private static byte[] spaces(byte[] bytes) {
    int to = 0;
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == (byte) 0xe2
          && i + 2 < bytes.length
          && bytes[i + 1] == (byte) 0x96
          && bytes[i + 2] == (byte) 0x81) {
        bytes[to++] = ' ';
        i += 2;
      } else {
        bytes[to++] = bytes[i];
      }
    }
    return to == bytes.length ? bytes : Arrays.copyOf(bytes, to);
  }

  @Override
  public TokenType type(int id) {
    return vocabulary.type(id);
  }

  @Override
  public int id(String piece) {
    return vocabulary.idOf(piece.getBytes(StandardCharsets.UTF_8));
  }

  @Override
  public int bos() {
    return parts.bos();
  }

  @Override
  public int eos() {
    return parts.eos();
  }

  @Override
  public Set<Integer> endIds() {
    return parts.endIds();
  }

  @Override
  public @Nullable String chatTemplate() {
    return parts.chatTemplate();
  }
}
