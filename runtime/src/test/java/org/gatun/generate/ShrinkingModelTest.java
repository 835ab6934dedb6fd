package org.gatun.generate;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.gatun.model.ModelFormatException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model file that becomes shorter between two generations: a clear error, and the JVM lives. */
class ShrinkingModelTest {
  @Test
  void generatingEndsWithAClearError(@TempDir Path dir) throws Exception {
    Path model =
        Files.copy(
            Path.of("src/test/resources/goldens/tiny/llama/model.gguf"), dir.resolve("m.gguf"));
    EngineOptions options =
        EngineOptions.of(model).withBackend("reference", "", 1).withContext(64, 1);
    try (Engine engine = Engine.load(options);
        Session session = engine.session()) {
      Request request = Request.greedy(2);
      session.generate("Alice", request);
      try (FileChannel file = FileChannel.open(model, StandardOpenOption.WRITE)) {
        file.truncate(4096);
      }
      assertThatThrownBy(() -> session.generate("Alice was beginning", request))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageContaining("shrank from")
          .hasMessageContaining("to 4096 bytes while in use; restore it and start again");
    }
  }
}
