package org.gatun.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.gatun.store.ModelStore;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code gatun models}: the models on this machine. */
@Command(
    name = "models",
    description = "List, fetch and remove models.",
    mixinStandardHelpOptions = true)
final class ModelsCommand implements Runnable {
  @Override
  public void run() {
    CommandLine.usage(this, System.out);
  }

  @Command(name = "list", description = "The models that can be used by name.")
  void list() throws IOException {
    for (ModelStore.Entry entry : ModelStore.ofUser().list()) {
      System.out.printf(
          "%-20s %8.1f MiB  %s%n",
          entry.name(),
          entry.bytes() / 1048576.0,
          entry.present() ? entry.file() : "not fetched: gatun models pull " + entry.name());
      if (!entry.notice().isEmpty()) {
        System.out.printf("%-20s %s%n", "", entry.notice());
      }
    }
  }

  @Command(name = "pull", description = "Fetch a model.")
  void pull(
      @Parameters(
              paramLabel = "NAME",
              description = "A name from `gatun models list` (default: ${DEFAULT-VALUE}).",
              defaultValue = ModelStore.DEFAULT_MODEL)
          String name)
      throws IOException {
    try (ProgressBar bar = new ProgressBar()) {
      Path file = ModelStore.ofUser().pull(name, bar);
      bar.close();
      System.out.println(file);
    }
  }

  @Command(name = "rm", description = "Remove a model and its repacked copies.")
  void remove(
      @Parameters(
              paramLabel = "NAME",
              description = "A name; of a path, only the repacked copies are removed.")
          String name)
      throws IOException {
    ModelStore.Removed removed = ModelStore.ofUser().remove(name);
    removed.paths().forEach(path -> System.out.println("removed " + path));
    System.out.printf("freed %.1f MiB%n", removed.bytes() / 1048576.0);
  }
}
