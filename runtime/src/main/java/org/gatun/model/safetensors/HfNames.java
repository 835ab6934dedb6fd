package org.gatun.model.safetensors;

import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Hugging Face's weight names as GGUF has them, which is what the families' graphs use. */
final class HfNames {
  private static final Pattern LAYER =
      Pattern.compile("layers\\.(\\d{1,5})\\.([a-z_.]+)\\.(weight|bias)");

  private static final Map<String, String> SHARED =
      Map.ofEntries(
          Map.entry("input_layernorm", "attn_norm"),
          Map.entry("self_attn.q_proj", "attn_q"),
          Map.entry("self_attn.k_proj", "attn_k"),
          Map.entry("self_attn.v_proj", "attn_v"),
          Map.entry("self_attn.o_proj", "attn_output"),
          Map.entry("self_attn.q_norm", "attn_q_norm"),
          Map.entry("self_attn.k_norm", "attn_k_norm"),
          Map.entry("mlp.gate_proj", "ffn_gate"),
          Map.entry("mlp.up_proj", "ffn_up"),
          Map.entry("mlp.down_proj", "ffn_down"));

  /** Gemma norms a sub-layer's output too, and calls its norms by other names. */
  private static final Map<String, String> GEMMA =
      Map.of(
          "post_attention_layernorm", "post_attention_norm",
          "pre_feedforward_layernorm", "ffn_norm",
          "post_feedforward_layernorm", "post_ffw_norm");

  private static final Map<String, String> OTHERS = Map.of("post_attention_layernorm", "ffn_norm");

  private HfNames() {}

  /** The GGUF name; empty for what a text model has no use for. */
  static Optional<String> toGguf(String family, String name) {
    // Multimodal checkpoints keep the text model one level down.
    String local =
        name.replaceFirst("^(model\\.language_model|language_model\\.model|model)\\.", "")
            .replaceFirst("^language_model\\.", "");
    switch (local) {
      case "embed_tokens.weight" -> {
        return Optional.of("token_embd.weight");
      }
      case "norm.weight" -> {
        return Optional.of("output_norm.weight");
      }
      case "lm_head.weight" -> {
        return Optional.of("output.weight");
      }
      default -> {}
    }
    Matcher m = LAYER.matcher(local);
    if (!m.matches()) {
      return Optional.empty();
    }
    String part = SHARED.get(m.group(2));
    if (part == null) {
      part = (family.equals("gemma3") ? GEMMA : OTHERS).get(m.group(2));
    }
    return part == null
        ? Optional.empty()
        : Optional.of("blk." + m.group(1) + "." + part + "." + m.group(3));
  }
}
