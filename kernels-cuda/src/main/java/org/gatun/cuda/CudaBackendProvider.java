package org.gatun.cuda;

import java.util.List;
import java.util.stream.IntStream;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendException;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.BackendProvider;
import org.gatun.backend.suite.Lane;
import org.gatun.bindings.NativeLibrary;

/** Offers NVIDIA GPUs, or whatever {@code libcuda} answers, under the name {@code cuda}. */
public final class CudaBackendProvider implements BackendProvider {
  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public int order() {
    return 10;
  }

  @Override
  public Availability probe() {
    if (NativeLibrary.CUDA.load() instanceof NativeLibrary.Status.Missing missing) {
      return new Availability(false, true, missing.reason(), "install the NVIDIA driver");
    }
    try {
      if (!Kernels.present()) {
        return new Availability(
            false, true, Kernels.MISSING, "run ci/nvcc --where, then build again");
      }
      return new Availability(true, true, String.join(", ", CudaDevice.names()), "");
    } catch (BackendException e) {
      return new Availability(false, true, String.valueOf(e.getMessage()), "see the message");
    } catch (UnsatisfiedLinkError | ExceptionInInitializerError e) {
      return new Availability(
          false, true, "libcuda lacks a function: " + e.getMessage(), "update the NVIDIA driver");
    }
  }

  @Override
  public List<String> devices(String chosen, int ranks) {
    return chosen.isBlank() && ranks > 1
        ? IntStream.range(0, ranks).mapToObj(Integer::toString).toList()
        : BackendProvider.super.devices(chosen, ranks);
  }

  /** Processes need NCCL; the virtual GPU's memory is reached within a process only. */
  @Override
  public boolean ranksShareProcess() {
    return NativeLibrary.CUDA.symbol("vgpuReport").isPresent() || !NativeLibrary.NCCL.isAvailable();
  }

  @Override
  public List<Lane> lanes() {
    // The virtual GPU then reports a race and goes on, so that its row has both answer and finding.
    return List.of(Lane.of(name()).withEnvironment("GATUN_VGPU_POISON", "0"));
  }

  @Override
  public Backend open(BackendOptions options) {
    if (NativeLibrary.CUDA.load() instanceof NativeLibrary.Status.Missing missing) {
      throw new BackendException(missing.reason());
    }
    if (!Kernels.present()) {
      throw new BackendException(Kernels.MISSING);
    }
    int device = 0;
    if (!options.device().isBlank()) {
      try {
        device = Integer.parseInt(options.device().replaceFirst("^(gpu|cuda):", ""));
      } catch (NumberFormatException e) {
        throw new BackendException(
            "--device " + options.device() + " is not a CUDA device number such as 0", e);
      }
    }
    return new CudaBackend(CudaDevice.open(device));
  }
}
