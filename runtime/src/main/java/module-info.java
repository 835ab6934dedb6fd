/** Gatun: load a model, plan its graph in Java, run it on a backend, generate text. */
module org.gatun.runtime {
  requires transitive org.jspecify;
  requires jdk.incubator.vector;
  requires org.gatun.bindings;
  requires info.picocli;
  requires java.management;
  requires jdk.unsupported;
  requires tools.jackson.core;

  exports org.gatun.generate;
  exports org.gatun.generate.golden;
  exports org.gatun.model.family;
  exports org.gatun.model;
  exports org.gatun.model.gguf;
  exports org.gatun.model.safetensors;
  exports org.gatun.tensor;
  exports org.gatun.tensor.codec;
  exports org.gatun.text;
  exports org.gatun.store;
  exports org.gatun.graph;
  exports org.gatun.graph.op;
  exports org.gatun.graph.pass;
  exports org.gatun.graph.shard;
  exports org.gatun.graph.spec;
  exports org.gatun.attention;
  exports org.gatun.backend;
  exports org.gatun.backend.reference;
  exports org.gatun.backend.suite;
  exports org.gatun.json;
  exports org.gatun.kernel;
  exports org.gatun.parallel;
  exports org.gatun.prefix;

  opens org.gatun.cli to
      info.picocli;

  uses org.gatun.backend.BackendProvider;
  uses org.gatun.graph.spec.OpSpec;
  uses org.gatun.kernel.KernelHost;
  uses org.gatun.parallel.CommunicatorProvider;

  provides org.gatun.backend.BackendProvider with
      org.gatun.backend.jvm.JvmBackendProvider,
      org.gatun.backend.reference.ReferenceBackendProvider;
  provides org.gatun.parallel.CommunicatorProvider with
      org.gatun.parallel.mpi.MpiProvider,
      org.gatun.parallel.shm.InProcessProvider,
      org.gatun.parallel.shm.SharedMemoryProvider;
}
