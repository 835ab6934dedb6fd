package org.gatun.model.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.function.Consumer;
import org.gatun.model.ModelFormatException;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.codec.Codecs;
import org.gatun.text.StringTable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufFileTest {
  @TempDir Path dir;

  static GgufWriter small() {
    ByteBuffer f32 = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < 6; i++) {
      f32.putFloat(4 * i, i);
    }
    return new GgufWriter()
        .put("general.architecture", "llama")
        .put("a.count", 7)
        .put("a.long", 1L << 40)
        .put("a.ratio", 0.5f)
        .put("a.flag", true)
        .put("a.words", StringTable.of(List.of("", "ab", "é")))
        .put("a.ints", new int[] {1, -2})
        .put("a.floats", new float[] {1.5f})
        .tensor("t", DType.F32, new long[] {3, 2}, f32)
        .tensor("q", DType.Q8_0, new long[] {32, 1, 2}, ByteBuffer.allocate(68));
  }

  private Path write(GgufWriter writer) throws IOException {
    Path path = dir.resolve("m.gguf");
    writer.write(path, done -> {});
    return path;
  }

  /** The error of the small file with some bytes changed. */
  private String errorAfter(Consumer<ByteBuffer> damage) throws IOException {
    Path path = write(small());
    byte[] bytes = Files.readAllBytes(path);
    damage.accept(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
    Files.write(path, bytes);
    return error(path);
  }

  private static String error(Path path) {
    try (GgufFile file = GgufFile.open(path)) {
      throw new AssertionError("opened " + file.tensors());
    } catch (ModelFormatException e) {
      assertThat(e.getMessage()).startsWith(path + ": ").doesNotContain("\n");
      return e.getMessage().substring(path.toString().length() + 2);
    }
  }

  private static int find(ByteBuffer file, String text) {
    return new String(file.array(), java.nio.charset.StandardCharsets.ISO_8859_1).indexOf(text);
  }

  @Test
  void readsWhatWasWritten() throws IOException {
    try (GgufFile file = GgufFile.open(write(small()))) {
      GgufMetadata meta = file.metadata();
      assertThat(file.version()).isEqualTo(3);
      assertThat(meta.string("general.architecture")).isEqualTo("llama");
      assertThat(meta.size("a.count")).isEqualTo(7);
      assertThat(meta.get("a.long")).isEqualTo(1L << 40);
      assertThat(meta.number("a.ratio")).isEqualTo(0.5);
      assertThat(meta.bool("a.flag", false)).isTrue();
      assertThat(((StringTable) meta.get("a.words")).get(2)).isEqualTo("é");
      assertThat((int[]) meta.get("a.ints")).containsExactly(1, -2);
      assertThat((float[]) meta.get("a.floats")).containsExactly(1.5f);

      Tensor t = file.weight("t");
      assertThat(List.of(t.rows(), t.cols())).containsExactly(2L, 3L);
      float[] row = new float[3];
      Codecs.decodeRow(t, 1, row);
      assertThat(row).containsExactly(3, 4, 5);
      assertThat(file.weight("q").rows()).isEqualTo(2);
      assertThat(file.tensors()).allMatch(x -> x.offset() % 32 == 0);
      assertThat(file.has("absent")).isFalse();
      assertThatThrownBy(() -> file.weight("absent"))
          .hasMessageContaining("no tensor named absent");
    }
  }

  @Test
  void keyFollowsTheContent() throws IOException {
    Path path = write(small());
    var time = Files.getLastModifiedTime(path);
    String before;
    String content;
    try (GgufFile file = GgufFile.open(path)) {
      before = file.key();
      content = file.content();
      assertThat(file.key()).isEqualTo(before).hasSize(32);
    }
    Files.setLastModifiedTime(path, FileTime.fromMillis(time.toMillis() + 5000));
    try (GgufFile file = GgufFile.open(path)) {
      assertThat(file.key()).isNotEqualTo(before);
      assertThat(file.content()).isEqualTo(content);
    }
    byte[] bytes = Files.readAllBytes(path);
    bytes[bytes.length - 1] ^= 1;
    Files.write(path, bytes);
    Files.setLastModifiedTime(path, time);
    try (GgufFile file = GgufFile.open(path)) {
      assertThat(file.key()).isNotEqualTo(before);
      assertThat(file.content()).isNotEqualTo(content);
    }
  }

  @Test
  void typedAccessNamesTheKey() throws IOException {
    try (GgufFile file = GgufFile.open(write(small()))) {
      GgufMetadata meta = file.metadata();
      assertThatThrownBy(() -> meta.size("b"))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageEndingWith("the metadata lacks b");
      assertThatThrownBy(() -> meta.string("a.count"))
          .hasMessageContaining("a.count must be a string");
      assertThatThrownBy(() -> meta.size("a.long")).hasMessageContaining("a.long is 1099511627776");
    }
  }

  @Test
  void version2IsReadToo() throws IOException {
    Path path = write(small());
    try (FileChannel out = FileChannel.open(path, StandardOpenOption.WRITE)) {
      out.write(ByteBuffer.wrap(new byte[] {2}), 4);
    }
    try (GgufFile file = GgufFile.open(path)) {
      assertThat(file.version()).isEqualTo(2);
    }
  }

  @Test
  void over2GiBIsMappedWhole() throws IOException {
    // A sparse file: the tensor's end lies beyond what an int can address.
    long n = (3L << 30) / 4;
    Path path = dir.resolve("big.gguf");
    new GgufWriter()
        .tensor(
            "big",
            DType.F32,
            new long[] {1024, n / 1024},
            out -> {
              FileChannel file = (FileChannel) out;
              file.position(file.position() + 4 * n - 4);
              file.write(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(0, 2.5f));
            })
        .write(path, done -> {});
    try (GgufFile file = GgufFile.open(path)) {
      float[] row = new float[1024];
      Codecs.decodeRow(file.weight("big"), n / 1024 - 1, row);
      assertThat(row[1023]).isEqualTo(2.5f);
    }
  }

  @Test
  void notAModel() throws IOException {
    assertThat(errorAfter(b -> b.put(0, (byte) 'X'))).startsWith("not a GGUF file");
    assertThat(errorAfter(b -> b.putInt(4, 1))).startsWith("GGUF version 1; Gatun reads");
    assertThat(errorAfter(b -> b.putInt(4, 0x03000000))).startsWith("a big-endian GGUF file");
    Path empty = dir.resolve("empty");
    Files.createFile(empty);
    assertThat(error(empty)).startsWith("the file is empty");
    assertThat(error(dir)).startsWith("is a directory");
    assertThat(error(dir.resolve("absent"))).isEqualTo("no such file");
  }

  @Test
  void everyTruncationIsRefused() throws IOException {
    Path path = write(small());
    byte[] whole = Files.readAllBytes(path);
    for (int length = 1; length < whole.length; length++) {
      Files.write(path, java.util.Arrays.copyOf(whole, length));
      assertThat(error(path))
          .containsAnyOf("ends inside its header", "cut short", "not a GGUF", "outside the file");
    }
  }

  @Test
  void impossibleCounts() throws IOException {
    assertThat(errorAfter(b -> b.putLong(8, -1)))
        .startsWith("the number of tensors is 18446744073709551615; at most");
    assertThat(errorAfter(b -> b.putLong(8, 1000))).startsWith("the file ends inside its header");
    assertThat(errorAfter(b -> b.putLong(16, 1L << 40)))
        .startsWith("the number of metadata pairs is");
    assertThat(errorAfter(b -> b.putLong(24, 1L << 62)))
        .startsWith("the length of a metadata key is");
    // "a.ints" is followed by: type 9 (array), element type, length.
    assertThat(errorAfter(b -> b.putLong(find(b, "a.ints") + 14, 1L << 40)))
        .startsWith("the length of a.ints is 1099511627776; at most");
    assertThat(errorAfter(b -> b.putInt(find(b, "a.ints") + 10, 9)))
        .startsWith("a.ints is an array of arrays");
    assertThat(errorAfter(b -> b.putInt(find(b, "a.ints") + 6, 99)))
        .startsWith("a.ints has the unknown value type 99");
  }

  @Test
  void impossibleTensors() throws IOException {
    // A one-letter name is followed by: u32 dims, u64 per dim, u32 type, u64 offset.
    assertThat(errorAfter(b -> b.putInt(tensorT(b), 5))).startsWith("tensor t has 5 dimensions");
    assertThat(errorAfter(b -> b.putLong(tensorT(b) + 4, 0)))
        .startsWith("tensor t has an impossible dimension (0)");
    assertThat(errorAfter(b -> b.putLong(tensorT(b) + 4, 1L << 58).putLong(tensorT(b) + 12, 64)))
        .startsWith("tensor t has an impossible dimension");
    assertThat(errorAfter(b -> b.putInt(tensorT(b) + 20, 16)))
        .startsWith(
            "tensor t has the type IQ2_XXS, which Gatun does not read; supported: F32, F16");
    assertThat(errorAfter(b -> b.putInt(tensorT(b) + 20, -7)))
        .contains("has the type number 4294967289");
    assertThat(errorAfter(b -> b.putInt(tensorT(b) + 20, 8)))
        .startsWith("tensor t has rows of 3 elements, which are not whole blocks of Q8_0");
    assertThat(errorAfter(b -> b.putLong(tensorT(b) + 24, 8))).contains("not aligned");
    assertThat(errorAfter(b -> b.putLong(tensorT(b) + 24, -32))).contains("outside the file");
    assertThat(errorAfter(b -> b.putLong(tensorT(b) + 24, 128))).contains("cut short?");
    assertThat(errorAfter(b -> b.put(tensorT(b) - 1, (byte) 'q')))
        .isEqualTo("tensor q occurs twice");
  }

  private static int tensorT(ByteBuffer b) {
    return find(b, "\1\0\0\0\0\0\0\0t") + 9;
  }

  @Test
  void duplicateAndOddMetadata() throws IOException {
    assertThat(errorAfter(b -> b.put(find(b, "a.flag"), "a.long".getBytes())))
        .isEqualTo("the metadata key a.long occurs twice");
    Path path = write(small().put("general.alignment", 24));
    assertThat(error(path)).startsWith("general.alignment is 24");
    path = write(small().put("split.count", 3));
    assertThat(error(path)).startsWith("one of 3 parts");
  }

  @Test
  void aFileThatShrinksWhileMappedGivesAClearError() throws IOException {
    Path path = dir.resolve("shrinks.gguf");
    int rows = 4096;
    new GgufWriter()
        .tensor("t", DType.F32, new long[] {1024, rows}, ByteBuffer.allocate(rows * 4096))
        .write(path, done -> {});
    try (GgufFile file = GgufFile.open(path)) {
      Tensor t = file.weight("t");
      float[] row = new float[1024];
      // Warm enough that the loop below runs compiled code.
      for (int i = 0; i < 20_000; i++) {
        Codecs.decodeRow(t, i % rows, row);
      }
      try (FileChannel out = FileChannel.open(path, StandardOpenOption.WRITE)) {
        out.truncate(64 << 10);
      }
      assertThatThrownBy(
              () ->
                  file.file()
                      .guard(
                          () -> {
                            for (int i = 0; i < rows; i++) {
                              Codecs.decodeRow(t, i, row);
                            }
                          }))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageContaining("shrank from")
          .hasMessageContaining("to 65536 bytes while in use");
      assertThatThrownBy(() -> file.file().checkSize()).hasMessageContaining("shrank from");
    }
  }
}
