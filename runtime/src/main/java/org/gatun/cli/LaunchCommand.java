package org.gatun.cli;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.gatun.backend.Progress;
import org.gatun.graph.Graph;
import org.gatun.graph.Sampling;
import org.gatun.graph.pass.DrawTokens;
import org.gatun.graph.shard.ShardedGraph;
import org.gatun.graph.shard.TensorParallel;
import org.gatun.model.Model;
import org.gatun.parallel.CollectiveCost;
import org.gatun.parallel.RankEnvironment;
import org.gatun.parallel.SharedMemoryCost;
import org.gatun.parallel.launch.Launcher;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code gatun launch}: one model over several ranks, each a process. */
@Command(
    name = "launch",
    description = "Run a gatun command as N tensor-parallel ranks.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Examples:",
      "  gatun-launch --tp 2 -- run -m model.gguf -p \"Once upon a time\"",
      "  gatun-launch --tp 4 --dry-run -- run -m model.gguf",
      "  mpirun -np 4 gatun-launch --tp 4 -- run -m model.gguf -p Hello"
    })
final class LaunchCommand implements Callable<Integer> {
  @Option(names = "--tp", paramLabel = "N", required = true, description = "Number of ranks.")
  private int ranks;

  @Option(names = "--backend", description = "Backend of every rank.")
  private @Nullable String backend;

  @Option(
      names = "--devices",
      split = ",",
      paramLabel = "ID",
      description = "Device of each rank, separated by commas.")
  private List<String> devices = new ArrayList<>();

  @Option(names = "--comm", paramLabel = "NAME", description = "How ranks talk: shm or mpi.")
  private @Nullable String communicator;

  @Option(names = "--no-pin", description = "Do not give each rank cores of its own.")
  private boolean noPin;

  @Option(names = "--dry-run", description = "Print shards, bytes and algorithms; start nothing.")
  private boolean dryRun;

  @Option(
      names = "--plan",
      description = "Print the modelled cost of all-reduces by size and algorithm; start nothing.")
  private boolean plan;

  @Option(
      names = "--nodes",
      description = "Hosts in --plan's model (default: ${DEFAULT-VALUE}).",
      defaultValue = "1")
  private int nodes;

  @Parameters(
      paramLabel = "COMMAND",
      description = "The gatun command and its flags; put -- before it.")
  private List<String> command = new ArrayList<>();

  @Override
  public Integer call() {
    if (ranks < 1 || ranks > 1024) {
      throw new UsageException("--tp is " + ranks + "; it must be from 1 to 1024");
    }
    if (plan) {
      if (nodes < 1 || ranks % nodes != 0) {
        throw new UsageException("--nodes is " + nodes + "; it must divide --tp " + ranks);
      }
      CollectiveCost.print(System.out, ranks, nodes);
      return 0;
    }
    if (command.isEmpty()) {
      throw new UsageException(
          "nothing to launch: give a command after --, such as -- run -p Hello");
    }
    List<String> args = new ArrayList<>(command);
    if (backend != null) {
      args.addAll(List.of("--backend", backend));
    }
    if (communicator != null) {
      args.addAll(List.of("--comm", communicator));
    }
    if (dryRun) {
      dryRun(System.out);
      return 0;
    }
    boolean threads = RankGroup.isInProcess(ranks, backendOf(args));
    if (threads && !devices.isEmpty()) {
      args.addAll(List.of("--device", String.join(",", devices)));
    }
    if (threads || RankEnvironment.detect().isPresent()) {
      // The ranks are threads of this process, or a launcher made it a rank already: be that rank.
      args.addAll(List.of("--tp", "" + ranks));
      return Main.run(args.toArray(String[]::new));
    }
    return TensorParallelRun.start(plan(args));
  }

  private static String backendOf(List<String> args) {
    int at = args.lastIndexOf("--backend");
    return at >= 0 && at + 1 < args.size() ? args.get(at + 1) : "auto";
  }

  private Launcher.Plan plan(List<String> args) {
    Map<String, String> env = System.getenv();
    int pods = number(env, "LWS_GROUP_SIZE", 1);
    int pod = number(env, "LWS_WORKER_INDEX", 0);
    if (pods < 1 || pod < 0 || pod >= pods || ranks % pods != 0) {
      throw new UsageException(
          "--tp "
              + ranks
              + " does not split over LWS_GROUP_SIZE="
              + pods
              + " pods (this is "
              + pod
              + ")");
    }
    int local = ranks / pods;
    String job = pods == 1 ? "" : env.getOrDefault("LWS_LEADER_ADDRESS", "lws");
    List<String> own = devices;
    if (devices.size() == ranks && pods > 1) {
      own = devices.subList(pod * local, (pod + 1) * local);
    }
    try {
      return new Launcher.Plan(
          TensorParallelRun.command(args), local, pod * local, ranks, own, !noPin, job);
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  private static int number(Map<String, String> env, String name, int missing) {
    String text = env.getOrDefault(name, "" + missing);
    if (!text.matches("\\d{1,6}")) {
      throw new UsageException(name + "=" + text + " is not a number");
    }
    return Integer.parseInt(text);
  }

  private void dryRun(PrintStream out) {
    Path file = ModelPaths.resolve(modelArgument(), Progress.NONE);
    Launcher.Plan launch = plan(command);
    try (Model model = Model.open(file)) {
      Graph whole = DrawTokens.apply(model.graph());
      out.printf("model   %s, %.1f MiB of weights%n", file.getFileName(), mib(model.bytes()));
      for (int r = 0; r < ranks; r++) {
        ShardedGraph part = TensorParallel.shard(whole, r, ranks);
        int local = r - launch.firstRank();
        boolean here = local >= 0 && local < launch.ranks();
        out.printf(
            "rank %-3d %.1f MiB of weights, %s, cores %s%n",
            r,
            mib(part.weightBytes()),
            here && !launch.devices().isEmpty()
                ? "device " + launch.devices().get(local)
                : "default device",
            here && !launch.cores(local).isEmpty() ? launch.cores(local) : "not pinned");
      }
      ShardedGraph first = TensorParallel.shard(whole, 0, ranks);
      out.printf(
          "collectives per step: %d all-reduce, %d all-gather%n",
          first.allReduces(), first.allGathers());
      for (int tokens : new int[] {1, 16, 512}) {
        long bytes = 4L * model.config().embedding() * tokens;
        out.printf(
            "%4d tokens: %.1f KiB per all-reduce, %s; %.2f MiB in all%n",
            tokens,
            bytes / 1024.0,
            SharedMemoryCost.DEFAULT.choose(bytes, ranks),
            mib(first.collectiveBytes(tokens, 1)));
      }
      if (first.wholeLogitsBytes(1) > 0) {
        out.printf(
            "%.1f KiB more where whole logits are wanted (top-k 0 or over %d, perplexity)%n",
            first.wholeLogitsBytes(1) / 1024.0, Sampling.CANDIDATES);
      }
    }
  }

  private String modelArgument() {
    for (int i = 0; i + 1 < command.size(); i++) {
      if (command.get(i).equals("-m") || command.get(i).equals("--model")) {
        return command.get(i + 1);
      }
    }
    return "gemma3-270m";
  }

  private static double mib(long bytes) {
    return bytes / 1048576.0;
  }
}
