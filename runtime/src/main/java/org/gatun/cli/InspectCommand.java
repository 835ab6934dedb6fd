package org.gatun.cli;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.reflect.Array;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.gatun.attention.AttentionPlan;
import org.gatun.graph.Graph;
import org.gatun.graph.MemoryPlan;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.pass.Passes;
import org.gatun.model.Model;
import org.gatun.prefix.KeptMap;
import org.gatun.prefix.PrefixBuilder;
import org.gatun.prefix.PrefixFile;
import org.gatun.prefix.StoredPrefix;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code gatun inspect}: what is in a model file and what Gatun makes of it. */
@Command(
    name = "inspect",
    description = "Show metadata, tensors, graph and memory plan of a model.",
    mixinStandardHelpOptions = true)
final class InspectCommand implements Callable<Integer> {
  @Option(
      names = {"-m", "--model"},
      description = "A model file or name (default: ${DEFAULT-VALUE}).",
      defaultValue = "gemma3-270m")
  private String model = "";

  @Option(names = "--metadata", description = "The file's key-value pairs.")
  private boolean metadata;

  @Option(names = "--tensors", description = "Name, type and shape of each tensor.")
  private boolean tensors;

  @Option(names = "--graph", description = "The graph that a backend compiles, after fusion.")
  private boolean graph;

  @Option(names = "--memory", description = "Where activations lie, for a step of 512 rows.")
  private boolean memory;

  @Option(
      names = "--attention",
      paramLabel = "PREFIX",
      description =
          "Draw what each layer and head of a prefix file keeps over the document (see -o, --plan).")
  private @Nullable Path attention;

  @Option(
      names = "--plan",
      paramLabel = "PLAN",
      description =
          "Of the drawing: squeezed[:SPARSITY][,levels=1|2] or blocktopk[:PAGES][,init=N][,local=N]"
              + " (default: ${DEFAULT-VALUE}).",
      defaultValue = "squeezed:0.9")
  private String plan = "squeezed:0.9";

  @Option(
      names = {"-o", "--output"},
      description = "Where the drawing goes: a .svg or .png file (default: ${DEFAULT-VALUE}).",
      defaultValue = "attention.svg")
  private Path output = Path.of("attention.svg");

  @Override
  public Integer call() throws IOException {
    if (attention != null) {
      return draw(attention);
    }
    try (ProgressBar bar = new ProgressBar();
        Model m = Model.open(ModelPaths.resolve(model, bar))) {
      boolean all = !(metadata || tensors || graph || memory);
      if (all) {
        summary(m);
      }
      if (metadata || all) {
        m.metadata().forEach((k, v) -> System.out.println(k + " = " + brief(v)));
      }
      if (tensors) {
        for (Tensor t : m.tensors()) {
          System.out.printf(
              "%-36s %-7s %8d x %-8d %12d bytes%n",
              t.name(), t.dtype(), t.rows(), t.cols(), t.byteSize());
        }
      }
      Graph g = Passes.optimize(m.graph());
      if (graph) {
        System.out.println(g.print());
      }
      if (memory) {
        plan(g);
      }
    }
    return 0;
  }

  private int draw(Path file) throws IOException {
    boolean svg = output.toString().endsWith(".svg");
    if (!svg && !output.toString().endsWith(".png")) {
      throw new UsageException("-o " + output + ": a drawing is an .svg or a .png file");
    }
    boolean pages = plan.startsWith("blocktopk");
    AttentionFlags.Choice choice = AttentionFlags.parse(plan, !pages);
    StoredPrefix p = PrefixFile.open(file, Arena.ofAuto());
    KeptMap map =
        switch (choice.plan()) {
          case AttentionPlan.Squeezed s -> KeptMap.of(p, s.levels(), choice.sparsity(), 100);
          case AttentionPlan.BlockTopK b -> KeptMap.of(p, b, 100);
          case AttentionPlan.Dense d -> throw new UsageException("--plan dense keeps every key");
        };
    List<String> labels = new ArrayList<>();
    for (int r = 0; r < map.share().length; r++) {
      labels.add(
          "layer %d, KV head %d: %.1f %%"
              .formatted(map.layers()[r], map.heads()[r], 100 * map.kept()[r]));
      System.out.println(labels.getLast() + " of the keys");
    }
    String title =
        "Keys read by the last %d tokens over %d, %s"
            .formatted(PrefixBuilder.WINDOW, pages ? p.tokens().length : p.data().tokens(), plan);
    HeatMap heat = new HeatMap(title, labels, map.share());
    if (svg) {
      Files.writeString(output, heat.svg());
    } else {
      Files.write(output, heat.png());
    }
    return 0;
  }

  private static void summary(Model m) {
    var c = m.config();
    System.out.printf(
        "%s: %s, %d layers, width %d, %d heads (%d KV) of %d, vocabulary %d, context %d%n",
        m.name(),
        c.family(),
        c.layers(),
        c.embedding(),
        c.heads(),
        c.kvHeads(),
        c.headDim(),
        c.vocabulary(),
        c.contextLength());
    Map<DType, long[]> types = new TreeMap<>();
    for (Tensor t : m.tensors()) {
      long[] s = types.computeIfAbsent(t.dtype(), k -> new long[2]);
      s[0]++;
      s[1] += t.byteSize();
    }
    types.forEach(
        (t, s) -> System.out.printf("  %-7s %4d tensors %10.1f MiB%n", t, s[0], s[1] / 1048576.0));
  }

  private static void plan(Graph g) {
    StepLimits limits = new StepLimits(512, 1, 16, 4096);
    MemoryPlan p = MemoryPlan.of(g, limits, 64);
    for (Map.Entry<Value, Long> e : p.offsets().entrySet()) {
      System.out.printf("%12d  %s%n", e.getValue(), e.getKey());
    }
    System.out.printf(
        "%.1f MiB for 512 rows and 16 rows of logits (%.1f MiB if nothing shared)%n",
        p.bytes() / 1048576.0, p.unshared(limits) / 1048576.0);
  }

  private static String brief(Object v) {
    if (v.getClass().isArray()) {
      return v.getClass().getComponentType() + "[" + Array.getLength(v) + "]";
    }
    String s = v.toString().replaceAll("\\R", "\\\\n");
    return s.length() > 100 ? s.substring(0, 100) + "…" : s;
  }
}
