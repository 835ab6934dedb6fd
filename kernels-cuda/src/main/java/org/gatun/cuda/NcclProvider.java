package org.gatun.cuda;

import java.util.Optional;
import org.gatun.bindings.NativeLibrary;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorProvider;
import org.gatun.parallel.Communicators;
import org.gatun.parallel.GroupSpec;
import org.gatun.parallel.RankEnvironment;

/**
 * {@code nccl}: sums between GPUs by NCCL, everything else by shared memory on one host and by MPI
 * across hosts. NCCL itself starts when a program is compiled, as only then the device is known.
 */
public final class NcclProvider implements CommunicatorProvider {
  @Override
  public String name() {
    return "nccl";
  }

  @Override
  public Optional<String> whyNot() {
    for (NativeLibrary needed : new NativeLibrary[] {NativeLibrary.NCCL, NativeLibrary.CUDA}) {
      if (needed.load() instanceof NativeLibrary.Status.Missing missing) {
        return Optional.of(missing.reason());
      }
    }
    return Optional.empty();
  }

  @Override
  public Communicator open(GroupSpec spec) {
    boolean oneHost = RankEnvironment.detect().map(RankEnvironment::oneHost).orElse(true);
    return new NcclCommunicator(Communicators.open(oneHost ? "shm" : "mpi", spec));
  }
}
