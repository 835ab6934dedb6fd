package org.gatun.prefix;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.attention.PrefixData;

/**
 * The file of a {@link StoredPrefix}, little-endian:
 *
 * <pre>
 *   "GATUNPFX"  version (i32)  bytes of the file (i64)  CRC-32C of all that follows (i32)
 *   then, in the order of the records: strings and arrays with their lengths before them;
 *   planes of PrefixData begin at multiples of 64
 * </pre>
 *
 * It is written whole to a neighbour and moved into place; it is mapped, not read, when opened.
 */
public final class PrefixFile {
  private static final byte[] MAGIC = "GATUNPFX".getBytes(StandardCharsets.US_ASCII);
  private static final int VERSION = 2;
  private static final int HEADER = 24;
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private PrefixFile() {}

  /** Writes a prefix. */
  public static void write(StoredPrefix p, Path file) throws IOException {
    long size = new Writer(MemorySegment.NULL).all(p);
    Path part = file.resolveSibling(file.getFileName() + ".part");
    try (FileChannel c =
            FileChannel.open(
                part,
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE);
        Arena arena = Arena.ofConfined()) {
      MemorySegment m = c.map(FileChannel.MapMode.READ_WRITE, 0, size, arena);
      new Writer(m).all(p);
      MemorySegment.copy(MemorySegment.ofArray(MAGIC), 0, m, 0, 8);
      m.set(I32, 8, VERSION);
      m.set(I64, 12, size);
      m.set(I32, 20, checksum(m));
      m.force();
    } catch (IOException | RuntimeException e) {
      Files.deleteIfExists(part);
      throw e;
    }
    Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
  }

  /**
   * Opens a prefix; its planes lie in the arena's mapping.
   *
   * @throws PrefixFormatException if the file is no prefix, of another version, truncated or
   *     damaged
   */
  public static StoredPrefix open(Path file, Arena arena) {
    MemorySegment m;
    try (FileChannel c = FileChannel.open(file, StandardOpenOption.READ)) {
      m = c.map(FileChannel.MapMode.READ_ONLY, 0, c.size(), arena);
    } catch (IOException e) {
      throw new PrefixFormatException(file + ": cannot be read: " + e.getMessage(), e);
    }
    if (m.byteSize() < 8 || m.asSlice(0, 8).mismatch(MemorySegment.ofArray(MAGIC)) >= 0) {
      throw new PrefixFormatException(
          file + ": is no prefix file; make one with `gatun prefix build`");
    }
    if (m.byteSize() < HEADER) {
      throw new PrefixFormatException(file + ": is truncated: it ends within its header");
    }
    int version = m.get(I32, 8);
    if (version != VERSION) {
      throw new PrefixFormatException(
          file
              + ": has version "
              + version
              + ", this Gatun reads "
              + VERSION
              + "; build the prefix anew");
    }
    long size = m.get(I64, 12);
    if (size != m.byteSize()) {
      throw new PrefixFormatException(
          file + ": is truncated: " + m.byteSize() + " of " + size + " bytes");
    }
    if (m.get(I32, 20) != checksum(m)) {
      throw new PrefixFormatException(
          file + ": is damaged (its checksum is wrong); build the prefix anew");
    }
    try {
      return new Reader(m).all();
    } catch (IndexOutOfBoundsException | NegativeArraySizeException | IllegalArgumentException e) {
      throw new PrefixFormatException(file + ": is damaged; build the prefix anew", e);
    }
  }

  private static int checksum(MemorySegment m) {
    CRC32C crc = new CRC32C();
    for (long at = HEADER; at < m.byteSize(); at += 1 << 26) {
      crc.update(m.asSlice(at, Math.min(1 << 26, m.byteSize() - at)).asByteBuffer());
    }
    return (int) crc.getValue();
  }

  /** Writes to a mapping, or only counts where there is none. */
  private static final class Writer {
    private final MemorySegment to;
    private long at = HEADER;

    Writer(MemorySegment to) {
      this.to = to;
    }

