package org.gatun.generate;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCache;
import org.gatun.attention.KvSequence;
import org.gatun.attention.KvStore;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendException;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.BackendProvider;
import org.gatun.backend.Backends;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.graph.Graph;
import org.gatun.graph.StepLimits;
import org.gatun.graph.pass.DrawTokens;
import org.gatun.graph.pass.Passes;
import org.gatun.graph.pass.PlanAttention;
import org.gatun.graph.shard.KvShard;
import org.gatun.graph.shard.ShardedGraph;
import org.gatun.graph.shard.TensorParallel;
import org.gatun.model.Model;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.Stage;
import org.gatun.prefix.PrefixFormatException;
import org.gatun.prefix.StoredPrefix;
import org.gatun.text.Tokenizer;
import org.jspecify.annotations.Nullable;

/**
 * A loaded model on one device. Thread-safe: sessions on many threads share its steps. Closing it
 * waits for the running step and frees everything; the JVM can then exit.
 */
public final class Engine implements AutoCloseable {
  private final Model model;
  private final Backend backend;
  private final Program program;
  private final StepLoop loop;
  private final int context;
  private final @Nullable Communicator group;

  /** Pages of all KV heads: what the host writes there, each rank takes its heads of. */
  private final KvCache kv;

  private final int ranks;
  private boolean closed;

  private Engine(
      Model model,
      Backend backend,
      Program program,
      StepLoop loop,
      int context,
      @Nullable Communicator group,
      int threadRanks) {
    this.model = model;
    this.backend = backend;
    this.program = program;
    this.loop = loop;
    this.context = context;
    this.group = group;
    ranks = group == null ? Math.max(1, threadRanks) : group.worldSize();
    kv =
        group == null
            ? program.kv()
            : new KvCache(new KvShard(program.kv().store(), group.rank(), group.worldSize()));
  }

  /** Loads a model with sensible defaults. */
  public static Engine load(Path model) {
    return load(EngineOptions.of(model));
  }

