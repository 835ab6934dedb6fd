package org.gatun.model;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.gatun.graph.Graph;
import org.gatun.model.family.Families;
import org.gatun.model.gguf.GgufModel;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;
import org.gatun.text.Tokenizer;

/**
 * An open model file: configuration, tokenizer, and weights that stay in the mapping.
 *
 * @param name for people
 * @param path the file or folder
 * @param config shapes and constants
 * @param weights by GGUF name, whatever the file calls them
 * @param tensors all weights
 * @param tokenizer of the model
 * @param metadata the file's own key-value pairs
 * @param closer unmaps the file
 */
public record Model(
    String name,
    Path path,
    ModelConfig config,
    WeightSource weights,
    List<Tensor> tensors,
    Tokenizer tokenizer,
    Map<String, Object> metadata,
    Runnable closer)
    implements AutoCloseable {

  /**
   * Opens a GGUF file.
   *
   * @throws ModelFormatException if it is missing, damaged, or of an unknown family or tensor type:
   *     one line
   */
  public static Model open(Path path) {
    if (!Files.exists(path)) {
      throw new ModelFormatException(
          path + ": no such file; `gatun models list` shows what is there");
    }
    return GgufModel.open(path);
  }

  /** The family's graph for this configuration: output {@code logits} [R, vocabulary]. */
  public Graph graph() {
    return Families.of(config.family()).build(config, weights);
  }

  /** Bytes of all weights. */
  public long bytes() {
    return tensors.stream().mapToLong(Tensor::byteSize).sum();
  }

  /** Unmaps the file; no program may use its weights any more. */
  @Override
  public void close() {
    closer.run();
  }
}
