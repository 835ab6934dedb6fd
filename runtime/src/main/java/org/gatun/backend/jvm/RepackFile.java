package org.gatun.backend.jvm;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.zip.CRC32C;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Interleaved weights in a mapped file, {@code CACHE/repack/KEY-LAYOUT.lanes64}: pages that the
 * system may drop and share.
 *
 * <pre>
 *   header, one page:  magic  layout  data bytes  chunk bytes | CRC-32C per chunk | … | CRC-32C of what precedes
 *   data:              the tensors, each at a multiple of 4096
 * </pre>
 *
 * Starts that come together repack once, under a lock on a file beside it; the finished file
 * appears by an atomic rename. A file that does not check is written anew. Without a key, a cache
 * folder or room on its disk, memory serves.
 */
final class RepackFile {
  private static final long MAGIC = 0x34367357_6e757461L;
  private static final int HEADER = 4096;
  private static final int CHUNKS_AT = 32;
  private static final int MOST_CHUNKS = 1000;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final Object THREADS = new Object();

  private final List<Tensor> tensors;
  private final long[] offsets;
  private final long size;
  private final long layout;
  private final CompileOptions options;
  private final WorkerPool pool;

  private RepackFile(
      List<Tensor> tensors, long[] offsets, long size, CompileOptions options, WorkerPool pool) {
    this.tensors = tensors;
    this.offsets = offsets;
    this.size = size;
    this.options = options;
    this.pool = pool;
    layout = layout(tensors);
  }

  /**
   * Where the interleaved weights are.
   *
   * @param address of the first tensor
   * @param file what is mapped there; null for memory
   * @param bytes of the file
   */
  record Place(long address, @Nullable Path file, long bytes) {
    /** What to throw for {@code e}, which reading the weights gave. */
    RuntimeException lostPage(InternalError e) {
      try {
        if (file != null && Files.size(file) < bytes) {
          return new BackendException(
              "%s: shrank from %d to %d bytes while in use; start again, it will be written anew"
                  .formatted(file, bytes, Files.size(file)),
              e);
        }
      } catch (IOException unreadable) {
        e.addSuppressed(unreadable);
      }
      throw e;
    }
  }

  /** The interleaved weights, from the file, a new file, or memory. */
  static Place locate(
      String key,
      List<Tensor> tensors,
      long[] offsets,
      long size,
      CompileOptions options,
      WorkerPool pool,
      Arena arena) {
    RepackFile f = new RepackFile(tensors, offsets, size, options, pool);
    Path dir = options.cacheDir();
    if (dir != null && !key.isEmpty() && size > 0) {
      try {
        return f.cached(dir.resolve("repack"), key, arena);
      } catch (IOException | InternalError e) {
        // A full or read-only disk (a mapping that loses its disk throws InternalError): memory
        // does as well.
        options
            .progress()
            .report("keeping repacked weights in memory (" + e.getMessage() + ")", 0, size);
      }
    }
    long base = arena.allocate(size + 64, HEADER).address();
    WeightStore.pack(tensors, offsets, base, options, pool);
    return new Place(base, null, size);
  }

  private Place cached(Path dir, String key, Arena arena) throws IOException {
    Files.createDirectories(dir);
    Path file =
        dir.resolve(
            "%s-%016x.lanes%d"
                .formatted(key.replaceAll("[^A-Za-z0-9._-]", "_"), layout, Lanes.ROWS));
    long found = open(file, arena);
    if (found != 0) {
      return new Place(found, file, HEADER + size);
    }
    synchronized (THREADS) {
      try (FileChannel lock =
              FileChannel.open(dir.resolve(file.getFileName() + ".lock"), CREATE, WRITE);
          FileLock held = lock.lock()) {
        found = held.isValid() ? open(file, arena) : 0;
        if (found != 0) {
          return new Place(found, file, HEADER + size);
        }
        write(file);
      }
    }
    found = open(file, arena);
    if (found == 0) {
      throw new IOException(file + " does not check after it was written");
    }
    return new Place(found, file, HEADER + size);
  }

