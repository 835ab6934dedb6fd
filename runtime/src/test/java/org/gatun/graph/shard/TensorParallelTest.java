package org.gatun.graph.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.gatun.attention.KvSequence;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.BackendProvider;
import org.gatun.backend.Backends;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.graph.Graph;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.GraphException;
import org.gatun.graph.Sampling;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.Activation;
import org.gatun.graph.op.Embed;
import org.gatun.graph.op.GatedAct;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.pass.Fusion;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.shm.Ranks;
import org.gatun.tensor.DType;
import org.gatun.tensor.WeightSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A sharded model answers as the whole one does. */
class TensorParallelTest {
  private static final StepLimits LIMITS = new StepLimits(16, 2, 4, 128);
  private static final int[] PROMPT = {3, 79, 14, 41, 40, 5, 0};

  record Answer(List<float[]> logits, List<Integer> ids) {}

  static Stream<Arguments> cases() {
    return Stream.of("reference", "jvm")
        .flatMap(
            backend ->
                Stream.of(TinyModel.LLAMA, TinyModel.QWEN2, TinyModel.GEMMA)
                    .flatMap(m -> Stream.of(1, 2, 4).map(t -> Arguments.of(backend, m, t))));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void ranksTogetherGiveTheSingleRanksLogits(String backend, TinyModel model, int world)
      throws Exception {
    BackendProvider provider =
        Backends.all().stream().filter(p -> p.name().equals(backend)).findFirst().orElse(null);
    Assumptions.assumeTrue(provider != null, "backend " + backend + " is not on the class path");
    Answer whole = answer("reference", model, null);
    for (Answer part : Ranks.run(world, c -> answer(backend, model, c))) {
      assertThat(part.ids()).isEqualTo(whole.ids());
      for (int i = 0; i < whole.logits().size(); i++) {
        assertThat(part.logits().get(i)).hasSameSizeAs(whole.logits().get(i));
        for (int k = 0; k < part.logits().get(i).length; k++) {
          assertThat(part.logits().get(i)[k]).isCloseTo(whole.logits().get(i)[k], within(2e-4f));
        }
      }
    }
  }

  private static Answer answer(String backendName, TinyModel model, @Nullable Communicator group) {
    TinyModel.Built built = model.build();
    Graph graph = built.graph();
    WeightSource weights = built.weights();
    CompileOptions options = CompileOptions.of(LIMITS).withPoison();
    if (group != null) {
      ShardedGraph part = TensorParallel.shard(graph, group.rank(), group.worldSize());
      graph = part.graph();
      weights = part.weights(weights);
      options = options.withCommunicator(group);
    }
    List<float[]> logits = new ArrayList<>();
    List<Integer> ids = new ArrayList<>();
    try (Backend backend = Backends.named(backendName).open(new BackendOptions("", 1));
        Program program = backend.compile(Fusion.apply(graph), weights, options);
        Step step = program.newStep()) {
      KvSequence sequence = program.kv().sequence();
      int[] tokens = PROMPT;
      for (int i = 0; i < 4; i++) {
        step.clear();
        step.add(sequence, tokens, Sampling.GREEDY);
        // Odd steps draw from candidates alone.
        boolean whole = i % 2 == 0;
        if (whole) {
          step.wantWholeLogits();
        }
        program.run(step);
        step.commit();
        if (whole) {
          MemorySegment l = program.output("logits");
          logits.add(l.asSlice(0, 4L * model.vocabulary()).toArray(ValueLayout.JAVA_FLOAT));
        }
        ids.add(program.output("ids").get(ValueLayout.JAVA_INT, 0));
        tokens = new int[] {ids.getLast()};
      }
      sequence.close();
    }
    return new Answer(logits, ids);
  }

  @Test
  void everyPartOfEverySplitMatrixIsHeldOnce() {
    TinyModel model = TinyModel.LLAMA;
    Graph graph = model.build().graph();
    ShardedGraph whole = TensorParallel.shard(graph, 0, 1);
    ShardedGraph half = TensorParallel.shard(graph, 0, 2);
    long norms = 4L * TinyModel.WIDTH * (2 * TinyModel.LAYERS + 1);
    assertThat(half.weightBytes()).isEqualTo((whole.weightBytes() - norms) / 2 + norms);
    // One behind the embedding, two per layer; candidates are gathered, logits on demand.
    assertThat(half.allReduces()).isEqualTo(1 + 2 * TinyModel.LAYERS);
    assertThat(half.allGathers()).isEqualTo(1);
    assertThat(half.collectiveBytes(3, 1))
        .isEqualTo(3L * TinyModel.WIDTH * 4 * 5 + model.vocabulary() / 2 * 8);
    assertThat(half.wholeLogitsBytes(1)).isEqualTo(model.vocabulary() / 2 * 4);
  }

  @Test
  void hiddenWidthIsCutAtBlocks() {
    // 3 blocks of 32 over 2 ranks: 1 and 2 blocks.
    Graph graph = splitDown(DType.Q8_0, 96);
    assertThat(TensorParallel.shard(graph, 0, 2).graph().print())
        .contains("blk.0.ffn_gate.weight[rows 0+32]");
    assertThat(TensorParallel.shard(graph, 1, 2).graph().print())
        .contains("blk.0.ffn_down.weight[cols 32+64]");
  }

  @Test
  void tooFewBlocksAreRefused() {
    assertThatThrownBy(() -> TensorParallel.shard(splitDown(DType.Q4_K, 256), 0, 2))
        .isInstanceOf(GraphException.class)
        .hasMessageContaining("256 columns in blocks of 256: too few for 2 ranks");
  }

  @Test
  void headsThatDoNotDivideAreRefused() {
    Graph graph = TinyModel.LLAMA.build().graph();
    assertThatThrownBy(() -> TensorParallel.shard(graph, 0, 3))
        .isInstanceOf(GraphException.class)
        .hasMessageContaining("3 ranks");
  }

  /** An MLP alone: formats that need no random blocks, since only shapes matter here. */
  private static Graph splitDown(DType type, int hidden) {
    GraphBuilder g = new GraphBuilder("mlp");
    Value x = g.one("e", new Embed(1, 0), g.weight("table", DType.F32, 7, 256));
    Value gate = g.weight("blk.0.ffn_gate.weight", type, hidden, 256);
    Value up = g.weight("blk.0.ffn_up.weight", type, hidden, 256);
    Value down = g.weight("blk.0.ffn_down.weight", type, 256, hidden);
    Value act =
        g.one(
            "act",
            new GatedAct(Activation.SILU),
            g.one("gate", MatMul.PLAIN, x, gate),
            g.one("up", MatMul.PLAIN, x, up));
    g.output("y", g.one("down", MatMul.PLAIN, act, down));
    return g.build();
  }
}
