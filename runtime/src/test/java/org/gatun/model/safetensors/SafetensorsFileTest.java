package org.gatun.model.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.gatun.model.ModelFormatException;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.codec.Codecs;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsFileTest {
  private static final String GOOD =
      """
      {"__metadata__": {"format": "pt"},
       "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
       "b": {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]}}\
      """;

  @TempDir Path dir;

  /** A file of this header and 32 bytes of data: 0f, 1f, ... */
  private Path file(String header) throws IOException {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer b = ByteBuffer.allocate(8 + json.length + 32).order(ByteOrder.LITTLE_ENDIAN);
    b.putLong(json.length).put(json);
    for (int i = 0; i < 8; i++) {
      b.putFloat(i);
    }
    return Files.write(dir.resolve("m.safetensors"), b.array());
  }

  @Test
  void readsTensorsWhereTheyLie() throws IOException {
    try (SafetensorsFile f = SafetensorsFile.open(file(GOOD))) {
      assertThat(f.tensors()).containsOnlyKeys("a", "b");
      Tensor a = f.weight("a");
      assertThat(a.rows()).isEqualTo(2);
      float[] row = new float[3];
      Codecs.decodeRow(a, 1, row);
      assertThat(row).containsExactly(3, 4, 5);
      assertThat(f.weight("b").dtype()).isEqualTo(DType.BF16);
      assertThat(f.key()).hasSize(32);
      assertThatThrownBy(() -> f.weight("c")).hasMessageContaining("no tensor named c");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'F32', \"shape\": [2, 3] | F8_E4M3, \"shape\": [2, 3] | has the type F8_E4M3",
        "[2, 3] | [2, -3] | impossible dimension (-3)",
        "[2, 3] | [0] | impossible dimension (0)",
        "[2, 3] | [4611686018427387904, 8] | impossible dimension",
        "[2, 3] | [2, 4] | needs 32 bytes, its offsets [0, 24] give 24",
        "[2, 3] | [2.5] | must be an array of integers",
        "[2, 3] | [1,1,1,1,1,1,1,1,6] | 9 dimensions",
        "[0, 24] | [24, 0] | impossible offsets",
        "[0, 24] | [-8, 16] | impossible offsets",
        "[0, 24] | [0] | impossible offsets",
        "[0, 24] | [9000, 9024] | cut short?",
        "\"shape\" | \"shapes\" | needs 4 bytes",
        "\"b\" | \"a\" | header is damaged",
        "}} | } | header is damaged",
      })
  void damagedHeaders(String from, String to, String message) throws IOException {
    String header =
        GOOD.replace(
            from.replace("'", "\""), to.startsWith("F8") ? "\"F8_E4M3\"" + to.substring(7) : to);
    assertThat(header).isNotEqualTo(GOOD);
    Path path = file(header);
    assertThatThrownBy(() -> SafetensorsFile.open(path))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageStartingWith(path.toString())
        .hasMessageContaining(message);
  }

  @Test
  void everyTruncationIsRefused() throws IOException {
    Path path = file(GOOD);
    byte[] whole = Files.readAllBytes(path);
    for (int n = 0; n < whole.length; n++) {
      Files.write(path, Arrays.copyOf(whole, n));
      assertThatThrownBy(() -> SafetensorsFile.open(path)).isInstanceOf(ModelFormatException.class);
    }
  }

  @Test
  void hugeHeaderLengthAllocatesNothing() throws IOException {
    Path path = file(GOOD);
    byte[] whole = Files.readAllBytes(path);
    for (long length : new long[] {-1, 0, 1, 1L << 30, Long.MAX_VALUE}) {
      ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
      Files.write(path, whole);
      assertThatThrownBy(() -> SafetensorsFile.open(path)).hasMessageContaining("header length");
    }
  }

  @Test
  void shardsMustBeBesideTheirIndex() throws IOException {
    file(GOOD);
    Path index = dir.resolve("model.safetensors.index.json");
    Files.writeString(index, "{\"weight_map\": {\"a\": \"../m.safetensors\"}}");
    assertThatThrownBy(() -> Shards.open(dir)).hasMessageContaining("is not the name of a shard");
    Files.writeString(index, "{\"weight_map\": {\"z\": \"m.safetensors\"}}");
    assertThatThrownBy(() -> Shards.open(dir)).hasMessageContaining("does not hold z");
    Files.writeString(index, "{\"weight_map\": {\"a\": \"n.safetensors\"}}");
    assertThatThrownBy(() -> Shards.open(dir)).hasMessageContaining("n.safetensors: no such file");
    Files.copy(dir.resolve("m.safetensors"), dir.resolve("n.safetensors"));
    Files.writeString(
        index, "{\"weight_map\": {\"a\": \"n.safetensors\", \"b\": \"m.safetensors\"}}");
    assertThatThrownBy(() -> Shards.open(dir)).hasMessageContaining("is in two shards");
    Files.writeString(
        index, "{\"weight_map\": {\"a\": \"m.safetensors\", \"b\": \"m.safetensors\"}}");
    try (Shards shards = Shards.open(dir)) {
      assertThat(shards.tensors()).hasSize(2);
    }
  }
}
