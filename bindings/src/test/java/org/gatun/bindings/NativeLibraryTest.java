package org.gatun.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.gatun.bindings.mpi.mpi_h;
import org.gatun.bindings.opencl.opencl_h;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeLibraryTest {
  @Test
  void aWrongOverrideIsOneLineWithCauseAndRemedy(@TempDir Path dir) throws Exception {
    Path notALibrary = Files.writeString(dir.resolve("libnccl.so"), "not ELF");
    System.setProperty(NativeLibrary.NCCL.property(), notALibrary.toString());
    try {
      assertThat(NativeLibrary.NCCL.load()).isInstanceOf(NativeLibrary.Status.Missing.class);
      assertThatThrownBy(NativeLibrary.NCCL::require)
          .isInstanceOf(UnsatisfiedLinkError.class)
          .hasMessageContainingAll(notALibrary.toString(), "GATUN_LIBRARY_NCCL")
          .message()
          .doesNotContain("\n");
      assertThat(NativeLibrary.NCCL.symbol("ncclGetVersion")).isEmpty();
    } finally {
      System.clearProperty(NativeLibrary.NCCL.property());
    }
  }

  @Test
  void openClAnswersThroughTheGeneratedBinding() {
    Assumptions.assumeTrue(NativeLibrary.OPENCL.isAvailable(), "no OpenCL loader here");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocateFrom(ValueLayout.JAVA_INT, -1);
      int status = opencl_h.clGetPlatformIDs(0, MemorySegment.NULL, count);
      // The ICD loader answers CL_PLATFORM_NOT_FOUND_KHR when no driver is installed.
      assertThat(status).isIn(opencl_h.CL_SUCCESS(), -1001);
      assertThat(count.get(ValueLayout.JAVA_INT, 0)).isNotNegative();
    }
  }

  @Test
  void openMpiSymbolsAreReachable() {
    Assumptions.assumeTrue(NativeLibrary.MPI.isAvailable(), "no Open MPI here");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment version = arena.allocate(ValueLayout.JAVA_INT);
      assertThat(mpi_h.MPI_Get_version(version, version)).isEqualTo(mpi_h.MPI_SUCCESS());
      assertThat(mpi_h.ompi_mpi_comm_world().address()).isNotZero();
    }
  }
}
