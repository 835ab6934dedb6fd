package org.gatun.model.safetensors;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.json.Json;
import org.gatun.json.JsonException;
import org.gatun.json.JsonObject;
import org.gatun.model.ContentKey;
import org.gatun.model.MappedFile;
import org.gatun.model.ModelFormatException;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;

/**
 * An open safetensors file. The header is parsed and checked whole when it is opened; the data
 * stays in the mapping. Thread-safe. Tensors may not be used after {@link #close}.
 */
public final class SafetensorsFile implements WeightSource, AutoCloseable {
  /** Real headers have about 150 bytes per tensor. */
  static final long MAX_HEADER = 16L << 20;

  private static final int MAX_DIMS = 8;

  private final MappedFile file;
  private final Map<String, Tensor> tensors;
  private final long dataStart;

  private SafetensorsFile(MappedFile file) {
    this.file = file;
    MemorySegment bytes = file.data();
    long length =
        bytes.byteSize() < 8
            ? -1
            : bytes.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN), 0);
    if (length < 2 || length > MAX_HEADER) {
      throw error("not a safetensors file (its header length is impossible)");
    }
    if (length > bytes.byteSize() - 8) {
      throw error("the file ends inside its header (cut short?); fetch it again");
    }
    dataStart = 8 + length;
    byte[] json = new byte[(int) length];
    MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, 8, json, 0, json.length);
    Map<String, Tensor> byName = new LinkedHashMap<>();
    try {
      JsonObject header = Json.readObject(json);
      for (String name : header.names()) {
        if (!name.equals("__metadata__")) {
          byName.put(name, tensor(name, header.object(name)));
        }
      }
    } catch (JsonException e) {
      throw new ModelFormatException(
          file.path() + ": the header is damaged: " + e.getMessage() + "; fetch it again", e);
    }
    tensors = Collections.unmodifiableMap(byName);
  }

  /**
   * Opens and checks a file.
   *
   * @throws ModelFormatException if it is not a readable safetensors file, or is damaged
   */
  public static SafetensorsFile open(Path path) {
    MappedFile file = MappedFile.open(path);
    try {
      return file.guard(() -> new SafetensorsFile(file));
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  private ModelFormatException error(String what) {
    return new ModelFormatException(file.path() + ": " + what);
  }

  private Tensor tensor(String name, JsonObject entry) throws JsonException {
    DType dtype = dtype(name, entry.string("dtype"));
    List<Long> shape = entry.integers("shape");
    if (shape.size() > MAX_DIMS) {
      throw error("tensor " + name + " has " + shape.size() + " dimensions");
    }
    long elements = 1;
    for (long dim : shape) {
      if (dim < 1 || dim > Long.MAX_VALUE / 16 / elements) {
        throw error("tensor " + name + " has an impossible dimension (" + dim + ")");
      }
      elements *= dim;
    }
    List<Long> offsets = entry.integers("data_offsets");
    long room = file.data().byteSize() - dataStart;
    if (offsets.size() != 2 || offsets.get(0) < 0 || offsets.get(1) < offsets.get(0)) {
      throw error("tensor " + name + " has impossible offsets " + offsets);
    }
    if (offsets.get(1) > room) {
      throw error(
          "tensor %s ends at byte %d of the data, but there are %d (cut short?); fetch it again"
              .formatted(name, offsets.get(1), room));
    }
    long bytes = dtype.bytes(elements);
    if (offsets.get(1) - offsets.get(0) != bytes) {
      throw error(
          "tensor %s of shape %s needs %d bytes, its offsets %s give %d"
              .formatted(name, shape, bytes, offsets, offsets.get(1) - offsets.get(0)));
    }
    long cols = shape.isEmpty() ? 1 : shape.getLast();
    MemorySegment data = file.data().asSlice(dataStart + offsets.get(0), bytes);
    return Tensor.dense(name, dtype, elements / cols, cols, data);
  }

  private DType dtype(String tensor, String name) {
    return switch (name) {
      case "F32" -> DType.F32;
      case "F16" -> DType.F16;
      case "BF16" -> DType.BF16;
      case "F64" -> DType.F64;
      case "I8" -> DType.I8;
      case "I16" -> DType.I16;
      case "I32" -> DType.I32;
      case "I64" -> DType.I64;
      default ->
          throw error(
              "tensor %s has the type %s, which Gatun does not read; supported: F32, F16, BF16"
                  .formatted(tensor, name.length() > 32 ? name.substring(0, 32) : name));
    };
  }

  /** The mapping, to guard work that reads weights. */
  public MappedFile file() {
    return file;
  }

  /** All tensors by name, in the order of the header; outer dimensions are folded into rows. */
  public Map<String, Tensor> tensors() {
    return tensors;
  }

  @Override
  public Tensor weight(String name) {
    Tensor t = tensors.get(name);
    if (t == null) {
      throw new IllegalArgumentException(file.path() + ": no tensor named " + name);
    }
    return t;
  }

  @Override
  public boolean has(String name) {
    return tensors.containsKey(name);
  }

  @Override
  public String key() {
    return ContentKey.of(file, dataStart);
  }

  @Override
  public String content() {
    return ContentKey.timeless(file, dataStart);
  }

  @Override
  public void close() {
    file.close();
  }
}
