package org.gatun.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.gatun.backend.Progress;
import org.gatun.model.SpeedModel;

/** Where models and derived files live. */
final class ModelPaths {
  private ModelPaths() {}

  static Path resolve(String nameOrPath, Progress progress) {
    Path p = Path.of(nameOrPath);
    if (Files.exists(p)) {
      return p;
    }
    Optional<SpeedModel> speed = SpeedModel.named(nameOrPath);
    if (speed.isPresent()) {
      return speed.get().ensure(cacheDir(), progress);
    }
    throw new UsageException("no model '" + nameOrPath + "'");
  }

  static Path cacheDir() {
    String home = System.getenv("GATUN_HOME");
    if (home != null && !home.isEmpty()) {
      return Path.of(home);
    }
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path base =
        xdg != null && !xdg.isEmpty()
            ? Path.of(xdg)
            : Path.of(System.getProperty("user.home"), ".cache");
    return base.resolve("gatun");
  }
}
