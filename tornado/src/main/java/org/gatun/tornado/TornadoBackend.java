package org.gatun.tornado;

import java.util.ArrayList;
import java.util.List;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.graph.Graph;
import org.gatun.tensor.WeightSource;

/** The kernels on one executor. */
final class TornadoBackend implements Backend {
  private final String name;
  private final Executor executor;
  private final List<TornadoProgram> programs = new ArrayList<>();
  private boolean closed;

  TornadoBackend(String name, Executor executor) {
    this.name = name;
    this.executor = executor;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public String device() {
    return executor.device();
  }

  @Override
  public Numerics numerics() {
    return Numerics.F32;
  }

  @Override
  public synchronized TornadoProgram compile(
      Graph graph, WeightSource weights, CompileOptions options) {
    if (closed) {
      throw new BackendException("this " + name + " device was closed; open it again");
    }
    TornadoProgram p = new TornadoProgram(executor, graph, weights, options);
    programs.removeIf(TornadoProgram::isClosed);
    programs.add(p);
    return p;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      programs.forEach(TornadoProgram::close);
      executor.close();
    }
  }
}
