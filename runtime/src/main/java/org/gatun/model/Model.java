package org.gatun.model;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.gatun.graph.Graph;
import org.gatun.model.family.Families;
import org.gatun.model.gguf.GgufModel;
import org.gatun.model.safetensors.SafetensorsModel;
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
 * @param files the mappings that hold the weights
 */
public record Model(
    String name,
    Path path,
    ModelConfig config,
    WeightSource weights,
    List<Tensor> tensors,
    Tokenizer tokenizer,
    Map<String, Object> metadata,
    List<MappedFile> files)
    implements AutoCloseable {

  /**
   * Opens a GGUF file, or a Hugging Face folder with safetensors, {@code config.json} and {@code
   * tokenizer.json}; a safetensors file or index stands for its folder.
   *
   * @throws ModelFormatException if it is missing, damaged, or of an unknown family or tensor type:
   *     one line
   */
  public static Model open(Path path) {
    if (!Files.exists(path)) {
      throw new ModelFormatException(
          path + ": no such file; `gatun models list` shows what is there");
    }
    if (Files.isDirectory(path)) {
      return SafetensorsModel.open(path);
    }
    String name = path.getFileName().toString();
    if (name.endsWith(".safetensors") || name.endsWith(".safetensors.index.json")) {
      return SafetensorsModel.open(path.resolveSibling(""));
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

  /**
   * Asks the file system whether all files still have their size; cheap enough for every step.
   *
   * @throws ModelFormatException if one is shorter
   */
  public void checkFiles() {
    files.forEach(MappedFile::checkSize);
  }

  /** Runs something that reads weights; a page that a file has lost becomes a clear error. */
  public <T> T guard(Supplier<T> action) {
    try {
      return action.get();
    } catch (InternalError e) {
      checkFiles();
      throw files.getFirst().lostPage(e);
    }
  }

  /** Unmaps the file; no program may use its weights any more. */
  @Override
  public void close() {
    files.forEach(MappedFile::close);
  }
}
