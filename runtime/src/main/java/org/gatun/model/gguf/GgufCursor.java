package org.gatun.model.gguf;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.IntFunction;
import org.gatun.model.ModelFormatException;
import org.gatun.text.StringTable;

/**
 * Reads the header front to back. Every length is checked against the rest of the file and against
 * a fixed budget before anything is allocated for it.
 */
final class GgufCursor {
  /** Real vocabularies have at most a few hundred thousand entries. */
  static final long MAX_ARRAY = 1L << 24;

  /** Chat templates are the longest single strings. */
  static final long MAX_STRING = (1L << 24) - 1;

  private static final int WINDOW = 1 << 16;

  static final long MAX_NAME = 1L << 16;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);

  private final Path path;
  private final MemorySegment data;
  private long at;
  private long budget = 512L << 20;

  GgufCursor(Path path, MemorySegment data) {
    this.path = path;
    this.data = data;
  }

  long position() {
    return at;
  }

  long remaining() {
    return data.byteSize() - at;
  }

  ModelFormatException error(String what) {
    return new ModelFormatException(path + ": " + what);
  }

  private long take(long bytes, String what) {
    if (bytes > remaining()) {
      throw error(
          "the file ends inside its header (%s needs %s bytes at %d, the file has %d); fetch it again"
              .formatted(what, Long.toUnsignedString(bytes), at, data.byteSize()));
    }
    long from = at;
    at += bytes;
    return from;
  }

  private void allocate(long bytes) {
    budget -= bytes;
    if (budget < 0) {
      throw error("the metadata is larger than Gatun accepts (512 MiB)");
    }
  }

  int u8(String what) {
    return data.get(ValueLayout.JAVA_BYTE, take(1, what)) & 0xFF;
  }

  short i16(String what) {
    return data.get(SHORT, take(2, what));
  }

  int i32(String what) {
    return data.get(INT, take(4, what));
  }

  long i64(String what) {
    return data.get(LONG, take(8, what));
  }

  /** A count of things of which each takes at least {@code minBytes} of the file. */
  long count(String what, long minBytes, long max) {
    long count = i64(what);
    if (count < 0 || count > max) {
      throw error(
          "%s is %s; at most %d are accepted".formatted(what, Long.toUnsignedString(count), max));
    }
    if (count > remaining() / minBytes) {
      throw error(
          "the file ends inside its header (%s is %d, only %d bytes follow); fetch it again"
              .formatted(what, count, remaining()));
    }
    return count;
  }

  String string(String what, long max) {
    int length = (int) count("the length of " + what, 1, max);
    allocate(2L * length);
    byte[] bytes = new byte[length];
    MemorySegment.copy(data, ValueLayout.JAVA_BYTE, take(length, what), bytes, 0, length);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /**
   * Strings, each behind its length. A vocabulary has a quarter million of them and is read by cold
   * code, so they come through a buffer on the heap: reading it costs an array access, a segment a
   * deep call.
   */
  StringTable strings(String what, int count) {
    allocate(4L * count);
    int[] offsets = new int[count + 1];
    byte[] text = new byte[Math.toIntExact(Math.min(remaining(), 8L * count))];
    allocate(text.length);
    byte[] window = new byte[(int) Math.min(remaining(), WINDOW)];
    long windowAt = at - window.length; // nothing is in it yet
    for (int i = 0; i < count; i++) {
      int in = (int) (at - windowAt);
      if (in > window.length - 8) {
        windowAt = Math.min(at, data.byteSize() - window.length);
        MemorySegment.copy(data, ValueLayout.JAVA_BYTE, windowAt, window, 0, window.length);
        in = (int) (at - windowAt);
      }
      int length = stringLength(window, in, what);
      int out = offsets[i];
      if (length > text.length - out) {
        allocate((long) length + text.length);
        text = Arrays.copyOf(text, Math.addExact(out + length, text.length));
      }
      if (length <= window.length - in - 8) {
        System.arraycopy(window, in + 8, text, out, length);
      } else {
        MemorySegment.copy(data, ValueLayout.JAVA_BYTE, at + 8, text, out, length);
      }
      offsets[i + 1] = out + length;
      at += 8 + length;
    }
    return new StringTable(Arrays.copyOf(text, offsets[count]), offsets);
  }

  /** The length before a string at {@code in}, whose text must lie within the file. */
  private int stringLength(byte[] window, int in, String what) {
    if (remaining() < 8) {
      take(8, what);
    }
    int length = window[in] & 0xFF | (window[in + 1] & 0xFF) << 8 | (window[in + 2] & 0xFF) << 16;
    int high = window[in + 3] | window[in + 4] | window[in + 5] | window[in + 6] | window[in + 7];
    if (high != 0 || length > remaining() - 8) {
      // Not what real files have: the careful way says what is wrong.
      String text = "the length of a string in " + what;
      take(count(text, 1, MAX_STRING), text);
    }
    return length;
  }

  /** Integers of one byte, sign-extended or not. */
  int[] bytes(String what, int count, boolean signed) {
    allocate(4L * count);
    long from = take(count, what);
    int[] values = new int[count];
    for (int i = 0; i < count; i++) {
      int value = data.get(ValueLayout.JAVA_BYTE, from + i);
      values[i] = signed ? value : value & 0xFF;
    }
    return values;
  }

  /** Integers of two bytes, sign-extended or not. */
  int[] shorts(String what, int count, boolean signed) {
    allocate(4L * count);
    long from = take(2L * count, what);
    int[] values = new int[count];
    for (int i = 0; i < count; i++) {
      int value = data.get(SHORT, from + 2L * i);
      values[i] = signed ? value : value & 0xFFFF;
    }
    return values;
  }

  int[] ints(String what, int count) {
    return array(INT, what, count, int[]::new);
  }

  float[] floats(String what, int count) {
    return array(
        ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN), what, count, float[]::new);
  }

  long[] longs(String what, int count) {
    return array(LONG, what, count, long[]::new);
  }

  double[] doubles(String what, int count) {
    return array(
        ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(LITTLE_ENDIAN), what, count, double[]::new);
  }

  /** An array of primitives, laid out in the file as {@code layout} says. */
  private <A> A array(ValueLayout layout, String what, int count, IntFunction<A> create) {
    long bytes = layout.byteSize() * count;
    allocate(bytes);
    A values = create.apply(count);
    MemorySegment.copy(data, layout, take(bytes, what), values, 0, count);
    return values;
  }
}
