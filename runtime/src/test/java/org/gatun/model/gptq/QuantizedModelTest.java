package org.gatun.model.gptq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.gatun.attention.KvCodec;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Session;
import org.gatun.generate.golden.RanksText;
import org.gatun.graph.op.GatherColumns;
import org.gatun.graph.shard.TensorParallel;
import org.gatun.model.Model;
import org.gatun.model.ModelFormatException;
import org.gatun.model.safetensors.SafetensorsFile;
import org.gatun.model.safetensors.Shards;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.codec.Codecs;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * GPTQ and AWQ model folders in the engine, against the same folder with every matrix dequantised
 * to F32 by {@link QuantizedMatrix}, which its own test holds to the script that packed it.
 */
class QuantizedModelTest {
  private static final Path FOLDER = Path.of("src/test/resources/goldens/gptq");
  private static final int[] PROMPT = {380, 5, 9, 200, 31, 7, 77};

  @TempDir Path temporary;

  static Stream<Arguments> kinds() {
    return Stream.of("gptq", "gptq_v2", "awq", "autogptq")
        .flatMap(k -> Stream.of("reference", "jvm").map(b -> arguments(k, b)));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void logitsAreThoseOfTheDequantisedModel(String kind, String backend) throws IOException {
    List<float[]> want = logits(dequantised(kind), "reference");
    List<float[]> got = logits(FOLDER.resolve(kind), backend);
    double rms = 0;
    double worst = 0;
    long n = 0;
    for (int i = 0; i < want.size(); i++) {
      for (int v = 0; v < want.get(i).length; v++, n++) {
        rms += want.get(i)[v] * (double) want.get(i)[v];
        worst = Math.max(worst, Math.abs(got.get(i)[v] - want.get(i)[v]));
      }
    }
    assertThat(worst / Math.sqrt(rms / n)).as("largest error over rms").isLessThan(4e-5);
  }

  @ParameterizedTest
  @ValueSource(strings = {"gptq", "gptq_v2", "awq", "autogptq"})
  void twoRanksGiveTheSingleRanksText(String kind) {
    Path folder = FOLDER.resolve(kind);
    assertThat(RanksText.greedy("jvm", folder, 2, 8))
        .isEqualTo(RanksText.greedy("jvm", folder, 1, 8))
        .hasSize(8);
  }

  @Test
  void anMlpHasNothingBetweenItsProductsAndEqualOrdersAreGatheredOnce() {
    try (Model shared = Model.open(FOLDER.resolve("gptq"));
        Model apart = Model.open(FOLDER.resolve("gptq_v2"));
        Model awq = Model.open(FOLDER.resolve("awq"))) {
      // Per layer: q, k, v together, o, gate and up together; one each where orders differ.
      assertThat(gathers(shared)).isEqualTo(2 * 3);
      assertThat(gathers(apart)).isEqualTo(2 * 6);
      assertThat(gathers(awq)).isZero();
      assertThat(shared.weights().has("blk.0.ffn_down.order")).isFalse();
      // Only the logits, and o's order, which crosses heads.
      assertThat(TensorParallel.shard(shared.graph(), 0, 2).allGathers()).isEqualTo(1 + 2);
      assertThat(TensorParallel.shard(awq.graph(), 0, 2).allGathers()).isEqualTo(1);
      assertThat(shared.weights().weight("blk.0.attn_q.weight").dtype()).isEqualTo(DType.Q5_0);
      assertThat(apart.weights().weight("blk.0.attn_q.weight").dtype()).isEqualTo(DType.Q4_0);
    }
  }

  /** A folder that AutoGPTQ 0.7.1 made, against what its own layers make of their weights. */
  @Test
  void aPublicToolsWeightsAreThoseOfTheTool() {
    int matrices = 0;
    try (Shards shards = Shards.open(FOLDER.resolve("autogptq"));
        SafetensorsFile expected =
            SafetensorsFile.open(FOLDER.resolve("autogptq_expected.safetensors"))) {
      for (Tensor t : expected.tensors().values()) {
        QuantizedMatrix m = QuantizedReader.gptq(shards, t.name(), false);
        int[] sorted = m.groupOf().clone();
        Arrays.sort(sorted);
        assertThat(m.groupOf()).as("%s is act-order", t.name()).isNotEqualTo(sorted);
        assertThat(m.dequantize())
            .as(t.name())
            .isEqualTo(t.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED));
        matrices++;
      }
    }
    assertThat(matrices).isEqualTo(2 * 7);
  }

  private static long gathers(Model m) {
    return m.graph().nodes().stream().filter(n -> n.op() instanceof GatherColumns).count();
  }

