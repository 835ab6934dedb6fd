package org.gatun.tornado.device;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.gatun.backend.BackendException;
import org.gatun.backend.BackendProvider.Availability;
import org.gatun.tornado.DeviceProvider;
import org.gatun.tornado.Executor;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.TornadoBackend;
import uk.ac.manchester.tornado.api.TornadoRuntime;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.TornadoDeviceType;
import uk.ac.manchester.tornado.api.runtime.TornadoRuntimeProvider;

/** The devices of the TornadoVM that this JVM was started with, if it was. */
public final class TornadoDevices implements DeviceProvider {
  private static final String STARTED = "tornado.load.runtime.implementation";

  /** Characters of a foreign message that are kept. */
  private static final int MESSAGE = 300;

  private static @Nullable List<TornadoDevice> devices;
  private static @Nullable Availability missing;

  @Override
  public Availability probe() {
    List<TornadoDevice> found = find();
    if (found == null) {
      return missing == null ? new Availability(false, false, "no TornadoVM", "") : missing;
    }
    StringBuilder names = new StringBuilder();
    for (TornadoDevice d : found) {
      names.append(names.isEmpty() ? "" : ", ").append(DeviceExecutor.describe(d));
    }
    return new Availability(true, gpu(found.getFirst()), names.toString(), "");
  }

  /** All devices, GPUs first; null where TornadoVM is not there. Looked for once. */
  private static synchronized @Nullable List<TornadoDevice> find() {
    if (devices != null || missing != null) {
      return devices;
    }
    if (System.getProperty(STARTED) == null) {
      missing =
          new Availability(
              false,
              false,
              "built in, but the JVM was not started with TornadoVM",
              "use bin/gatun with --backend tornado, or java @$TORNADOVM_HOME/tornado-argfile");
      return null;
    }
    try {
      configure();
      List<TornadoDevice> all = list();
      if (all.isEmpty()) {
        missing =
            new Availability(
                false, false, "TornadoVM, but no device", "install the driver of a GPU, or PoCL");
        return null;
      }
      devices = all;
    } catch (Throwable t) { // whatever a foreign runtime throws while it starts
      missing =
          new Availability(
              false,
              false,
              "TornadoVM does not start: " + reason(t),
              "check it with $TORNADOVM_HOME/bin/tornado --devices");
    }
    return devices;
  }

  /** What TornadoVM reads once, when its classes load. */
  private static void configure() {
    // A kernel that does not compile must be an error, not sequential Java.
    System.setProperty("tornado.recover.bailout", "False");
    // Kernels are one function each; the limits are meant for smaller ones.
    setDefault("tornado.compiler.fullInlining", "True");
    setDefault("tornado.tvm.maxbytecodesize", "1048576");
    setDefault("tornado.device.memory", "1024GB");
  }

  private static void setDefault(String name, String value) {
    if (System.getProperty(name) == null) {
      System.setProperty(name, value);
    }
  }

  private static List<TornadoDevice> list() {
    TornadoRuntime runtime = TornadoRuntimeProvider.getTornadoRuntime();
    List<TornadoDevice> gpus = new ArrayList<>();
    List<TornadoDevice> others = new ArrayList<>();
    for (int b = 0; b < runtime.getNumBackends(); b++) {
      TornadoBackend backend = runtime.getBackend(b);
      for (int i = 0; i < backend.getNumDevices(); i++) {
        TornadoDevice d = backend.getDevice(i);
        (gpu(d) ? gpus : others).add(d);
      }
    }
    gpus.addAll(others);
    return gpus;
  }

  static boolean gpu(TornadoDevice d) {
    return d.getDeviceType() == TornadoDeviceType.GPU;
  }

  @Override
  public Executor open(String device) {
    List<TornadoDevice> all = find();
    if (all == null) {
      throw new BackendException("no TornadoVM device");
    }
    return new DeviceExecutor(choose(all, device));
  }

  private static TornadoDevice choose(List<TornadoDevice> all, String choice) {
    String[] parts = choice.toLowerCase(Locale.ROOT).split(":", 2);
    List<TornadoDevice> among =
        switch (parts[0]) {
          case "gpu" -> all.stream().filter(TornadoDevices::gpu).toList();
          case "cpu" -> all.stream().filter(d -> !gpu(d)).toList();
          default -> all;
        };
    String number = parts.length > 1 ? parts[1] : parts[0];
    int index = number.matches("\\d{1,4}") ? Integer.parseInt(number) : 0;
    boolean known = number.isEmpty() || number.matches("\\d{1,4}|gpu|cpu");
    if (!known || index >= among.size()) {
      throw new BackendException(
          "no TornadoVM device '"
              + choice
              + "'; there are "
              + all.stream().map(DeviceExecutor::describe).toList());
    }
    return among.get(index);
  }

  /** One line for what TornadoVM threw; it hides causes unless it is told to debug. */
  static BackendException failure(String what, Throwable t) {
    return new BackendException(
        what
            + ": "
            + reason(t)
            + "; use another --backend (GATUN_JVM_OPTS=-Dtornado.fullDebug=True says more)",
        t);
  }

  private static String reason(Throwable t) {
    Throwable root = t;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String message =
        String.valueOf(root.getMessage())
            .replaceAll("\\e\\[[0-9;]*m", "")
            .replaceAll("\\s+", " ")
            .strip();
    if (message.length() > MESSAGE) {
      message = message.substring(0, MESSAGE) + "…";
    }
    return root.getClass().getSimpleName() + ": " + message;
  }
}
