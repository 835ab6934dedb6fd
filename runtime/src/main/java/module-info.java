/** Gatun: load a model, plan its graph in Java, run it on a backend, generate text. */
module org.gatun.runtime {
  requires transitive org.jspecify;
  requires jdk.incubator.vector;
  requires org.gatun.bindings;
  requires info.picocli;
  requires tools.jackson.core;

  exports org.gatun.tensor;
  exports org.gatun.text;
}
