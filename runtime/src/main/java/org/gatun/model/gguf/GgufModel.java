package org.gatun.model.gguf;

import java.nio.file.Path;
import java.util.List;
import org.gatun.model.Model;
import org.gatun.model.ModelConfig;
import org.gatun.model.ModelFormatException;
import org.gatun.model.family.Families;
import org.gatun.tensor.Tensor;
import org.gatun.text.TextFormatException;
import org.gatun.text.Tokenizer;
import org.gatun.text.TokenizerSource;
import org.gatun.text.Tokenizers;

/** Reads a model's configuration and tokenizer from GGUF metadata. */
public final class GgufModel {
  private GgufModel() {}

  /**
   * Opens the file; nothing is copied.
   *
   * @throws ModelFormatException if it is damaged or of an unknown family
   */
  public static Model open(Path path) {
    GgufFile file = GgufFile.open(path);
    try {
      ModelConfig config = config(file);
      Families.of(config.family()).check(config, file);
      List<Tensor> tensors = file.tensors().stream().map(t -> file.weight(t.name())).toList();
      String name = file.metadata().stringOrNull("general.name");
      return new Model(
          name == null ? String.valueOf(path.getFileName()) : name,
          path,
          config,
          file,
          tensors,
          tokenizer(file),
          file.metadata().values(),
          List.of(file.file()));
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  private static Tokenizer tokenizer(GgufFile file) {
    try {
      return Tokenizers.fromGguf(TokenizerSource.fromMetadata(file.metadata()::get));
    } catch (TextFormatException e) {
      throw new ModelFormatException(file.path() + ": " + e.getMessage(), e);
    }
  }

  private static ModelConfig config(GgufFile file) {
    GgufMetadata m = file.metadata();
    String family = m.string("general.architecture");
    Families.of(family);
    String a = family + ".";
    int heads = m.size(a + "attention.head_count");
    int embedding = m.size(a + "embedding_length");
    int headDim = m.size(a + "attention.key_length", heads == 0 ? 0 : embedding / heads);
    if (m.size(a + "attention.value_length", headDim) != headDim) {
      throw new ModelFormatException(
          file.path() + ": keys and values of different head dims are not supported");
    }
    if (!file.has("token_embd.weight")) {
      throw new ModelFormatException(file.path() + ": the file has no token_embd.weight");
    }
    boolean gemma = family.equals("gemma3");
    int layers = m.size(a + "block_count");
    return new ModelConfig(
        family,
        Math.toIntExact(file.weight("token_embd.weight").rows()),
        m.size(a + "context_length"),
        layers,
        embedding,
        m.size(a + "feed_forward_length"),
        heads,
        m.size(a + "attention.head_count_kv", heads),
        headDim,
        (float) m.number(a + "attention.layer_norm_rms_epsilon"),
        (float) (1 / Math.sqrt(isGemma27b(family, layers) ? (double) embedding / heads : headDim)),
        new ModelConfig.RopeConfig(
            (float) m.number(a + "rope.freq_base", gemma ? 1e6 : 1e4),
            m.size(a + "rope.dimension_count", headDim),
            family.equals("llama"),
            ropeScale(file, a)),
        // Qwen files may carry a window that their models do not use.
        gemma || family.equals("llama") ? m.size(a + "attention.sliding_window", 0) : 0,
        gemma ? m.size(a + "attention.sliding_window_pattern", 6) : 0,
        (float) m.number(a + "rope.freq_base_swa", 1e4));
  }

  /** The one Gemma 3 whose scores are not scaled by the head dim; GGUF has no key for it. */
  private static boolean isGemma27b(String family, int layers) {
    return family.equals("gemma3") && layers == 62;
  }

  private static float ropeScale(GgufFile file, String a) {
    GgufMetadata m = file.metadata();
    String type = m.stringOrNull(a + "rope.scaling.type");
    if (type == null || type.equals("none")) {
      return 1;
    }
    if (!type.equals("linear")) {
      throw new ModelFormatException(
          file.path()
              + ": rope scaling '"
              + type
              + "' is not supported; supported: none, linear, llama3 factors");
    }
    return (float) (1 / m.number(a + "rope.scaling.factor", 1));
  }
}