  /** Maps and checks; 0 if there is no such file or it is damaged. */
  private long open(Path file, Arena arena) throws IOException {
    if (!Files.isRegularFile(file) || Files.size(file) != HEADER + size) {
      return 0;
    }
    try (FileChannel c = FileChannel.open(file, READ)) {
      MemorySegment m = c.map(FileChannel.MapMode.READ_ONLY, 0, HEADER + size, arena);
      boolean ok =
          m.get(LONG, 0) == MAGIC
              && m.get(LONG, 8) == layout
              && m.get(LONG, 16) == size
              && m.get(LONG, 24) == chunk()
              && m.get(LONG, HEADER - 8) == crc(m, 0, HEADER - 8);
      return ok && chunksMatch(m) ? m.address() + HEADER : 0;
    }
  }

  private void write(Path file) throws IOException {
    if (Files.getFileStore(file.getParent()).getUsableSpace() < size + (64L << 20)) {
      throw new IOException("no room on the disk of " + file.getParent());
    }
    Path part = file.resolveSibling(file.getFileName() + ".part");
    Files.deleteIfExists(part);
    try (FileChannel c = FileChannel.open(part, CREATE, TRUNCATE_EXISTING, READ, WRITE);
        Arena writing = Arena.ofShared()) {
      MemorySegment m = c.map(FileChannel.MapMode.READ_WRITE, 0, HEADER + size, writing);
      WeightStore.pack(tensors, offsets, m.address() + HEADER, options, pool);
      m.set(LONG, 0, MAGIC);
      m.set(LONG, 8, layout);
      m.set(LONG, 16, size);
      m.set(LONG, 24, chunk());
      eachChunk(
          (i, at, bytes) ->
              m.set(ValueLayout.JAVA_INT, CHUNKS_AT + 4L * i, (int) crc(m, at, bytes)));
      m.set(LONG, HEADER - 8, crc(m, 0, HEADER - 8));
      m.force();
    } catch (IOException | RuntimeException | Error e) {
      Files.deleteIfExists(part);
      throw e;
    }
    // Nobody shortens it by a slip while it is mapped; where that cannot be had, it is no loss.
    boolean unused = part.toFile().setReadOnly();
    Files.move(part, file, ATOMIC_MOVE);
  }

  private boolean chunksMatch(MemorySegment m) {
    AtomicBoolean ok = new AtomicBoolean(true);
    eachChunk(
        (i, at, bytes) -> {
          if (m.get(ValueLayout.JAVA_INT, CHUNKS_AT + 4L * i) != (int) crc(m, at, bytes)) {
            ok.set(false);
          }
        });
    return ok.get();
  }

  private interface Chunk {
    void visit(int index, long at, long bytes);
  }

  private void eachChunk(Chunk visit) {
    long chunk = chunk();
    synchronized (pool) {
      pool.run(
          (i, worker) -> visit.visit(i, HEADER + i * chunk, Math.min(chunk, size - i * chunk)),
          Math.toIntExact(Math.ceilDiv(size, chunk)));
    }
  }

  private long chunk() {
    return Math.max(4L << 20, Math.ceilDiv(size, (long) MOST_CHUNKS));
  }

  private static long crc(MemorySegment m, long at, long bytes) {
    CRC32C crc = new CRC32C();
    for (long i = 0; i < bytes; i += 1 << 30) {
      crc.update(m.asSlice(at + i, Math.min(1 << 30, bytes - i)).asByteBuffer());
    }
    return crc.getValue();
  }

  /**
   * Names the tensors' names, formats and shapes (FNV-1a): a shard or another fusion gets a file of
   * its own.
   */
  private static long layout(List<Tensor> tensors) {
    long h = 0xcbf29ce484222325L;
    for (Tensor t : tensors) {
      String s = t.name() + ":" + t.dtype() + ":" + t.rows() + ":" + t.cols() + ";";
      for (int i = 0; i < s.length(); i++) {
        h = (h ^ s.charAt(i)) * 0x100000001b3L;
      }
    }
    return h;
  }
}
