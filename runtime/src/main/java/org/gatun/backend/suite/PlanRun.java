package org.gatun.backend.suite;

import java.lang.foreign.MemorySegment;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.attention.PrefixLimits;
import org.gatun.backend.Backend;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.graph.Dim;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.spec.Narrowing;
import org.gatun.graph.spec.RandomTensors;
import org.gatun.graph.spec.Tolerance;
import org.gatun.tensor.DType;

/** One attention op with its plan on a backend, its rows given by the caller, and its oracle. */
final class PlanRun implements AutoCloseable {
  private final Program program;
  private final Step step;
  private final MaskedDense oracle;

  /** A program for steps of so many rows and sequences. */
  PlanRun(
      Backend backend,
      KvCodec codec,
      AttentionPlan plan,
      int heads,
      int kvHeads,
      int dim,
      float scale,
      StepLimits limits,
      PrefixLimits room) {
    GraphBuilder g = new GraphBuilder("fixed plan: " + plan);
    Value q = g.input("q", DType.F32, Dim.TOKENS, heads * dim);
    Value k = g.input("k", DType.F32, Dim.TOKENS, kvHeads * dim);
    Value v = g.input("v", DType.F32, Dim.TOKENS, kvHeads * dim);
    g.kvLayer(0, kvHeads, dim);
    g.add("append", new KvAppend(0), k, v);
    Attention op = new Attention(0, heads, kvHeads, dim, scale, 0, 0, plan, false);
    g.output("y", g.one("attention", op, q));
    CompileOptions o = CompileOptions.of(limits).withKv(codec).withPoison().withPrefixes(room);
    program = backend.compile(g.build(), new RandomTensors(1), o);
    step = program.newStep();
    Tolerance f32 = Tolerance.SUM.times(4);
    oracle =
        new MaskedDense(
            heads, kvHeads, dim, scale, Narrowing.ATTENTION.widen(f32, backend.numerics()));
  }

  Program program() {
    return program;
  }

  /** The step that {@link #run} runs. */
  Step step() {
    return step;
  }

  MaskedDense oracle() {
    return oracle;
  }

  /** Runs and commits the step; the output [T, heads × dim]. */
  MemorySegment run(float[] q, float[] k, float[] v) {
    program.input("q", MemorySegment.ofArray(q));
    program.input("k", MemorySegment.ofArray(k));
    program.input("v", MemorySegment.ofArray(v));
    program.run(step);
    step.commit();
    return program.output("y");
  }

  @Override
  public void close() {
    step.close();
    program.close();
  }
}
