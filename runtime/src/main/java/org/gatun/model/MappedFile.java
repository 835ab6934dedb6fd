package org.gatun.model;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A whole file, mapped read-only; any size, nothing on the heap.
 *
 * <p>Reading a page that a shrunken file no longer has makes HotSpot throw {@link InternalError}
 * (in compiled code possibly a few instructions later). {@link #guard} turns that into a clear
 * error; {@link #checkSize} finds a file that shrank before a page is touched, and the rest of the
 * last page, which reads as zeros.
 */
public final class MappedFile implements AutoCloseable {
  private final Path path;
  private final FileChannel channel;
  private final Arena arena;
  private final MemorySegment data;

  private MappedFile(Path path, FileChannel channel, Arena arena, MemorySegment data) {
    this.path = path;
    this.channel = channel;
    this.arena = arena;
    this.data = data;
  }

  /**
   * Maps the file until {@link #close}.
   *
   * @throws ModelFormatException if it cannot be read, or is empty
   */
  @SuppressWarnings("MustBeClosedChecker") // close() closes it
  public static MappedFile open(Path path) {
    if (Files.isDirectory(path)) {
      throw new ModelFormatException(path + ": is a directory, not a model file");
    }
    Arena arena = Arena.ofShared();
    FileChannel channel = null;
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ);
      MemorySegment data = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
      if (data.byteSize() == 0) {
        throw new ModelFormatException(path + ": the file is empty; fetch it again");
      }
      return new MappedFile(path, channel, arena, data);
    } catch (NoSuchFileException e) {
      throw release(arena, channel, new ModelFormatException(path + ": no such file", e));
    } catch (IOException e) {
      throw release(
          arena,
          channel,
          new ModelFormatException(path + ": cannot be read: " + e.getMessage(), e));
    } catch (ModelFormatException e) {
      throw release(arena, channel, e);
    }
  }

  private static ModelFormatException release(
      Arena arena, @Nullable FileChannel channel, ModelFormatException e) {
    arena.close();
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException closing) {
        e.addSuppressed(closing);
      }
    }
    return e;
  }

  public Path path() {
    return path;
  }

  /** The file's bytes as they were when it was opened. */
  public MemorySegment data() {
    return data;
  }

  /**
   * Runs something that reads the mapping; a page that is no longer there becomes a clear error.
   */
  public <T> T guard(Supplier<T> action) {
    try {
      return action.get();
    } catch (InternalError e) {
      throw lostPage(e);
    }
  }

  /** As {@link #guard(Supplier)}. */
  public void guard(Runnable action) {
    try {
      action.run();
    } catch (InternalError e) {
      throw lostPage(e);
    }
  }

  /** The error to throw for {@code e}, which reading the mapping gave. */
  RuntimeException lostPage(InternalError e) {
    checkSize();
    String message = e.getMessage();
    if (message == null || !message.contains("unsafe memory access")) {
      throw e;
    }
    return new ModelFormatException(
        path + ": could not be read while in use (a disk error?); check the file and start again",
        e);
  }

  /**
   * Asks the file system for the size (about a microsecond).
   *
   * @throws ModelFormatException if the file is shorter than when it was opened
   */
  public void checkSize() {
    long size;
    try {
      size = channel.size();
    } catch (IOException e) {
      throw new ModelFormatException(path + ": cannot be read: " + e.getMessage(), e);
    }
    if (size < data.byteSize()) {
      throw new ModelFormatException(
          "%s: shrank from %d to %d bytes while in use; restore it and start again"
              .formatted(path, data.byteSize(), size));
    }
  }

  /** Unmaps the file. Views of its data may not be used any more. */
  @Override
  public void close() {
    arena.close();
    try {
      channel.close();
    } catch (IOException e) {
      throw new ModelFormatException(path + ": cannot be closed: " + e.getMessage(), e);
    }
  }
}
