package org.gatun.text;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.gatun.generate.golden.GoldenFiles;
import org.gatun.model.gguf.GgufFile;

/** The tokenizer metadata of the default model, where a copy of its file is on this machine. */
final class RealModel {
  private RealModel() {}

  /** Skips the test, out loud, where the file is missing. */
  static TokenizerSource source() throws IOException {
    Path file = GoldenFiles.realModel().orElse(null);
    assumeTrue(file != null, "the default model is not here: run `gatun models pull`");
    try (GgufFile gguf = GgufFile.open(file)) {
      return TokenizerSource.fromMetadata(gguf.metadata()::get);
    }
  }
}
