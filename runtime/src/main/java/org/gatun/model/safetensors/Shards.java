package org.gatun.model.safetensors;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.gatun.json.Json;
import org.gatun.json.JsonObject;
import org.gatun.model.MappedFile;
import org.gatun.model.ModelFormatException;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;

/** All safetensors files of a model folder as one source, by the names in the files. */
public final class Shards implements WeightSource, AutoCloseable {
  private static final String INDEX = "model.safetensors.index.json";
  private static final String SUFFIX = ".safetensors";
  private static final String SINGLE = "model" + SUFFIX;
  private static final int MAX_SHARDS = 4096;

  private final List<SafetensorsFile> files;
  private final Map<String, Tensor> tensors;

  private Shards(List<SafetensorsFile> files, Map<String, Tensor> tensors) {
    this.files = files;
    this.tensors = tensors;
  }

  /**
   * Opens the shards that the folder's index lists, its {@value #SINGLE}, or else its only file of
   * that kind: quantisation tools choose other names.
   *
   * @throws ModelFormatException if one is missing or damaged, or does not hold what the index says
   */
  public static Shards open(Path folder) {
    Path index = folder.resolve(INDEX);
    if (!Files.exists(index)) {
      Path single = folder.resolve(SINGLE);
      return open(List.of(Files.exists(single) ? single : only(folder)));
    }
    Map<String, Path> places = readIndex(index);
    Shards shards = open(new LinkedHashSet<>(places.values()));
    places.forEach(
        (name, path) -> {
          if (!shards.has(name)) {
            shards.close();
            throw new ModelFormatException(
                path + ": does not hold " + name + ", which " + INDEX + " promises");
          }
        });
    return shards;
  }

  private static Path only(Path folder) {
    List<Path> found = List.of();
    if (Files.isDirectory(folder)) {
      try (Stream<Path> all = Files.list(folder)) {
        found = all.filter(f -> f.getFileName().toString().endsWith(SUFFIX)).toList();
      } catch (IOException e) {
        throw new ModelFormatException(folder + ": cannot be listed: " + e.getMessage(), e);
      }
    }
    if (found.size() != 1) {
      throw new ModelFormatException(
          folder + ": has neither " + SINGLE + " nor " + INDEX + "; is it a model folder?");
    }
    return found.getFirst();
  }

  private static Map<String, Path> readIndex(Path index) {
    Map<String, Path> places = new LinkedHashMap<>();
    try {
      JsonObject map = Json.readObject(index).object("weight_map");
      for (String name : map.names()) {
        String file = map.string(name);
        // A shard lies beside its index: a path would let a model read any file.
        if (file.isEmpty() || file.contains("/") || file.contains("\\") || file.startsWith("..")) {
          throw new ModelFormatException(index + ": '" + file + "' is not the name of a shard");
        }
        places.put(name, index.resolveSibling(file));
      }
    } catch (java.nio.file.InvalidPathException e) {
      throw new ModelFormatException(index + ": names an impossible file", e);
    } catch (IOException e) {
      throw new ModelFormatException(String.valueOf(e.getMessage()), e);
    }
    if (Set.copyOf(places.values()).size() > MAX_SHARDS) {
      throw new ModelFormatException(index + ": lists more than " + MAX_SHARDS + " shards");
    }
    return places;
  }

  private static Shards open(Collection<Path> paths) {
    List<SafetensorsFile> files = new ArrayList<>();
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try {
      for (Path path : paths) {
        SafetensorsFile file = SafetensorsFile.open(path);
        files.add(file);
        file.tensors()
            .forEach(
                (name, tensor) -> {
                  if (tensors.put(name, tensor) != null) {
                    throw new ModelFormatException(path + ": " + name + " is in two shards");
                  }
                });
      }
      return new Shards(files, tensors);
    } catch (RuntimeException | Error e) {
      files.forEach(SafetensorsFile::close);
      throw e;
    }
  }

  /** The mappings, to guard work that reads weights. */
  public List<MappedFile> files() {
    return files.stream().map(SafetensorsFile::file).toList();
  }

  public Collection<Tensor> tensors() {
    return tensors.values();
  }

  @Override
  public Tensor weight(String name) {
    Tensor t = tensors.get(name);
    if (t == null) {
      throw new IllegalArgumentException("no tensor named " + name);
    }
    return t;
  }

  @Override
  public boolean has(String name) {
    return tensors.containsKey(name);
  }

  @Override
  public String key() {
    StringBuilder key = new StringBuilder();
    files.forEach(f -> key.append(f.key()));
    return key.toString();
  }

  @Override
  public String content() {
    StringBuilder name = new StringBuilder();
    files.forEach(f -> name.append(f.content()));
    return name.toString();
  }

  @Override
  public void close() {
    files.forEach(SafetensorsFile::close);
  }
}
