package org.gatun.parallel.mpi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import org.gatun.bindings.NativeLibrary;
import org.gatun.bindings.mpi.mpi_h;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.CommunicatorProvider;
import org.gatun.parallel.GroupSpec;

/**
 * {@code mpi}: ranks that an MPI launcher started. Rank and size must be MPI's own. MPI starts once
 * in the life of a process, so there is one communicator per process.
 */
public final class MpiProvider implements CommunicatorProvider {
  private static final int PROTOCOL = 1;

  /** Time in which a rank that speaks has done so. */
  private static final long TURN_MILLIS = 1500;

  @Override
  public String name() {
    return "mpi";
  }

  @Override
  public Optional<String> whyNot() {
    if (NativeLibrary.MPI.load() instanceof NativeLibrary.Status.Missing missing) {
      return Optional.of(missing.reason());
    }
    // MPICH's handles are integers: its library has other symbols.
    return NativeLibrary.MPI.symbol("ompi_mpi_comm_world").isPresent()
        ? Optional.empty()
        : Optional.of("the MPI library is not Open MPI; install openmpi-bin or use shm");
  }

  @Override
  public Communicator open(GroupSpec spec) {
    NativeLibrary.MPI.require();
    Optional<JoinMarks> marks = JoinMarks.of(System.getenv());
    marks.ifPresent(JoinMarks::mark);
    Thread joining = Thread.ofPlatform().daemon().start(() -> endUnlessJoined(spec, marks));
    try {
      return join(spec);
    } finally {
      joining.interrupt();
    }
  }

  /** Nothing else ends a wait for ranks that never start MPI. */
  private static void endUnlessJoined(GroupSpec spec, Optional<JoinMarks> marks) {
    try {
      Thread.sleep(spec.deadlines().join());
      if (marks.isPresent() && !marks.get().someMissingHere()) {
        // The host that misses a rank knows which, so it speaks first.
        Thread.sleep(2 * TURN_MILLIS);
      }
      if (marks.isEmpty() || marks.get().speaks()) {
        System.err.println("gatun: " + late(spec, marks).getMessage());
        System.err.flush();
      } else {
        // The end of one rank is the end of all: not before another has spoken.
        Thread.sleep(TURN_MILLIS);
      }
    } catch (InterruptedException e) {
      return;
    }
    Runtime.getRuntime().halt(1);
  }

  private static CommunicatorException late(GroupSpec spec, Optional<JoinMarks> marks) {
    return marks
        .map(m -> m.late(spec))
        .orElseGet(
            () ->
                new CommunicatorException(
                    -1,
                    "%d ranks did not all join within %d s; which is missing cannot be told here"
                        .formatted(spec.worldSize(), spec.deadlines().join().toSeconds())));
  }

  private static Communicator join(GroupSpec spec) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment word = arena.allocate(ValueLayout.JAVA_INT);
      Mpi.check("MPI_Initialized", mpi_h.MPI_Initialized(word));
      if (word.get(ValueLayout.JAVA_INT, 0) != 0) {
        throw new CommunicatorException(spec.rank(), "MPI runs already in this process");
      }
      Mpi.check(
          "MPI_Init_thread",
          mpi_h.MPI_Init_thread(
              MemorySegment.NULL, MemorySegment.NULL, mpi_h.MPI_THREAD_MULTIPLE(), word));
      boolean threads = word.get(ValueLayout.JAVA_INT, 0) >= mpi_h.MPI_THREAD_MULTIPLE();
      MemorySegment world = mpi_h.ompi_mpi_comm_world();
      Mpi.check(
          "MPI_Comm_set_errhandler",
          mpi_h.MPI_Comm_set_errhandler(world, mpi_h.ompi_mpi_errors_return()));
      Mpi.check("MPI_Comm_rank", mpi_h.MPI_Comm_rank(world, word));
      int rank = word.get(ValueLayout.JAVA_INT, 0);
      Mpi.check("MPI_Comm_size", mpi_h.MPI_Comm_size(world, word));
      int size = word.get(ValueLayout.JAVA_INT, 0);
      agree(arena, world, spec, rank, size);
      return new MpiCommunicator(spec, world, threads);
    }
  }

  /** Everybody sends what it was told and what it runs, then compares with rank 0. */
  private static void agree(Arena arena, MemorySegment world, GroupSpec spec, int rank, int size) {
    int record = 16 + GroupSpec.MAX_IDENTITY_BYTES;
    MemorySegment mine = arena.allocate(record, 8);
    byte[] identity = spec.identity().getBytes(StandardCharsets.UTF_8);
    identity = Arrays.copyOf(identity, Math.min(identity.length, GroupSpec.MAX_IDENTITY_BYTES));
    mine.set(ValueLayout.JAVA_INT, 0, PROTOCOL);
    mine.set(ValueLayout.JAVA_INT, 4, spec.rank());
    mine.set(ValueLayout.JAVA_INT, 8, spec.worldSize());
    mine.set(ValueLayout.JAVA_INT, 12, identity.length);
    MemorySegment.copy(identity, 0, mine, ValueLayout.JAVA_BYTE, 16, identity.length);
    MemorySegment all = arena.allocate((long) record * size, 8);
    MemorySegment bytes = mpi_h.ompi_mpi_byte();
    Mpi.check("MPI_Allgather", mpi_h.MPI_Allgather(mine, record, bytes, all, record, bytes, world));
    for (int r = 0; r < size; r++) {
      MemorySegment theirs = all.asSlice((long) r * record, record);
      String problem = null;
      if (theirs.get(ValueLayout.JAVA_INT, 0) != PROTOCOL) {
        problem = "speaks another version of the protocol";
      } else if (theirs.get(ValueLayout.JAVA_INT, 4) != r
          || theirs.get(ValueLayout.JAVA_INT, 8) != size) {
        problem =
            "was started as rank "
                + theirs.get(ValueLayout.JAVA_INT, 4)
                + " of "
                + theirs.get(ValueLayout.JAVA_INT, 8)
                + ", MPI says "
                + r
                + " of "
                + size;
      } else if (!identity(theirs).equals(identity(all))) {
        problem = "runs [" + identity(theirs) + "] but rank 0 runs [" + identity(all) + "]";
      }
      if (problem != null) {
        // All ranks see the same records, so all stop here.
        int unused = mpi_h.MPI_Finalize();
        throw new CommunicatorException(r, problem);
      }
    }
  }

  private static String identity(MemorySegment record) {
    int length = Math.clamp(record.get(ValueLayout.JAVA_INT, 12), 0, GroupSpec.MAX_IDENTITY_BYTES);
    return new String(
        record.asSlice(16, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
  }
}
