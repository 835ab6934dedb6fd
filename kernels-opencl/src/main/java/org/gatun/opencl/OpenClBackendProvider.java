package org.gatun.opencl;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendException;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.BackendProvider;
import org.gatun.backend.suite.Lane;
import org.gatun.bindings.NativeLibrary;

/** Offers OpenCL devices; {@code auto} takes a GPU and passes over CPUs. */
public final class OpenClBackendProvider implements BackendProvider {
  @Override
  public String name() {
    return "opencl";
  }

  @Override
  public int order() {
    return 20;
  }

  @Override
  public Availability probe() {
    try {
      if (ClRuntime.load() instanceof NativeLibrary.Status.Missing missing) {
        String[] parts = missing.reason().split("; ", 2);
        return new Availability(false, false, parts[0], parts.length > 1 ? parts[1] : "");
      }
      List<ClDevice> devices = ClDevice.all();
      if (devices.isEmpty()) {
        return new Availability(
            false,
            false,
            "an OpenCL loader, but no device",
            "install a driver: the GPU vendor's, or pocl-opencl-icd for the CPU");
      }
      return new Availability(true, devices.getFirst().gpu(), devices.toString(), "");
    } catch (RuntimeException | LinkageError e) {
      return new Availability(
          false, false, String.valueOf(e.getMessage()), "check the OpenCL driver with clinfo");
    }
  }

  @Override
  public List<Lane> lanes() {
    Lane plain = Lane.of(name());
    Lane gpu =
        new Lane(
            name() + "-gpu",
            name(),
            Map.of("gatun.opencl.tiles", "gpu"),
            Map.of(),
            "",
            List.of(),
            List.of());
    return List.of(poisoned(plain), poisoned(gpu), OclgrindLane.of(false), OclgrindLane.of(true));
  }

  /**
   * Small allocations of glibc begin with rubbish, so that what reads them goes wrong each time.
   */
  private static Lane poisoned(Lane lane) {
    return lane.withEnvironment("MALLOC_PERTURB_", "1");
  }

  @Override
  public Backend open(BackendOptions options) {
    if (ClRuntime.load() instanceof NativeLibrary.Status.Missing missing) {
      throw new BackendException(missing.reason());
    }
    return new OpenClBackend(choose(ClDevice.all(), options.device()));
  }

  /** {@code ""}: the first; {@code 1}: by number; {@code gpu}, {@code cpu:1}: among that kind. */
  static ClDevice choose(List<ClDevice> all, String choice) {
    if (all.isEmpty()) {
      throw new BackendException("no OpenCL device; install the GPU's driver or pocl-opencl-icd");
    }
    String[] parts = choice.toLowerCase(Locale.ROOT).split(":", 2);
    List<ClDevice> among =
        switch (parts[0]) {
          case "gpu" -> all.stream().filter(ClDevice::gpu).toList();
          case "cpu" -> all.stream().filter(d -> !d.gpu()).toList();
          default -> all;
        };
    String number = parts.length > 1 ? parts[1] : parts[0];
    int index = number.matches("\\d{1,4}") ? Integer.parseInt(number) : 0;
    boolean known = number.isEmpty() || number.matches("\\d{1,4}|gpu|cpu");
    if (!known || index >= among.size()) {
      throw new BackendException("no OpenCL device '" + choice + "'; there are " + all);
    }
    return among.get(index);
  }
}
