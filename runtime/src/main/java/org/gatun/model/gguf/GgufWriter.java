package org.gatun.model.gguf;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import org.gatun.tensor.DType;
import org.gatun.text.StringTable;

/**
 * Writes a GGUF version 3 file: add metadata and tensors, then {@link #write}.
 *
 * <p>Not thread-safe. Metadata values are {@code Integer} (u32), {@code Long} (u64), {@code Float},
 * {@code Boolean}, {@code String}, {@link StringTable}, {@code int[]} (i32) or {@code float[]}.
 */
public final class GgufWriter {
  private static final int ALIGNMENT = 32;

  /** Writes a tensor's bytes, front to back, in pieces of any size. */
  @FunctionalInterface
  public interface Content {
    void writeTo(WritableByteChannel out) throws IOException;
  }

  private record Pending(String name, DType dtype, long[] shape, Content content) {
    long bytes() {
      long elements = 1;
      for (long dim : shape) {
        elements = Math.multiplyExact(elements, dim);
      }
      return dtype.bytes(elements);
    }
  }

  private final Map<String, Object> metadata = new LinkedHashMap<>();
  private final List<Pending> tensors = new ArrayList<>();

  /** Adds a metadata pair. */
  public GgufWriter put(String key, Object value) {
    metadata.put(key, value);
    return this;
  }

  /**
   * Adds a tensor.
   *
   * @param shape the fastest dimension (elements of a row) first
   */
  public GgufWriter tensor(String name, DType dtype, long[] shape, Content content) {
    if (shape.length == 0 || shape[0] % dtype.blockSize() != 0) {
      throw new IllegalArgumentException(name + ": rows are not whole blocks of " + dtype);
    }
    tensors.add(new Pending(name, dtype, shape.clone(), content));
    return this;
  }

  /** Adds a tensor whose bytes are in memory. */
  public GgufWriter tensor(String name, DType dtype, long[] shape, ByteBuffer bytes) {
    return tensor(
        name,
        dtype,
        shape,
        out -> {
          ByteBuffer rest = bytes.duplicate();
          while (rest.hasRemaining()) {
            out.write(rest);
          }
        });
  }

  /** Bytes of the data of all tensors, padding not counted. */
  public long dataBytes() {
    return tensors.stream().mapToLong(Pending::bytes).sum();
  }

  /**
   * Writes the file, replacing one that is there.
   *
   * @param progress is told the data bytes written so far, after each tensor
   */
  public void write(Path path, LongConsumer progress) throws IOException {
    try (FileChannel out =
        FileChannel.open(
            path,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      writeHeader(out);
      long done = 0;
      for (Pending tensor : tensors) {
        pad(out);
        long start = out.position();
        tensor.content.writeTo(out);
        long written = out.position() - start;
        if (written != tensor.bytes()) {
          throw new IOException(
              "%s: %d bytes written, %d expected".formatted(tensor.name, written, tensor.bytes()));
        }
        progress.accept(done += written);
      }
      out.force(false);
    }
  }

  private static void pad(FileChannel out) throws IOException {
    int gap = (int) (-out.position() & (ALIGNMENT - 1));
    writeAll(out, ByteBuffer.allocate(gap));
  }

  private static void writeAll(WritableByteChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  private void writeHeader(FileChannel channel) throws IOException {
    Header out = new Header(new BufferedOutputStream(Channels.newOutputStream(channel)));
    out.raw("GGUF".getBytes(StandardCharsets.US_ASCII));
    out.i32(3);
    out.i64(tensors.size());
    out.i64(metadata.size());
    for (Map.Entry<String, Object> pair : metadata.entrySet()) {
      out.string(pair.getKey());
      out.value(pair.getKey(), pair.getValue());
    }
    long offset = 0;
    for (Pending tensor : tensors) {
      out.string(tensor.name);
      out.i32(tensor.shape.length);
      for (long dim : tensor.shape) {
        out.i64(dim);
      }
      out.i32(tensor.dtype.ggmlId());
      out.i64(offset);
      offset = Math.addExact(offset, tensor.bytes());
      offset += -offset & (ALIGNMENT - 1);
    }
    out.stream.flush();
    pad(channel);
  }

  private record Header(OutputStream stream) {
    void raw(byte[] bytes) throws IOException {
      stream.write(bytes);
    }

    void i32(int value) throws IOException {
      raw(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    }

    void i64(long value) throws IOException {
      raw(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
    }

    void type(GgufValueType type) throws IOException {
      i32(type.ordinal());
    }

    void array(GgufValueType element, long length) throws IOException {
      type(GgufValueType.ARRAY);
      type(element);
      i64(length);
    }

    void string(String text) throws IOException {
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      i64(utf8.length);
      raw(utf8);
    }

    void value(String key, Object value) throws IOException {
      switch (value) {
        case Integer x -> {
          type(GgufValueType.U32);
          i32(x);
        }
        case Long x -> {
          type(GgufValueType.U64);
          i64(x);
        }
        case Float x -> {
          type(GgufValueType.F32);
          i32(Float.floatToRawIntBits(x));
        }
        case Boolean x -> {
          type(GgufValueType.BOOL);
          stream.write(x ? 1 : 0);
        }
        case String x -> {
          type(GgufValueType.STRING);
          string(x);
        }
        case StringTable x -> {
          array(GgufValueType.STRING, x.size());
          for (int i = 0; i < x.size(); i++) {
            i64(x.length(i));
            stream.write(x.bytes(), x.offsets()[i], x.length(i));
          }
        }
        case int[] x -> {
          array(GgufValueType.I32, x.length);
          for (int element : x) {
            i32(element);
          }
        }
        case float[] x -> {
          array(GgufValueType.F32, x.length);
          for (float element : x) {
            i32(Float.floatToRawIntBits(element));
          }
        }
        default ->
            throw new IllegalArgumentException(key + ": " + value.getClass() + " has no GGUF type");
      }
    }
  }
}