  @Test
  void otherBitsAndMethodsAreRefusedInOneLine() throws IOException {
    Path folder = copy("gptq");
    String config = Files.readString(folder.resolve("config.json"));
    Files.writeString(folder.resolve("config.json"), config.replace("\"bits\": 4", "\"bits\": 3"));
    assertThatThrownBy(() -> Model.open(folder))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("gptq with 3 bits is not supported");
    Files.writeString(
        folder.resolve("config.json"),
        config.replace("\"quant_method\": \"gptq\"", "\"quant_method\": \"bitsandbytes\""));
    assertThatThrownBy(() -> Model.open(folder))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("bitsandbytes");
  }

  private static List<float[]> logits(Path folder, String backend) {
    EngineOptions options =
        EngineOptions.of(folder).withBackend(backend, "", 1).withContext(32, 1).withKv(KvCodec.F32);
    List<float[]> rows = new ArrayList<>();
    try (Engine engine = Engine.load(options);
        Session session = engine.session()) {
      session.score(PROMPT, (i, l) -> rows.add(l.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)));
    }
    assertThat(rows).hasSize(PROMPT.length);
    return rows;
  }

  private Path copy(String kind) throws IOException {
    Path to = Files.createDirectory(temporary.resolve(kind));
    try (Stream<Path> files = Files.list(FOLDER.resolve(kind))) {
      for (Path f : files.toList()) {
        Files.copy(f, to.resolve(f.getFileName()));
      }
    }
    return to;
  }

  private Path dequantised(String kind) throws IOException {
    Path to = copy(kind);
    Path config = to.resolve("config.json");
    Files.writeString(
        config, Files.readString(config).replace("\"quantization_config\"", "\"was\""));
    Map<String, float[]> values = new LinkedHashMap<>();
    Map<String, long[]> shapes = new LinkedHashMap<>();
    try (Shards shards = Shards.open(FOLDER.resolve(kind))) {
      for (Tensor t : shards.tensors()) {
        String prefix = t.name().replaceFirst("\\.qweight$", "");
        if (!prefix.equals(t.name())) {
          QuantizedMatrix m =
              kind.equals("awq")
                  ? QuantizedReader.awq(shards, prefix)
                  : QuantizedReader.gptq(shards, prefix, kind.equals("gptq_v2"));
          float[] w = m.dequantize();
          float[] turned = new float[w.length];
          for (int i = 0; i < m.in(); i++) {
            for (int o = 0; o < m.out(); o++) {
              turned[o * m.in() + i] = w[i * m.out() + o];
            }
          }
          values.put(prefix + ".weight", turned);
          shapes.put(prefix + ".weight", new long[] {m.out(), m.in()});
        } else if (!QuantizedWeights.isPart(t.name())) {
          float[] w = new float[Math.toIntExact(t.rows() * t.cols())];
          float[] row = new float[Math.toIntExact(t.cols())];
          for (int r = 0; r < t.rows(); r++) {
            Codecs.decodeRow(t, r, row);
            System.arraycopy(row, 0, w, r * row.length, row.length);
          }
          values.put(t.name(), w);
          shapes.put(
              t.name(), t.rows() == 1 ? new long[] {t.cols()} : new long[] {t.rows(), t.cols()});
        }
      }
    }
    write(to.resolve("model.safetensors"), values, shapes);
    return to;
  }

  private static void write(Path file, Map<String, float[]> values, Map<String, long[]> shapes)
      throws IOException {
    StringBuilder header = new StringBuilder("{");
    long at = 0;
    for (String name : values.keySet()) {
      long bytes = 4L * values.get(name).length;
      header
          .append(header.length() > 1 ? "," : "")
          .append('"')
          .append(name)
          .append("\":{\"dtype\":\"F32\",\"shape\":")
          .append(Arrays.toString(shapes.get(name)))
          .append(",\"data_offsets\":[")
          .append(at)
          .append(',')
          .append(at + bytes)
          .append("]}");
      at += bytes;
    }
    header.append('}');
    while (header.length() % 8 != 0) {
      header.append(' ');
    }
    try (OutputStream out = Files.newOutputStream(file)) {
      ByteBuffer size = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      out.write(size.putLong(header.length()).array());
      out.write(header.toString().getBytes(StandardCharsets.UTF_8));
      for (float[] v : values.values()) {
        ByteBuffer b = ByteBuffer.allocate(4 * v.length).order(ByteOrder.LITTLE_ENDIAN);
        b.asFloatBuffer().put(v);
        out.write(b.array());
      }
    }
  }
}
