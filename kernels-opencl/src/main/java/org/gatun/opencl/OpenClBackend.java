package org.gatun.opencl;

import java.util.ArrayList;
import java.util.List;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Witness;
import org.gatun.graph.Graph;
import org.gatun.tensor.WeightSource;
import org.jspecify.annotations.Nullable;

/** One OpenCL device: a context, and the kernels built for it. */
final class OpenClBackend implements Backend {
  private final ClContext context;
  private final KernelLibrary kernels;
  private final Tiles tiles;
  private final List<OpenClProgram> programs = new ArrayList<>();
  private boolean closed;

  OpenClBackend(ClDevice device) {
    context = new ClContext(device);
    tiles = Tiles.of(device);
    try {
      kernels = new KernelLibrary(context, Variants.wanted(context));
    } catch (RuntimeException e) {
      context.close();
      throw e;
    }
  }

  @Override
  public String name() {
    return "opencl";
  }

  @Override
  public String device() {
    return context.device()
        + (tiles.gpu() == context.device().gpu() ? "" : ", GPU-shaped tiles")
        + kernels.variants().describe();
  }

  @Override
  public Numerics numerics() {
    return new Numerics(kernels.variants().int8(tiles), false);
  }

  @Override
  public @Nullable Witness witness() {
    return OclgrindWitness.find(context.device());
  }

  @Override
  public synchronized OpenClProgram compile(
      Graph graph, WeightSource weights, CompileOptions options) {
    if (closed) {
      throw new BackendException("this OpenCL device was closed; open it again");
    }
    OpenClProgram p = new OpenClProgram(context, kernels, tiles, graph, weights, options);
    programs.removeIf(OpenClProgram::isClosed);
    programs.add(p);
    return p;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      programs.forEach(OpenClProgram::close);
      kernels.close();
      context.close();
    }
  }
}
