package org.gatun.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.gatun.json.Json;
import org.gatun.json.JsonException;
import org.gatun.model.Model;
import org.gatun.model.ModelFormatException;
import org.gatun.model.gguf.GgufFile;
import org.gatun.model.safetensors.SafetensorsFile;
import org.gatun.text.TextFormatException;
import org.gatun.text.TextTargets;

/**
 * What strangers' bytes reach. Whatever they are, they are taken or refused in one line: no other
 * error, no hang, no allocation out of proportion.
 */
enum FuzzTarget {
  GGUF("goldens/tiny/llama", "model.gguf", 16_384, GgufFile::open),
  GGUF_MODEL("goldens/tiny/gemma3", "model.gguf", 16_384, Model::open),
  SAFETENSORS(
      "goldens/tiny/qwen2", "model-00001-of-00003.safetensors", 1500, SafetensorsFile::open),
  CONFIG("goldens/tiny/llama", "config.json", 1000, f -> Model.open(f.getParent())),
  SHARD_INDEX(
      "goldens/tiny/llama", "model.safetensors.index.json", 3000, f -> Model.open(f.getParent())),
  SHARD(
      "goldens/tiny/llama",
      "model-00002-of-00002.safetensors",
      1500,
      f -> Model.open(f.getParent())),
  TOKENIZER("tokenizers", 400_000, TextTargets::tokenizerJson),
  TEMPLATE("templates", 10_000, TextTargets::template),
  JSON("tokenizers", 400_000, Json::readObject);

  /** Many times what the undamaged inputs need (under 8 MiB). */
  private static final long MAX_ALLOCATION = 64L << 20;

  /** Opens a file, which it may find damaged. */
  private interface Opener {
    AutoCloseable open(Path file);
  }

  /** Takes bytes, or throws one of the exceptions that say what is wrong with them. */
  private interface Taker {
    void take(byte[] bytes) throws IOException, TextFormatException, JsonException;
  }

  private final Path source;
  private final String file;
  private final int header;
  private final Taker taker;

  /** Reads a file that lies beside undamaged ones. */
  FuzzTarget(String folder, String file, int header, Opener opener) {
    this.source = Path.of("src/test/resources", folder);
    this.file = file;
    this.header = header;
    this.taker = new Folder(source, file, opener);
  }

  /** Reads bytes alone; those of every file of a folder are valid. */
  FuzzTarget(String folder, int header, Taker taker) {
    this.source = Path.of("src/test/resources", folder);
    this.file = "";
    this.header = header;
    this.taker = taker;
  }

  /** The first so many bytes are worth damaging; what follows is data that nobody parses. */
  int header() {
    return header;
  }

  Mutator mutator() {
    return this == TEMPLATE || this == TOKENIZER ? Mutator.TEXTS : Mutator.FILES;
  }

  /** Undamaged inputs. */
  List<byte[]> seeds() throws IOException {
    if (!file.isEmpty()) {
      return List.of(Files.readAllBytes(source.resolve(file)));
    }
    try (Stream<Path> files = Files.list(source)) {
      List<Path> sorted = files.filter(f -> !f.endsWith("goldens.json")).sorted().toList();
      List<byte[]> seeds = new java.util.ArrayList<>();
      for (Path f : sorted) {
        seeds.add(Files.readAllBytes(f));
      }
      return seeds;
    }
  }

  /**
   * Gives it these bytes.
   *
   * @return whether they were taken
   * @throws AssertionError if they were refused in an unclear way, or at too high a price
   */
  boolean accepts(byte[] bytes) throws IOException {
    long before = Trials.allocatedBytes();
    boolean taken = taken(bytes);
    if (Trials.allocatedBytes() - before >= MAX_ALLOCATION) {
      // Loading a class allocates too, much where it is instrumented; it happens once.
      before = Trials.allocatedBytes();
      taken = taken(bytes);
      assertThat(Trials.allocatedBytes() - before).as("bytes allocated").isLessThan(MAX_ALLOCATION);
    }
    return taken;
  }

  private boolean taken(byte[] bytes) throws IOException {
    try {
      taker.take(bytes);
      return true;
    } catch (ModelFormatException | TextFormatException | JsonException e) {
      assertThat(e.getMessage()).isNotBlank().doesNotContain("\n");
      return false;
    }
  }

  /** A copy of a model's folder in which one file is overwritten again and again. */
  private static final class Folder implements Taker {
    private final Path source;
    private final String file;
    private final Opener opener;
    private Path copy = Path.of("");

    Folder(Path source, String file, Opener opener) {
      this.source = source;
      this.file = file;
      this.opener = opener;
    }

    @Override
    public void take(byte[] bytes) throws IOException {
      if (copy.toString().isEmpty()) {
        copy = copyOf(source);
      }
      Path victim = copy.resolve(file);
      // In place; a new file for every input would cost more than opening it.
      try (var out = Files.newByteChannel(victim, StandardOpenOption.WRITE)) {
        out.truncate(bytes.length);
        out.write(ByteBuffer.wrap(bytes));
      }
      try (AutoCloseable opened = opener.open(victim)) {
        assertThat(opened).isNotNull();
      } catch (RuntimeException | IOException e) {
        throw e;
      } catch (Exception e) {
        throw new AssertionError(e);
      }
    }

    private static Path copyOf(Path source) throws IOException {
      Path copy = Files.createTempDirectory("gatun-fuzz");
      try (Stream<Path> files = Files.list(source)) {
        for (Path f : files.toList()) {
          Path to = Files.copy(f, copy.resolve(f.getFileName().toString()));
          to.toFile().deleteOnExit();
        }
      }
      copy.toFile().deleteOnExit();
      return copy;
    }
  }
}
