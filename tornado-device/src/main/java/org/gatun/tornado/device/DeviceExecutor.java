package org.gatun.tornado.device;

import java.util.List;
import org.gatun.tornado.Executor;
import org.gatun.tornado.Kernel;
import org.gatun.tornado.Pools;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/** One device of TornadoVM. */
final class DeviceExecutor implements Executor {
  private final TornadoDevice device;

  DeviceExecutor(TornadoDevice device) {
    this.device = device;
  }

  static String describe(TornadoDevice d) {
    return d.getTornadoVMBackend()
        + " "
        + d.getPhysicalDevice().getDeviceName().strip()
        + (TornadoDevices.gpu(d) ? "" : " (CPU)");
  }

  @Override
  public String device() {
    return describe(device);
  }

  @Override
  public int lanes() {
    return TornadoDevices.gpu(device) ? 32 : 1;
  }

  @Override
  public int workers() {
    int units = Math.max(1, device.getPhysicalDevice().getDeviceMaxComputeUnits());
    return TornadoDevices.gpu(device) ? 8 * units : units;
  }

  @Override
  public long memory() {
    return device.getPhysicalDevice().getDeviceGlobalMemorySize();
  }

  @Override
  public Plan prepare(Pools pools, List<List<Kernel>> segments) {
    return new DevicePlan(pools, segments, device, lanes());
  }

  @Override
  public void close() {}
}
