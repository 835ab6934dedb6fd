package org.gatun.cuda;

import org.gatun.backend.Backend;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.backend.Witness;
import org.gatun.graph.Graph;
import org.gatun.tensor.WeightSource;
import org.jspecify.annotations.Nullable;

/** A GPU, real or virtual. Programs share the device's stream and its kernels. */
final class CudaBackend implements Backend {
  private final CudaDevice device;
  private final Kernels kernels = new Kernels();

  CudaBackend(CudaDevice device) {
    this.device = device;
  }

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public String device() {
    return device.name();
  }

  @Override
  public Numerics numerics() {
    return new Numerics(true, true);
  }

  @Override
  public @Nullable Witness witness() {
    return VirtualGpuWitness.find(Kernels.compiler());
  }

  @Override
  public synchronized Program compile(Graph graph, WeightSource weights, CompileOptions options) {
    device.enter();
    kernels.keepIn(options.cacheDir(), device.architecture() + ", driver " + Cuda.driverVersion());
    return CudaProgram.compile(device, kernels, graph, weights, options);
  }

  @Override
  public synchronized void close() {
    device.enterToClose();
    try {
      device.synchronize("finish running work");
    } finally { // a lost context is given back too, so that the next one can work
      kernels.close();
      device.close();
    }
  }
}
