package org.gatun.model.gguf;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.model.ContentKey;
import org.gatun.model.MappedFile;
import org.gatun.model.ModelFormatException;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;

/**
 * An open GGUF file (version 2 or 3). The header is parsed and checked whole when it is opened; the
 * weights stay in the mapping. Thread-safe. Weights may not be used after {@link #close}.
 */
public final class GgufFile implements WeightSource, AutoCloseable {
  private static final int MAGIC = 0x46554747; // "GGUF"
  private static final long MAX_PAIRS = 1 << 16;
  private static final long MAX_TENSORS = 1 << 18;
  private static final long MAX_ALIGNMENT = 1 << 20;

  private final MappedFile file;
  private final int version;
  private final GgufMetadata metadata;
  private final Map<String, GgufTensor> tensors;
  private final long headerBytes;

  private GgufFile(MappedFile file) {
    this.file = file;
    GgufCursor in = new GgufCursor(file.path(), file.data());
    version = readVersion(in);
    // A tensor takes at least a name, a dimension, a type and an offset; a pair a name, a type, a
    // byte.
    long tensorCount = in.count("the number of tensors", 33, MAX_TENSORS);
    long pairCount = in.count("the number of metadata pairs", 14, MAX_PAIRS);
    metadata = readMetadata(in, file.path(), (int) pairCount);
    tensors = readTensors(in, (int) tensorCount);
    headerBytes = in.position();
  }

  /**
   * Opens and checks a file.
   *
   * @throws ModelFormatException if it is not a readable GGUF file, or is damaged
   */
  public static GgufFile open(Path path) {
    MappedFile file = MappedFile.open(path);
    try {
      return file.guard(() -> new GgufFile(file));
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  private static int readVersion(GgufCursor in) {
    if (in.remaining() < 4 || in.i32("the magic number") != MAGIC) {
      throw in.error("not a GGUF file (it does not begin with \"GGUF\")");
    }
    int version = in.i32("the version");
    if (version == Integer.reverseBytes(2) || version == Integer.reverseBytes(3)) {
      throw in.error("a big-endian GGUF file; Gatun reads little-endian ones");
    }
    if (version != 2 && version != 3) {
      throw in.error(
          "GGUF version %s; Gatun reads versions 2 and 3"
              .formatted(Integer.toUnsignedString(version)));
    }
    return version;
  }

  private static GgufMetadata readMetadata(GgufCursor in, Path path, int count) {
    Map<String, Object> values = new LinkedHashMap<>();
    for (int i = 0; i < count; i++) {
      String key = in.string("a metadata key", GgufCursor.MAX_NAME);
      Object value = GgufValueType.read(in, key).readValue(in, key);
      if (values.put(key, value) != null) {
        throw in.error("the metadata key " + key + " occurs twice");
      }
    }
    GgufMetadata metadata = new GgufMetadata(path, Collections.unmodifiableMap(values));
    int parts = metadata.size("split.count", 0);
    if (parts > 1) {
      throw in.error(
          "one of %d parts of a model; join them with llama-gguf-split --merge".formatted(parts));
    }
    return metadata;
  }

  private Map<String, GgufTensor> readTensors(GgufCursor in, int count) {
    int alignment = metadata.size("general.alignment", 32);
    if (Integer.bitCount(alignment) != 1 || alignment > MAX_ALIGNMENT) {
      throw in.error(
          "general.alignment is " + alignment + "; it must be a power of two up to 2^20");
    }
    // Offsets count from the data section, which begins where the list ends.
    List<GgufTensor> relative = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      relative.add(readTensor(in, alignment));
    }
    long base = (in.position() + alignment - 1) / alignment * alignment;
    Map<String, GgufTensor> byName = new LinkedHashMap<>();
    for (GgufTensor t : relative) {
      long room = file.data().byteSize() - base - t.offset();
      if (room < t.bytes()) {
        throw in.error(
            "tensor %s needs %d bytes at %d, but the file has %d bytes (cut short?); fetch it again"
                .formatted(t.name(), t.bytes(), base + t.offset(), file.data().byteSize()));
      }
      GgufTensor absolute =
          new GgufTensor(t.name(), t.dtype(), t.shape(), base + t.offset(), t.bytes());
      if (byName.put(t.name(), absolute) != null) {
        throw in.error("tensor " + t.name() + " occurs twice");
      }
    }
    return Collections.unmodifiableMap(byName);
  }

  private GgufTensor readTensor(GgufCursor in, int alignment) {
    String name = in.string("a tensor name", GgufCursor.MAX_NAME);
    String what = "tensor " + name;
    int dims = in.i32(what);
    if (dims < 1 || dims > 4) {
      throw in.error(
          "%s has %s dimensions; 1 to 4 are possible"
              .formatted(what, Integer.toUnsignedString(dims)));
    }
    List<Long> shape = new ArrayList<>(dims);
    long elements = 1;
    for (int d = 0; d < dims; d++) {
      long dim = in.i64(what);
      // No type has more than 8 elements in a byte, so a larger product cannot be in the file.
      if (dim < 1 || dim > Long.MAX_VALUE / 16 / elements) {
        throw in.error(
            "%s has an impossible dimension (%s)".formatted(what, Long.toUnsignedString(dim)));
      }
      elements *= dim;
      shape.add(dim);
    }
    int type = in.i32(what);
    DType dtype =
        DType.ofGgml(type)
            .orElseThrow(
                () ->
                    in.error(
                        "%s has the type %s, which Gatun does not read; supported: %s"
                            .formatted(what, GgmlTypes.name(type), GgmlTypes.supported())));
    if (shape.getFirst() % dtype.blockSize() != 0) {
      throw in.error(
          "%s has rows of %d elements, which are not whole blocks of %s (%d)"
              .formatted(what, shape.getFirst(), dtype, dtype.blockSize()));
    }
    long offset = in.i64(what);
    if (offset < 0 || offset > file.data().byteSize() || offset % alignment != 0) {
      throw in.error(
          "%s has the offset %s, which is outside the file or not aligned to %d bytes"
              .formatted(what, Long.toUnsignedString(offset), alignment));
    }
    return new GgufTensor(
        name, dtype, Collections.unmodifiableList(shape), offset, dtype.bytes(elements));
  }

  public Path path() {
    return file.path();
  }

  /** The mapping, to guard work that reads weights. */
  public MappedFile file() {
    return file;
  }

  public int version() {
    return version;
  }

  public GgufMetadata metadata() {
    return metadata;
  }

  /** All tensors in the order of the header. */
  public Collection<GgufTensor> tensors() {
    return tensors.values();
  }

  @Override
  public Tensor weight(String name) {
    GgufTensor t = tensors.get(name);
    if (t == null) {
      throw new IllegalArgumentException(path() + ": no tensor named " + name);
    }
    MemorySegment bytes = file.data().asSlice(t.offset(), t.bytes());
    return Tensor.dense(name, t.dtype(), t.rows(), t.cols(), bytes);
  }

  @Override
  public boolean has(String name) {
    return tensors.containsKey(name);
  }

  @Override
  public String key() {
    return ContentKey.of(file, headerBytes);
  }

  @Override
  public String content() {
    return ContentKey.timeless(file, headerBytes);
  }

  @Override
  public void close() {
    file.close();
  }
}
