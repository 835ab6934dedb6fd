package org.gatun.model.safetensors;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.json.Json;
import org.gatun.json.JsonObject;
import org.gatun.model.Model;
import org.gatun.model.ModelFormatException;
import org.gatun.model.family.Families;
import org.gatun.model.gptq.QuantizedWeights;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;
import org.gatun.tensor.codec.Codecs;
import org.gatun.text.Tokenizers;

/** Opens a Hugging Face model folder. */
public final class SafetensorsModel {
  private SafetensorsModel() {}

  /** The weights under GGUF's names: views of the files, and a few small vectors of our own. */
  private record Renamed(Shards shards, Map<String, Tensor> tensors) implements WeightSource {
    @Override
    public Tensor weight(String name) {
      Tensor t = tensors.get(name);
      if (t == null) {
        throw new IllegalArgumentException("no tensor for " + name);
      }
      return t;
    }

    @Override
    public boolean has(String name) {
      return tensors.containsKey(name);
    }

    @Override
    public String key() {
      return shards.key();
    }

    @Override
    public String content() {
      return shards.content();
    }
  }

  /**
   * Opens the folder; weights are not copied.
   *
   * @throws ModelFormatException if a file is missing or damaged, or the family is unknown
   */
  public static Model open(Path folder) {
    Path configFile = folder.resolve("config.json");
    try {
      JsonObject json = Json.readObject(configFile);
      // Before any weight is touched: an unknown family is refused by name.
      String family = HfConfig.family(json);
      Shards shards = Shards.open(folder);
      try {
        return open(folder, configFile, json, family, shards);
      } catch (RuntimeException | IOException | Error e) {
        shards.close();
        throw e;
      }
    } catch (java.nio.file.NoSuchFileException e) {
      throw new ModelFormatException(e.getMessage() + ": no such file; a model folder needs it", e);
    } catch (IOException e) {
      String message = String.valueOf(e.getMessage());
      throw new ModelFormatException(
          message.startsWith(folder.toString()) ? message : folder + ": " + message, e);
    }
  }

  private static Model open(
      Path folder, Path configFile, JsonObject json, String family, Shards shards)
      throws IOException {
    Map<String, Tensor> byName = new LinkedHashMap<>();
    QuantizedWeights.Method method = HfConfig.quantization(configFile, json);
    QuantizedWeights quantized = method == null ? null : new QuantizedWeights(shards, method);
    for (Tensor t : shards.tensors()) {
      HfNames.toGguf(family, t.name()).ifPresent(name -> put(folder, byName, name, t));
      if (quantized != null) {
        quantized.read(t.name(), name -> HfNames.toGguf(family, name));
      }
    }
    if (quantized != null) {
      quantized.addTo(byName);
    }
    Tensor embedding = byName.get("token_embd.weight");
    if (embedding == null) {
      throw new ModelFormatException(folder + ": the weights lack model.embed_tokens.weight");
    }
    HfConfig hf = HfConfig.read(configFile, json, Math.toIntExact(embedding.rows()));
    if (hf.tied()) {
      byName.remove("output.weight");
    } else if (!byName.containsKey("output.weight")) {
      throw new ModelFormatException(folder + ": the weights lack lm_head.weight");
    }
    if (family.equals("gemma3")) {
      byName.replaceAll((name, t) -> name.endsWith("norm.weight") ? plusOne(t) : t);
    }
    float[] factors = hf.ropeFactors();
    if (factors != null) {
      byName.put("rope_freqs.weight", Tensor.vector("rope_freqs.weight", factors));
    }
    WeightSource weights = new Renamed(shards, byName);
    Families.of(family).check(hf.config(), weights);
    return new Model(
        String.valueOf(folder.toAbsolutePath().normalize().getFileName()),
        folder,
        hf.config(),
        weights,
        List.copyOf(byName.values()),
        Tokenizers.fromHuggingFace(folder),
        metadata(json),
        shards.files());
  }

  private static void put(Path folder, Map<String, Tensor> byName, String name, Tensor t) {
    Tensor renamed = new Tensor(name, t.dtype(), t.rows(), t.cols(), t.data(), t.rowStride());
    if (byName.put(name, renamed) != null) {
      throw new ModelFormatException(folder + ": two tensors for " + name);
    }
  }

  private static Map<String, Object> metadata(JsonObject json) {
    Map<String, Object> values = new LinkedHashMap<>();
    json.fields()
        .forEach(
            (key, value) -> {
              if (value != null) {
                values.put(key, value);
              }
            });
    return values;
  }

  /** Gemma multiplies by 1 + w; GGUF files, and so the families' graphs, have the 1 folded in. */
  private static Tensor plusOne(Tensor t) {
    if (t.rows() != 1 || t.cols() > 1 << 20 || !t.dtype().isWeight()) {
      throw new ModelFormatException(t.name() + " is not the weight of a norm");
    }
    float[] values = new float[(int) t.cols()];
    Codecs.decodeRow(t, 0, values);
    for (int i = 0; i < values.length; i++) {
      values[i] += 1;
    }
    return Tensor.vector(t.name(), values);
  }
}