    long all(StoredPrefix p) {
      text(p.modelKey());
      text(p.family());
      ints(p.tokens());
      put(p.data().tokens());
      put(p.data().layers().size());
      for (PrefixData.Layer l : p.data().layers()) {
        shape(l.shape());
        put(l.codec().ordinal());
        put(l.fine());
        put(l.coarse());
        for (MemorySegment plane :
            List.of(
                l.keys(),
                l.values(),
                l.keyScales(),
                l.valueScales(),
                l.centroids(),
                l.starts(),
                l.coarseCentroids(),
                l.children(),
                l.order())) {
          plane(plane);
        }
      }
      put(p.tail().size());
      for (StoredPrefix.Tail t : p.tail()) {
        shape(t.layer());
        floats(t.keys());
        floats(t.values());
      }
      floats(p.quantiles().fine());
      floats(p.quantiles().coarse());
      put(p.observed().size());
      for (StoredPrefix.Observed o : p.observed()) {
        put(o.layer());
        put(o.heads());
        floats(new float[] {o.scale(), o.softCap()});
        floats(o.queries());
      }
      return at;
    }

    private boolean writes() {
      return to.byteSize() > 0;
    }

    private void shape(KvLayer l) {
      put(l.layer());
      put(l.kvHeads());
      put(l.headDim());
    }

    private void put(int x) {
      if (writes()) {
        to.set(I32, at, x);
      }
      at += 4;
    }

    private void text(String s) {
      byte[] b = s.getBytes(StandardCharsets.UTF_8);
      put(b.length);
      bytes(MemorySegment.ofArray(b));
    }

    private void ints(int[] x) {
      put(x.length);
      bytes(MemorySegment.ofArray(x));
    }

    private void floats(float[] x) {
      put(x.length);
      bytes(MemorySegment.ofArray(x));
    }

    private void plane(MemorySegment m) {
      at = Math.ceilDiv(at + 8, 64) * 64;
      if (writes()) {
        to.set(I64, at - 8, m.byteSize());
      }
      bytes(m);
    }

    private void bytes(MemorySegment m) {
      if (writes()) {
        MemorySegment.copy(m, 0, to, at, m.byteSize());
      }
      at += m.byteSize();
    }
  }

  private static final class Reader {
    private final MemorySegment from;
    private long at = HEADER;

    Reader(MemorySegment from) {
      this.from = from;
    }

    StoredPrefix all() {
      String key = text();
      String family = text();
      int[] tokens = array().toArray(I32);
      int clustered = get();
      List<PrefixData.Layer> layers = new ArrayList<>();
      for (int n = get(); n > 0; n--) {
        layers.add(
            new PrefixData.Layer(
                shape(),
                KvCodec.values()[get()],
                get(),
                get(),
                plane(),
                plane(),
                plane(),
                plane(),
                plane(),
                plane(),
                plane(),
                plane(),
                plane()));
      }
      List<StoredPrefix.Tail> tail = new ArrayList<>();
      for (int n = get(); n > 0; n--) {
        tail.add(new StoredPrefix.Tail(shape(), floats(), floats()));
      }
      Quantiles quantiles = new Quantiles(floats(), floats());
      List<StoredPrefix.Observed> observed = new ArrayList<>();
      for (int n = get(); n > 0; n--) {
        int layer = get();
        int heads = get();
        float[] scores = floats();
        observed.add(new StoredPrefix.Observed(layer, heads, scores[0], scores[1], floats()));
      }
      return new StoredPrefix(
          key, family, tokens, new PrefixData(clustered, layers), tail, quantiles, observed);
    }

    private int get() {
      int x = from.get(I32, at);
      at += 4;
      return x;
    }

    private KvLayer shape() {
      return new KvLayer(get(), get(), get());
    }

    private MemorySegment array() {
      long n = get();
      return slice(4 * n);
    }

    private float[] floats() {
      return array().toArray(F32);
    }

    private String text() {
      return new String(slice(get()).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }

    private MemorySegment plane() {
      at = Math.ceilDiv(at + 8, 64) * 64;
      return slice(from.get(I64, at - 8));
    }

    private MemorySegment slice(long bytes) {
      MemorySegment m = from.asSlice(at, bytes);
      at += bytes;
      return m;
    }
  }
}
