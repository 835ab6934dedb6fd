package org.gatun.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.gatun.backend.Progress;
import org.gatun.model.ModelFormatException;
import org.gatun.model.SpeedModel;
import org.gatun.store.ModelStore;
import org.gatun.store.StoreException;

/** Where models and derived files live. */
final class ModelPaths {
  private ModelPaths() {}

  static Path resolve(String nameOrPath, Progress progress) {
    Optional<SpeedModel> speed = SpeedModel.named(nameOrPath);
    if (speed.isPresent() && !Files.exists(Path.of(nameOrPath))) {
      return speed.get().ensure(cacheDir(), progress);
    }
    try {
      return ModelStore.ofUser().resolve(nameOrPath, progress);
    } catch (StoreException e) {
      throw new ModelFormatException(String.valueOf(e.getMessage()), e);
    } catch (IOException e) {
      throw new ModelFormatException("model '" + nameOrPath + "': " + e, e);
    }
  }

  static Path cacheDir() {
    return ModelStore.defaultHome();
  }
}
