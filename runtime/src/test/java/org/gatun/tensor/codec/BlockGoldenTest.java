package org.gatun.tensor.codec;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.stream.Stream;
import org.gatun.json.Json;
import org.gatun.json.JsonObject;
import org.gatun.tensor.DType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every format decodes random blocks to the values of ggml's own C dequantisers. */
class BlockGoldenTest {
  private static JsonObject goldens() throws IOException {
    try (InputStream in =
        BlockGoldenTest.class.getResourceAsStream("/goldens/blocks/blocks.json")) {
      return Json.readObject(in.readAllBytes());
    }
  }

  static Stream<DType> formats() {
    return Stream.of(DType.values()).filter(t -> t.isWeight() && t != DType.F32);
  }

  @ParameterizedTest
  @MethodSource("formats")
  void sameValuesAsGgml(DType dtype) throws IOException {
    JsonObject golden = goldens().object(dtype.name());
    assertThat(golden.integer("block")).isEqualTo(dtype.blockSize());
    assertThat(golden.integer("bytes")).isEqualTo(dtype.blockBytes());
    byte[] raw = HexFormat.of().parseHex(golden.string("raw"));
    ByteBuffer values =
        ByteBuffer.wrap(HexFormat.of().parseHex(golden.string("values")))
            .order(ByteOrder.LITTLE_ENDIAN);
    int blocks = raw.length / dtype.blockBytes();
    float[] got = new float[blocks * dtype.blockSize()];
    Codecs.of(dtype).decode(MemorySegment.ofArray(raw), 0, got, 0, blocks);
    for (int i = 0; i < got.length; i++) {
      float want = values.getFloat(4 * i);
      // Equal as numbers: -0 may stand for 0 where ggml folds the sign into the scale.
      assertThat(got[i] == want).as("element %d: %s, ggml %s", i, got[i], want).isTrue();
    }
  }
}
