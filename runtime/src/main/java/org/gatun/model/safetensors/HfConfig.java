package org.gatun.model.safetensors;

import java.nio.file.Path;
import java.util.List;
import org.gatun.json.JsonException;
import org.gatun.json.JsonObject;
import org.gatun.model.ModelConfig;
import org.gatun.model.ModelFormatException;
import org.gatun.model.RopeFactors;
import org.gatun.model.family.Families;
import org.gatun.model.gptq.QuantizedWeights;
import org.jspecify.annotations.Nullable;

/**
 * A model folder's {@code config.json}.
 *
 * @param config what the family needs
 * @param ropeFactors divisors of the rotary frequencies; null for none
 * @param tied whether the embedding table is the output head too
 */
record HfConfig(ModelConfig config, float @Nullable [] ropeFactors, boolean tied) {

  /** Reads the configuration; the vocabulary's size comes from the embedding table. */
  static HfConfig read(Path file, JsonObject json, int vocabulary) throws JsonException {
    String family = family(json);
    JsonObject text = json.objectOrNull("text_config");
    return new Reader(file, family, text == null ? json : text).read(vocabulary);
  }

  /**
   * GGUF's name of the family.
   *
   * @throws ModelFormatException if it is unknown
   */
  static String family(JsonObject json) throws JsonException {
    String family =
        switch (json.string("model_type")) {
          case "gemma3", "gemma3_text" -> "gemma3";
          case "llama", "mistral" -> "llama";
          case String other -> other;
        };
    Families.of(family);
    return family;
  }

  /**
   * How the folder's matrices are quantised; null if they are not.
   *
   * @throws ModelFormatException if it is a way that cannot be read
   */
  static QuantizedWeights.@Nullable Method quantization(Path file, JsonObject json)
      throws JsonException {
    JsonObject q = json.objectOrNull("quantization_config");
    if (q == null) {
      return null;
    }
    String method = q.string("quant_method");
    long bits = q.integer("bits", 4);
    String version = q.stringOrNull("version");
    boolean packing = version == null || version.equalsIgnoreCase("gemm");
    if (bits != 4 || !(method.equals("gptq") || method.equals("awq") && packing)) {
      throw new ModelFormatException(
          file
              + ": "
              + method
              + (version == null ? "" : " " + version)
              + " with "
              + bits
              + " bits is not supported; supported: gptq and awq (gemm) with 4 bits");
    }
    if (method.equals("awq")) {
      return QuantizedWeights.Method.AWQ;
    }
    return "gptq_v2".equals(q.stringOrNull("checkpoint_format"))
        ? QuantizedWeights.Method.GPTQ_V2
        : QuantizedWeights.Method.GPTQ;
  }

  private record Reader(Path file, String family, JsonObject json) {
    HfConfig read(int vocabulary) throws JsonException {
      boolean gemma = family.equals("gemma3");
      int embedding = size("hidden_size");
      int heads = size("num_attention_heads");
      int headDim =
          json.has("head_dim") ? size("head_dim") : gemma ? 256 : embedding / Math.max(1, heads);
      JsonObject rope = rope(gemma);
      double theta =
          rope != null && rope.has("rope_theta")
              ? rope.number("rope_theta")
              : json.number("rope_theta", gemma ? 1e6 : 1e4);
      String type = rope == null ? "default" : ropeType(rope);
      float scale = 1;
      float[] factors = null;
      switch (type) {
        case "default" -> {}
        case "linear" -> scale = (float) (1 / rope(gemma, "linear").number("factor"));
        case "llama3" -> {
          JsonObject r = rope(gemma, "llama3");
          factors =
              RopeFactors.llama3(
                  headDim,
                  theta,
                  r.number("factor"),
                  r.number("low_freq_factor"),
                  r.number("high_freq_factor"),
                  r.number("original_max_position_embeddings"));
        }
        default -> throw unsupported("rope scaling '" + type + "'", "default, linear, llama3");
      }
      refuseWhatIsNotThere();
      double scoreDim = gemma ? json.number("query_pre_attn_scalar", headDim) : headDim;
      ModelConfig config =
          new ModelConfig(
              family,
              vocabulary,
              (int) json.integer("max_position_embeddings", gemma ? 131_072 : 4096),
              size("num_hidden_layers"),
              embedding,
              size("intermediate_size"),
              heads,
              json.has("num_key_value_heads") ? size("num_key_value_heads") : heads,
              headDim,
              (float) json.number("rms_norm_eps", 1e-6),
              (float) (1 / Math.sqrt(scoreDim)),
              new ModelConfig.RopeConfig((float) theta, headDim, false, scale),
              window(gemma),
              gemma ? windowPattern() : 0,
              localTheta());
      return new HfConfig(config, factors, json.bool("tie_word_embeddings", gemma));
    }

