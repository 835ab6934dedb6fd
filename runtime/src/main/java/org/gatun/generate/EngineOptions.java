package org.gatun.generate;

import java.nio.file.Path;
import java.util.function.Consumer;
import java.util.function.Function;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.attention.PrefixLimits;
import org.gatun.backend.Progress;
import org.gatun.parallel.Communicator;
import org.jspecify.annotations.Nullable;

/**
 * How to load a model. Start from {@link #of} and change what matters.
 *
 * @param model a GGUF file, a safetensors file, or a folder of them
 * @param backend {@code auto} or a name from {@code gatun devices}
 * @param device backend-specific choice; empty for the best
 * @param threads compute threads of CPU backends; 0 for one per core
 * @param context most tokens a session holds; 0 for the lesser of the model's maximum and 4096
 * @param sessions most sessions at once
 * @param chunk most rows of one step: prompts are read in chunks of this size
 * @param kv how KV elements are stored
 * @param cacheDir where repacked weights and compiled kernels live; null keeps none
 * @param profile whether to measure each op
 * @param progress told about repacking and uploads
 * @param notice told, in one line, when {@code auto} goes on from a backend that failed to start,
 *     and when thread ranks wait long for one of them to load
 * @param attention which keys a step reads, in layers that see the whole context
 * @param prefixes room for clustered prefixes
 * @param group joins this rank's group, given what all ranks must agree on; null for one rank
 * @param threadRanks ranks of a group inside this process, each a thread with a device; 1 for none
 */
public record EngineOptions(
    Path model,
    String backend,
    String device,
    int threads,
    int context,
    int sessions,
    int chunk,
    KvCodec kv,
    @Nullable Path cacheDir,
    boolean profile,
    Progress progress,
    Consumer<String> notice,
    AttentionPlan attention,
    PrefixLimits prefixes,
    @Nullable Function<String, Communicator> group,
    int threadRanks) {

  /** The context of a session when none is asked for. */
  public static final int DEFAULT_CONTEXT = 4096;

  /** Sensible defaults for this model: best backend, f16 KV, four sessions, no cache directory. */
  public static EngineOptions of(Path model) {
    return new EngineOptions(
        model,
        "auto",
        "",
        0,
        0,
        4,
        512,
        KvCodec.F16,
        null,
        false,
        Progress.NONE,
        line -> {},
        AttentionPlan.DENSE,
        PrefixLimits.NONE,
        null,
        1);
  }

  /** The same on this backend. */
  public EngineOptions withBackend(String name, String device, int threads) {
    return with(
        d -> {
          d.backend = name;
          d.device = device;
          d.threads = threads;
        });
  }

  /** The same with this context length and number of sessions. */
  public EngineOptions withContext(int context, int sessions) {
    return with(
        d -> {
          d.context = context;
          d.sessions = sessions;
        });
  }

  /** The same with this prefill chunk. */
  public EngineOptions withChunk(int rows) {
    return with(d -> d.chunk = rows);
  }

  /** The same with this KV storage. */
  public EngineOptions withKv(KvCodec codec) {
    return with(d -> d.kv = codec);
  }

  /** The same with files kept here. */
  public EngineOptions withCacheDir(@Nullable Path dir) {
    return with(d -> d.cacheDir = dir);
  }

  /** The same, measuring each op. */
  public EngineOptions withProfile(boolean on) {
    return with(d -> d.profile = on);
  }

  /** The same, reporting to these. */
  public EngineOptions withReports(Progress progress, Consumer<String> notice) {
    return with(
        d -> {
          d.progress = progress;
          d.notice = notice;
        });
  }

  /** The same as one rank of a tensor-parallel group. */
  public EngineOptions withGroup(Function<String, Communicator> group) {
    return with(d -> d.group = group);
  }

  /** The same split over this many devices of this process; the device is then a list. */
  public EngineOptions withThreadRanks(int ranks) {
    return with(d -> d.threadRanks = ranks);
  }

  /** The same with this attention plan and room for prefixes. */
  public EngineOptions withAttention(AttentionPlan plan, PrefixLimits room) {
    return with(
        d -> {
          d.attention = plan;
          d.prefixes = room;
        });
  }

  private EngineOptions with(Consumer<Draft> change) {
    Draft draft = new Draft(this);
    change.accept(draft);
    return draft.build();
  }

  /** A copy whose fields may change. */
  private static final class Draft {
    private final Path model;
    private String backend;
    private String device;
    private int threads;
    private int context;
    private int sessions;
    private int chunk;
    private KvCodec kv;
    private @Nullable Path cacheDir;
    private boolean profile;
    private Progress progress;
    private Consumer<String> notice;
    private AttentionPlan attention;
    private PrefixLimits prefixes;
    private @Nullable Function<String, Communicator> group;
    private int threadRanks;

    Draft(EngineOptions o) {
      model = o.model;
      backend = o.backend;
      device = o.device;
      threads = o.threads;
      context = o.context;
      sessions = o.sessions;
      chunk = o.chunk;
      kv = o.kv;
      cacheDir = o.cacheDir;
      profile = o.profile;
      progress = o.progress;
      notice = o.notice;
      attention = o.attention;
      prefixes = o.prefixes;
      group = o.group;
      threadRanks = o.threadRanks;
    }

    EngineOptions build() {
      return new EngineOptions(
          model,
          backend,
          device,
          threads,
          context,
          sessions,
          chunk,
          kv,
          cacheDir,
          profile,
          progress,
          notice,
          attention,
          prefixes,
          group,
          threadRanks);
    }
  }
}
