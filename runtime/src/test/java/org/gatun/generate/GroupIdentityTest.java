package org.gatun.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import org.gatun.generate.golden.RanksText;
import org.gatun.parallel.CommunicatorException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What ranks must have in common before they compute together. */
class GroupIdentityTest {
  private static final Path MODEL = new RanksText.Case("llama", 2).model();

  private static String identity(Path model, int context) {
    List<String> seen = new ArrayList<>();
    EngineOptions options =
        EngineOptions.of(model)
            .withBackend("jvm", "", 1)
            .withContext(context, 1)
            .withGroup(
                identity -> {
                  seen.add(identity);
                  throw new CommunicatorException(0, "no group here");
                });
    assertThatThrownBy(() -> Engine.load(options)).hasMessage("rank 0: no group here");
    assertThat(seen).hasSize(1);
    return seen.getFirst();
  }

  @Test
  void copiesOnTwoHostsAreOneModel(@TempDir Path dir) throws Exception {
    Path copy = Files.copy(MODEL, dir.resolve("copy.gguf"));
    Files.setLastModifiedTime(copy, FileTime.fromMillis(1_000_000));
    assertThat(identity(copy, 64)).isEqualTo(identity(MODEL, 64));
  }

  @Test
  void otherModelsAndSettingsAreNot() {
    String own = identity(MODEL, 64);
    assertThat(identity(MODEL, 128)).isNotEqualTo(own);
    assertThat(identity(new RanksText.Case("mistral", 2).model(), 64)).isNotEqualTo(own);
  }
}