    private int size(String name) throws JsonException {
      long value = json.integer(name);
      if (value < 0 || value > Integer.MAX_VALUE) {
        throw new ModelFormatException(file + ": " + name + " is " + value + ", out of range");
      }
      return (int) value;
    }

    /** The rope section, wherever this version of transformers wrote it. */
    private @Nullable JsonObject rope(boolean gemma) throws JsonException {
      JsonObject rope = json.objectOrNull("rope_parameters");
      if (rope == null) {
        return json.objectOrNull("rope_scaling");
      }
      JsonObject perLayer = gemma ? rope.objectOrNull("full_attention") : null;
      return perLayer == null ? rope : perLayer;
    }

    private JsonObject rope(boolean gemma, String type) throws JsonException {
      JsonObject rope = rope(gemma);
      if (rope == null) {
        throw new ModelFormatException(file + ": rope scaling " + type + " lacks its numbers");
      }
      return rope;
    }

    private static String ropeType(JsonObject rope) throws JsonException {
      String type = rope.stringOrNull("rope_type");
      type = type == null ? rope.stringOrNull("type") : type;
      return type == null ? "default" : type;
    }

    private float localTheta() throws JsonException {
      JsonObject rope = json.objectOrNull("rope_parameters");
      JsonObject local = rope == null ? null : rope.objectOrNull("sliding_attention");
      return (float)
          (local != null
              ? local.number("rope_theta", 1e4)
              : json.number("rope_local_base_freq", 1e4));
    }

    private int window(boolean gemma) throws JsonException {
      boolean used = gemma || family.equals("llama") || json.bool("use_sliding_window", false);
      if (used && !gemma && !family.equals("llama")) {
        throw unsupported("use_sliding_window", "false");
      }
      return used && json.has("sliding_window") ? size("sliding_window") : 0;
    }

    private int windowPattern() throws JsonException {
      List<String> types = json.strings("layer_types");
      int full = types.indexOf("full_attention");
      int pattern =
          types.isEmpty()
              ? (int) json.integer("sliding_window_pattern", 6)
              : full < 0 ? types.size() + 1 : full + 1;
      for (int l = 0; l < types.size(); l++) {
        if ((l + 1) % pattern == 0 != types.get(l).equals("full_attention")) {
          throw unsupported("this order of layer_types", "every n-th layer full_attention");
        }
      }
      return pattern;
    }

    private void refuseWhatIsNotThere() throws JsonException {
      for (String cap : List.of("attn_logit_softcapping", "final_logit_softcapping")) {
        if (json.has(cap)) {
          throw unsupported(cap, "none");
        }
      }
      String activation =
          json.stringOrNull(family.equals("gemma3") ? "hidden_activation" : "hidden_act");
      String wanted = family.equals("gemma3") ? "gelu_pytorch_tanh" : "silu";
      if (activation != null && !activation.equals(wanted)) {
        throw unsupported("the activation " + activation, wanted);
      }
    }

    private ModelFormatException unsupported(String what, String supported) {
      return new ModelFormatException(
          "%s: %s is not supported for %s; supported: %s".formatted(file, what, family, supported));
    }
  }
}
