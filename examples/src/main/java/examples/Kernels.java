package examples;

import java.nio.file.Files;
import java.nio.file.Path;

/** Finds the kernels' sources from the top of the checkout or from a module of it. */
final class Kernels {
  private Kernels() {}

  static Path file(String name) {
    Path here = Path.of("").toAbsolutePath();
    for (Path p = here; p != null; p = p.getParent()) {
      Path f = p.resolve("examples/src/main/kernels").resolve(name);
      if (Files.exists(f)) {
        return f;
      }
    }
    throw new IllegalStateException("start this example inside the checkout, not in " + here);
  }
}
