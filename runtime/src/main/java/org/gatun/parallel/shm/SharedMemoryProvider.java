package org.gatun.parallel.shm;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.CommunicatorProvider;
import org.gatun.parallel.GroupSpec;
import org.gatun.parallel.SharedMemoryCost;
import org.jspecify.annotations.Nullable;

/**
 * {@code shm}: ranks are processes of one host. Rank 0 creates a file on the shared-memory mount
 * ({@code GATUN_SHM_DIR}, by default {@code /dev/shm}); once every rank has mapped it the name is
 * removed, so nothing stays behind however the ranks end.
 *
 * <p>The control part comes first and alone, so that a mount without room for the data can still
 * carry the message. Data pages are written, not only reserved, before anyone maps them: a full
 * mount is then an I/O error here and not a SIGBUS later.
 */
public final class SharedMemoryProvider implements CommunicatorProvider {
  /** Small enough that a piece and its sum stay in a core's second cache: measured. */
  static final long SLOT_BYTES = 256 << 10;

  private static final Set<? extends OpenOption> CREATE =
      EnumSet.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);

  private final Path directory;

  /** Uses the directory that the environment names. */
  public SharedMemoryProvider() {
    this(defaultDirectory());
  }

  SharedMemoryProvider(Path directory) {
    this.directory = directory;
  }

  @Override
  public String name() {
    return "shm";
  }

  @Override
  public Optional<String> whyNot() {
    return Files.isWritable(directory)
        ? Optional.empty()
        : Optional.of(directory + " is not writable; set GATUN_SHM_DIR to a memory-backed mount");
  }

  @Override
  public Communicator open(GroupSpec spec) {
    Path path = directory.resolve(fileName(spec.job()));
    Thread cleaner = new Thread(() -> delete(path));
    if (spec.rank() == 0) {
      Runtime.getRuntime().addShutdownHook(cleaner);
    }
    try {
      return spec.rank() == 0 ? create(path, spec) : attach(path, spec);
    } catch (IOException e) {
      throw new CommunicatorException(spec.rank(), "shared memory " + path + ": " + e.getMessage());
    } finally {
      // Formed or failed, the name has done its work.
      if (spec.rank() == 0) {
        delete(path);
        Runtime.getRuntime().removeShutdownHook(cleaner);
      }
    }
  }

  private Communicator create(Path path, GroupSpec spec) throws IOException {
    int world = spec.worldSize();
    long control = Region.controlBytes(world);
    long total = Region.bytes(world, SLOT_BYTES);
    try (FileChannel file = createNew(path)) {
      try {
        writeZeros(file, 0, control);
      } catch (IOException e) {
        throw new CommunicatorException(0, noRoom(total, e));
      }
      Region region = new Region(map(file, control), world, SLOT_BYTES);
      Membership.join(region, spec, ProcessHandle.current().pid(), Processes.namespace());
      region.format();
      return form(path, file, region, spec, total);
    }
  }

  private Communicator attach(Path path, GroupSpec spec) throws IOException {
    long start = System.nanoTime();
    while (true) {
      try (FileChannel file =
          FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        MemorySegment header = header(file);
        if (header != null) {
          return attach(path, file, header, spec);
        }
      } catch (NoSuchFileException e) {
        // Rank 0 is not that far yet.
      }
      if (System.nanoTime() - start > spec.deadlines().join().toNanos()) {
        throw new CommunicatorException(
            0, "did not create " + path + " in " + spec.deadlines().join().toSeconds() + " s");
      }
      Region.pause(2);
    }
  }

  private Communicator attach(Path path, FileChannel file, MemorySegment header, GroupSpec spec)
      throws IOException {
    int world = Region.worldOf(header);
    long slot = Region.slotBytesOf(header);
    long control = Region.controlBytes(world);
    if (world < 1 || world > 1024 || slot != SLOT_BYTES || file.size() < control) {
      throw new CommunicatorException(0, path + " is not a group of this version of gatun");
    }
    Region region = new Region(map(file, control), world, slot);
    if (world != spec.worldSize()) {
      throw Membership.failed(
          region,
          spec.rank(),
          "was started for " + spec.worldSize() + " ranks, rank 0 for " + world);
    }
    Membership.join(region, spec, ProcessHandle.current().pid(), Processes.namespace());
    return form(path, file, region, spec, Region.bytes(world, slot));
  }

  private Communicator form(Path path, FileChannel file, Region control, GroupSpec spec, long total)
      throws IOException {
    Watchdog watchdog = new Watchdog(control, spec);
    watchdog.start();
    try {
      if (spec.rank() == 0) {
        try {
          writeZeros(file, Region.controlBytes(control.world()), total);
        } catch (IOException e) {
          throw Membership.failed(control, 0, noRoom(total, e));
        }
        control.setDataReady();
      }
      Membership.agree(control, spec);
      Membership.await(control, spec, control::dataReady);
      Region region = new Region(map(file, total), control.world(), control.slotBytes());
      region.setState(spec.rank(), Region.MAPPED);
      Membership.await(region, spec, () -> region.allReached(Region.MAPPED));
      SharedCommunicator group =
          new SharedCommunicator(region, spec, SharedMemoryCost.DEFAULT, null, watchdog::close);
      if (spec.worldSize() > 2) {
        // Two ranks have nothing to choose.
        group.calibrate();
      }
      return group;
    } catch (IOException | RuntimeException e) {
      watchdog.close();
      delete(path);
      throw e;
    }
  }

  private String noRoom(long total, IOException e) {
    return String.format(
        Locale.ROOT,
        "%s has no room for %.1f MiB (%s); free or enlarge it (containers: --shm-size), or set"
            + " GATUN_SHM_DIR",
        directory,
        total / 1048576.0,
        e.getMessage());
  }

  private FileChannel createNew(Path path) throws IOException {
    var mode = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
    for (int attempt = 0; ; attempt++) {
      try {
        return FileChannel.open(path, CREATE, mode);
      } catch (FileAlreadyExistsException e) {
        if (attempt > 0 || creatorLives(path)) {
          throw new CommunicatorException(0, "group " + path.getFileName() + " exists already");
        }
        delete(path);
      }
    }
  }

  private static boolean creatorLives(Path path) throws IOException {
    try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ)) {
      ByteBuffer bytes = ByteBuffer.allocate((int) Region.controlBytes(1));
      int read = file.read(bytes, 0);
      return read == bytes.capacity()
          && Processes.alive(Region.creatorOf(MemorySegment.ofArray(bytes.array())));
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  /** The first bytes of a region whose creator has formatted it, read without mapping; or null. */
  private static @Nullable MemorySegment header(FileChannel file) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(32).order(ByteOrder.nativeOrder());
    if (file.read(bytes, 0) < bytes.capacity() || bytes.getLong(0) != Region.MAGIC) {
      return null;
    }
    return MemorySegment.ofArray(bytes.array()).asReadOnly();
  }

  private static void writeZeros(FileChannel file, long from, long to) throws IOException {
    ByteBuffer zeros = ByteBuffer.allocateDirect(1 << 18);
    for (long at = from; at < to; ) {
      zeros.clear().limit((int) Math.min(zeros.capacity(), to - at));
      at += file.write(zeros, at);
    }
  }

  /** Mapped until collected: the name is gone by then, so the memory is too. */
  private static MemorySegment map(FileChannel file, long bytes) throws IOException {
    return file.map(FileChannel.MapMode.READ_WRITE, 0, bytes, Arena.ofAuto());
  }

  private static void delete(Path path) {
    try {
      boolean unused = Files.deleteIfExists(path);
    } catch (IOException e) {
      // Not ours, or the mount is gone: nothing more to do.
    }
  }

  private static String fileName(String job) {
    return "gatun-" + job.replaceAll("[^A-Za-z0-9._-]", "_");
  }

  private static Path defaultDirectory() {
    String named = System.getenv("GATUN_SHM_DIR");
    if (named != null && !named.isEmpty()) {
      return Path.of(named);
    }
    Path shm = Path.of("/dev/shm");
    return Files.isDirectory(shm) ? shm : Path.of(System.getProperty("java.io.tmpdir"));
  }
}
