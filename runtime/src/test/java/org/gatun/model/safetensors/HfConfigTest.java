package org.gatun.model.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import org.gatun.json.Json;
import org.gatun.json.JsonObject;
import org.gatun.model.ModelConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HfConfigTest {
  private static HfConfig read(String type, String more) throws IOException {
    String json =
        """
        {"model_type": "%s", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 12,
         "intermediate_size": 96, "max_position_embeddings": 512%s}\
        """
            .formatted(type, more.isEmpty() ? "" : ", " + more);
    return HfConfig.read(Path.of("config.json"), Json.readObject(json), 100);
  }

  @Test
  void llama3FactorsAreThoseOfTheLibrary() throws IOException {
    HfConfig hf =
        read(
            "llama",
            """
            "head_dim": 64, "rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3",
            "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192}\
            """);
    float[] f = hf.ropeFactors();
    // Wavelengths 2 pi 500000^(i/32): i = 0 is kept, i = 31 divided by 32, between them it is
    // blended.
    assertThat(f).hasSize(32);
    assertThat(f[0]).isEqualTo(1);
    assertThat(f[31]).isEqualTo(32);
    double wavelength = 2 * Math.PI * Math.pow(500000, 16 / 32.0);
    double smooth = (8192 / wavelength - 1) / 3;
    assertThat((double) f[16]).isCloseTo(1 / ((1 - smooth) / 32 + smooth), within(1e-5));
  }

  @Test
  void gemma3() throws IOException {
    ModelConfig c =
        read("gemma3_text", "\"sliding_window\": 8, \"query_pre_attn_scalar\": 168").config();
    assertThat(c.headDim()).isEqualTo(256);
    assertThat(c.attentionScale()).isEqualTo((float) (1 / Math.sqrt(168)));
    assertThat(c.rope().theta()).isEqualTo(1e6f);
    assertThat(c.localRopeTheta()).isEqualTo(1e4f);
    for (int l = 0; l < 12; l++) {
      assertThat(c.isWindowed(l)).isEqualTo(l != 5 && l != 11);
    }
    assertThat(read("gemma3_text", "").tied()).isTrue();
  }

  @Test
  void multimodalGemmaHasItsTextModelOneLevelDown() throws IOException {
    String json =
        """
        {"model_type": "gemma3", "text_config": {"hidden_size": 64, "num_attention_heads": 4,
         "num_hidden_layers": 2, "intermediate_size": 96,
         "rope_scaling": {"rope_type": "linear", "factor": 8.0}}}\
        """;
    ModelConfig c = HfConfig.read(Path.of("c"), Json.readObject(json), 10).config();
    assertThat(c.rope().scale()).isEqualTo(0.125f);
    assertThat(HfNames.toGguf("gemma3", "language_model.model.layers.1.mlp.up_proj.weight"))
        .contains("blk.1.ffn_up.weight");
    assertThat(HfNames.toGguf("gemma3", "model.language_model.norm.weight"))
        .contains("output_norm.weight");
    assertThat(HfNames.toGguf("gemma3", "vision_tower.layers.1.mlp.up_proj.weight")).isEmpty();
  }

  @Test
  void mistralsWindowIsKept() throws IOException {
    ModelConfig c = read("mistral", "\"sliding_window\": 4096").config();
    assertThat(c.family()).isEqualTo("llama");
    assertThat(c.isWindowed(0) && c.isWindowed(11)).isTrue();
    assertThat(read("qwen2", "\"sliding_window\": 4096").config().window()).isZero();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "gpt_bigcode | | model family 'gpt_bigcode' is not supported; supported: [gemma3, llama",
        "llama | \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 2.0} | rope scaling 'yarn'",
        "llama | \"hidden_act\": \"relu\" | the activation relu is not supported",
        "gemma3_text | \"final_logit_softcapping\": 30.0 | final_logit_softcapping",
        "qwen2 | \"use_sliding_window\": true | use_sliding_window is not supported",
        "llama | \"num_key_value_heads\": 3 | impossible number of key/value heads",
        "llama | \"head_dim\": 99999999999 | head_dim is 99999999999, out of range",
        "gemma3_text | \"layer_types\": [\"full_attention\", \"sliding_attention\"] | layer_types",
      })
  void refusals(String type, String more, String message) {
    assertThatThrownBy(() -> read(type, more == null ? "" : more)).hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"quant_method\": \"bitsandbytes\" | bitsandbytes with 4 bits is not supported",
        "\"quant_method\": \"gptq\", \"bits\": 3 | gptq with 3 bits is not supported",
        "\"quant_method\": \"awq\", \"version\": \"gemv\" | awq gemv with 4 bits is not supported",
      })
  void waysToQuantiseThatCannotBeRead(String config, String message) throws IOException {
    JsonObject json = Json.readObject("{\"quantization_config\": {" + config + "}}");
    assertThatThrownBy(() -> HfConfig.quantization(Path.of("config.json"), json))
        .hasMessageContaining(message);
  }
}
