package org.gatun.cli;

import java.nio.file.Path;
import java.util.function.Function;
import org.gatun.attention.KvCodec;
import org.gatun.backend.Progress;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Session;
import org.gatun.parallel.Communicator;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The flags of every command that loads a model. */
final class EngineFlags {
  /**
   * More than any machine has cores: a slip of the finger, which would cost gigabytes of stacks.
   */
  private static final int MAX_THREADS = 1024;

  @Option(
      names = {"-m", "--model"},
      paramLabel = "MODEL",
      description =
          "A GGUF file, a safetensors folder, or a name from `gatun models list` (default: ${DEFAULT-VALUE}).",
      defaultValue = "gemma3-270m")
  String model = "";

  @Option(
      names = "--backend",
      description = "auto, or a name from `gatun devices` (default: ${DEFAULT-VALUE}).",
      defaultValue = "auto")
  String backend = "auto";

  @Option(
      names = "--device",
      paramLabel = "ID",
      description = "Which device of the backend.",
      defaultValue = "${env:GATUN_DEVICE:-}")
  String device = "";

  @Option(
      names = {"-t", "--threads"},
      description = "Compute threads of the CPU backends (default: one per core).",
      defaultValue = "${env:GATUN_THREADS:-0}")
  int threads;

  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "TOKENS",
      description =
          "Most tokens of prompt and answer together (default: the model's maximum, at most 4096).",
      defaultValue = "0")
  int context;

  @Option(
      names = "--kv",
      description = "How the KV cache is stored: f32, f16, int8 (default: ${DEFAULT-VALUE}).",
      defaultValue = "f16")
  KvCodec kv = KvCodec.F16;

  @Option(names = "--fallback", description = "Say why `auto` passed over each other backend.")
  boolean fallback;

  @Option(
      names = "--tp",
      paramLabel = "N",
      description =
          "Tensor parallelism: split the model over N ranks, one process each (default: 1). Under"
              + " mpirun, srun or torchrun their ranks are used.",
      defaultValue = "${env:GATUN_TP:-1}")
  int ranks;

  @Option(
      names = "--comm",
      paramLabel = "NAME",
      description = "How ranks talk: shm or mpi (default: shm on one host, else mpi).",
      defaultValue = "${env:GATUN_COMM:-auto}")
  String communicator = "auto";

  private @Nullable Communicator group;

  @Mixin AttentionFlags attention = new AttentionFlags();

  /** A session, behind the prefix if there is one. */
  Session session(Engine engine) {
    return attention.session(engine);
  }

  /**
   * The ranks that the loaded engine is one of, or null. Its collectives are free for other use
   * while no step runs.
   */
  @Nullable Communicator group() {
    return group;
  }

  /** Loads the model for this many sessions. */
  Engine load(int sessions, int chunk, boolean profile) {
    if (threads < 0 || threads > MAX_THREADS) {
      throw new UsageException(
          "--threads is " + threads + "; it must be 0 (one per core) to " + MAX_THREADS);
    }
    if (context < 0) {
      throw new UsageException("--ctx-size is " + context + "; it must be 0 (the default) or more");
    }
    try (ProgressBar bar = new ProgressBar()) {
      Path file = ModelPaths.resolve(model, bar);
      if (fallback) {
        DevicesCommand.explainAuto(System.err);
      }
      EngineOptions options =
          EngineOptions.of(file)
              .withBackend(backend, device, threads)
              .withContext(context, sessions)
              .withChunk(chunk)
              .withKv(kv)
              .withCacheDir(ModelPaths.cacheDir())
              .withProfile(profile)
              .withReports(
                  RankGroup.isSilent() ? Progress.NONE : bar,
                  line -> System.err.println("gatun: " + line));
      options = attention.apply(options);
      attention.requireRanks(ranks);
      if (RankGroup.isInProcess(ranks, backend)) {
        options = options.withThreadRanks(ranks);
      } else if (ranks > 1) {
        Function<String, Communicator> join = RankGroup.of(ranks, communicator);
        options =
            options.withGroup(
                identity -> {
                  Communicator joined = join.apply(identity);
                  group = joined;
                  return joined;
                });
      }
      return Engine.load(options);
    }
  }

  /** Loads the model for one session with the usual prompt chunk. */
  Engine load() {
    return load(1, 512, false);
  }
}
