package org.gatun.graph.spec;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.function.Function;

/** The registry: built-in specs, and those that {@link ServiceLoader} finds. */
public final class OpSpecs {
  private record Builtin(String name, Function<CaseRequest, List<OpCase>> make) implements OpSpec {
    @Override
    public List<OpCase> cases(CaseRequest request) {
      return make.apply(request);
    }
  }

  private static final List<OpSpec> BUILTIN =
      List.of(
          new Builtin("add", ElementwiseSpecs::add),
          new Builtin("rms_norm", ElementwiseSpecs::rmsNorm),
          new Builtin("add_rms_norm", ElementwiseSpecs::addRmsNorm),
          new Builtin("gated_act", ElementwiseSpecs::gatedAct),
          new Builtin("gather_rows", ElementwiseSpecs::gatherRows),
          new Builtin("gather_columns", ElementwiseSpecs::gatherColumns),
          new Builtin("rope", ElementwiseSpecs::rope),
          new Builtin("embed", MatMulSpecs::embed),
          new Builtin("matmul", MatMulSpecs::matMul),
          new Builtin("gated_matmul", MatMulSpecs::gatedMatMul),
          new Builtin("attention", AttentionSpecs::attention),
          new Builtin("attention_squeezed", SqueezedSpecs::cases),
          new Builtin("attention_blocktopk", BlockTopKSpecs::cases),
          new Builtin("sample", SampleSpecs::sample),
          new Builtin("candidates", SampleSpecs::candidates),
          new Builtin("sample_pairs", SampleSpecs::fromCandidates));

  private OpSpecs() {}

  /** All specs, the built-in ones first. */
  public static List<OpSpec> all() {
    List<OpSpec> all = new ArrayList<>(BUILTIN);
    ServiceLoader.load(OpSpec.class).forEach(all::add);
    return all;
  }
}