  /**
   * Loads a model.
   *
   * @throws org.gatun.model.ModelFormatException if the file cannot be used
   * @throws BackendException if no backend can run it
   * @throws GenerationException if memory is short; said before loading
   */
  public static Engine load(EngineOptions options) {
    Model model = Model.open(options.model());
    try {
      return model.guard(() -> start(model, options));
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  /**
   * Runs an open model, which the engine then owns.
   *
   * @throws BackendException if no backend can run it
   */
  public static Engine start(Model model, EngineOptions options) {
    int context =
        options.context() > 0
            ? options.context()
            : Math.min(model.config().contextLength(), EngineOptions.DEFAULT_CONTEXT);
    long slots = (long) context * options.sessions();
    if (slots > Integer.MAX_VALUE / 2) {
      throw new GenerationException(
          context + " tokens of context for " + options.sessions() + " sessions are too many");
    }
    int rows = Math.min(options.chunk(), context);
    StepLimits limits =
        new StepLimits(
            Math.max(rows, options.sessions()),
            options.sessions(),
            Math.max(16, options.sessions()),
            (int) slots);
    Communicator group = joinGroup(model, options, context);
    try {
      return start(model, options, context, limits, group);
    } catch (RuntimeException | Error e) {
      if (group != null) {
        // The others must not wait for a rank that will not come.
        group.abort(String.valueOf(e.getMessage()));
        group.close();
      }
      throw e;
    }
  }

  private static @Nullable Communicator joinGroup(Model model, EngineOptions options, int context) {
    if (options.group() == null) {
      return null;
    }
    if (options.sessions() != 1) {
      throw new GenerationException(
          "tensor parallelism serves one session, not " + options.sessions());
    }
    return options
        .group()
        .apply(
            // The model last: the name of one in many files may be cut off at its end.
            "gatun 2, %s, %s KV, context %d, chunk %d, %s, %s, %s"
                .formatted(
                    model.config().family(),
                    options.kv().name(),
                    context,
                    options.chunk(),
                    options.attention(),
                    options.prefixes(),
                    model.weights().content()));
  }

  private static Engine start(
      Model model,
      EngineOptions options,
      int context,
      StepLimits limits,
      @Nullable Communicator group) {
    List<BackendProvider> candidates = candidates(options);
    for (int i = 0; i < candidates.size(); i++) {
      try {
        return open(candidates.get(i), model, options, context, limits, group);
      } catch (BackendException e) {
        if (i == candidates.size() - 1) {
          throw e;
        }
        options
            .notice()
            .accept(
                "backend %s does not start, %s takes over: %s"
                    .formatted(
                        candidates.get(i).name(), candidates.get(i + 1).name(), e.getMessage()));
      }
    }
    throw new BackendException("no backend is there; reinstall Gatun");
  }

  private static Engine open(
      BackendProvider p,
      Model model,
      EngineOptions options,
      int context,
      StepLimits limits,
      @Nullable Communicator group) {
    if (options.threadRanks() > 1) {
      List<String> devices = p.devices(options.device(), options.threadRanks());
      ThreadRanks all =
          new ThreadRanks(
              options.threadRanks(),
              options.notice(),
              g ->
                  openRank(
                      p,
                      new BackendOptions(devices.get(g.rank()), options.threads()),
                      model,
                      options,
                      limits,
                      g));
      StepLoop loop = new StepLoop(all, limits, model, all.candidates());
      return new Engine(model, all, all, loop, context, null, options.threadRanks());
    }
    BackendOptions device = new BackendOptions(options.device(), options.threads());
    ThreadRanks.Rank only = openRank(p, device, model, options, limits, group);
    StepLoop loop = new StepLoop(only.program(), limits, model, only.candidates());
    return new Engine(model, only.backend(), only.program(), loop, context, group, 1);
  }

  /** One rank's part of the model on its device. */
  private static ThreadRanks.Rank openRank(
      BackendProvider p,
      BackendOptions device,
      Model model,
      EngineOptions options,
      StepLimits limits,
      @Nullable Communicator group) {
    Graph whole = DrawTokens.apply(model.graph());
    TensorParallel.requireChoice(whole, options.attention(), group == null ? 1 : group.worldSize());
    ShardedGraph part =
        group == null
            ? TensorParallel.shard(whole, 0, 1)
            : TensorParallel.shard(whole, group.rank(), group.worldSize());
    Graph graph = PlanAttention.apply(Passes.optimize(part.graph()), options.attention());
    MemoryCheck.require(model, graph, limits, options);
    CompileOptions compile =
        new CompileOptions(
            limits,
            options.sessions()
                * Math.ceilDiv(limits.slots() / options.sessions(), KvStore.PAGE_SLOTS),
            options.kv(),
            options.cacheDir(),
            options.profile(),
            false,
            options.progress(),
            options.prefixes(),
            group);
    Backend backend = p.open(device);
    Program program = null;
    try {
      program = backend.compile(graph, part.weights(model.weights()), compile);
      if (group != null) {
        group.rendezvous(Stage.MODEL);
      }
      return new ThreadRanks.Rank(backend, program, part.candidates());
    } catch (RuntimeException | Error e) {
      if (program != null) {
        program.close();
      }
      backend.close();
      throw e;
    }
  }

  private static List<BackendProvider> candidates(EngineOptions options) {
    if (!options.backend().equals("auto")) {
      return List.of(Backends.named(options.backend()));
    }
    return Backends.auto();
  }

  /** A new, empty session. */
  public Session session() {
    return new Session(this, kv.sequence(), new int[0]);
  }

  /**
   * Uploads a prefix once, for any number of sessions. The engine must have been loaded with {@link
   * AttentionPlan.Squeezed} and room for it.
   *
   * @throws org.gatun.prefix.PrefixFormatException if another model read it
   */
  public Prefix prefix(StoredPrefix stored) {
    if (!stored.modelKey().equals(model.weights().content())) {
      throw new PrefixFormatException(
          "the prefix was read by another model ("
              + stored.family()
              + ", "
              + stored.modelKey()
              + "); this one is "
              + model.config().family()
              + ", "
              + model.weights().content()
              + ": build the prefix anew");
    }
    requireSamePrefix(stored);
    Prefix[] p = new Prefix[1];
    loop.edit(() -> p[0] = new Prefix(this, stored, kv.load(stored.data())));
    if (group != null) {
      group.rendezvous(Stage.PREFIX);
    }
    return p[0];
  }

  /** Ranks that read different documents would go on as if they had read one. */
  private void requireSamePrefix(StoredPrefix stored) {
    if (group == null) {
      return;
    }
    long[] all = new long[ranks];
    group.allGather(
        MemorySegment.ofArray(new long[] {stored.fingerprint()}), MemorySegment.ofArray(all));
    for (int r = 1; r < ranks; r++) {
      if (all[r] != all[0]) {
        throw new CommunicatorException(
            r, "has another prefix than rank 0; give all ranks the same file");
      }
    }
  }

  /**
   * A session that goes on behind a prefix without reading it again.
   *
   * @param sparsity share of the prefix's keys that is pruned, by its calibration; 0 keeps all
   * @throws org.gatun.prefix.PrefixFormatException if ranks share KV heads and keys shall be pruned
   */
  public Session session(Prefix prefix, double sparsity) {
    prefix.requirePrunable(sparsity, ranks);
    KvSequence[] made = new KvSequence[1];
    loop.edit(() -> made[0] = prefix.sequence(kv, sparsity));
    return new Session(this, made[0], prefix.tokens());
  }

  /** The loaded model. */
  public Model model() {
    return model;
  }

  /** The model's tokenizer. */
  public Tokenizer tokenizer() {
    return model.tokenizer();
  }

  /** Most tokens a session holds. */
  public int context() {
    return context;
  }

  /** Ids in the vocabulary. */
  public int vocabulary() {
    return model.config().vocabulary();
  }

  /** The device, for people. */
  public String device() {
    return backend.name() + ": " + backend.device();
  }

  /** The backend's name. */
  public String backend() {
    return backend.name();
  }

  /** What each op took since the last call, if the engine profiles. */
  public List<Program.OpProfile> profile() {
    return program.profile();
  }

  /** What the device reads and computes at most, measured now, if the backend can tell. */
  public Optional<Program.Roofline> roofline() {
    return program.roofline();
  }

  /** Device memory in use. */
  public Program.Memory memory() {
    return program.memory();
  }

  StepLoop loop() {
    return loop;
  }

  int[] renderChat(List<Map<String, Object>> messages) {
    return ChatPrompt.encode(tokenizer(), messages);
  }

  void release(KvSequence kv) {
    edit(kv::close);
  }

  /** Runs a KV edit between steps, unless the engine was closed and all is gone anyway. */
  void edit(Runnable change) {
    synchronized (this) {
      if (closed) {
        return;
      }
    }
    loop.edit(change);
  }

  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    loop.close();
    program.close();
    backend.close();
    if (group != null) {
      group.close();
    }
    model.close();
  }
}
