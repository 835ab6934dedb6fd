package org.gatun.generate;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.gatun.attention.KvCache;
import org.gatun.attention.KvLayer;
import org.gatun.attention.KvStore;
import org.gatun.attention.PrefixData;
import org.gatun.backend.Backend;
import org.gatun.backend.Program;
import org.gatun.graph.Step;
import org.gatun.graph.shard.KvShard;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.Communicators;
import org.gatun.parallel.Deadlines;
import org.gatun.parallel.GroupSpec;
import org.jspecify.annotations.Nullable;

/**
 * Tensor parallelism inside one process: a device and a program per rank, each driven by a thread
 * of its own, to their caller one program. Ranks see the same steps, so one page table serves all;
 * page copies go to every rank's pages. What a rank computes differs only in the values it holds.
 */
final class ThreadRanks implements Program, Backend {
  /** Opens one rank. */
  interface Opener {
    Rank open(Communicator group);
  }

  /**
   * An opened rank; closing it closes the program first.
   *
   * @param candidates {@link org.gatun.graph.shard.ShardedGraph#candidates}
   */
  record Rank(Backend backend, Program program, int candidates) {}

  private final List<Communicator> groups = new ArrayList<>();
  private final List<Rank> ranks = new ArrayList<>();
  private final ExecutorService threads;
  private final KvCache kv;

  /**
   * Opens {@code world} ranks at the same time.
   *
   * @param notice told, in one line, which ranks the others wait for
   * @throws RuntimeException what the first failing rank threw; all are closed then
   */
  ThreadRanks(int world, Consumer<String> notice, Opener opener) {
    threads =
        Executors.newFixedThreadPool(
            world, Thread.ofPlatform().daemon().name("rank-", 0).factory());
    String job = UUID.randomUUID().toString();
    Rank[] opened = new Rank[world];
    Communicator[] joined = new Communicator[world];
    try {
      onAll(
          world,
          r -> {
            GroupSpec spec =
                GroupSpec.of(r, world, job, "")
                    .withDeadlines(Deadlines.of(System.getenv()))
                    .withOnWait(notice);
            joined[r] = Communicators.open("threads", spec);
            try {
              opened[r] = opener.open(joined[r]);
            } catch (RuntimeException | Error e) {
              // The others must not wait for a rank that will not come.
              joined[r].abort(String.valueOf(e.getMessage()));
              throw e;
            }
          });
    } catch (RuntimeException | Error e) {
      for (int r = 0; r < world; r++) {
        close(opened[r], joined[r]);
      }
      threads.shutdown();
      throw e;
    }
    ranks.addAll(List.of(opened));
    groups.addAll(List.of(joined));
    List<KvShard> shards = new ArrayList<>();
    for (int r = 0; r < world; r++) {
      shards.add(new KvShard(opened[r].program().kv().store(), r, world));
    }
    kv = new KvCache(new MirroredPages(shards));
  }

  /** The same edits on every rank's pages; each takes its own KV heads of what is written. */
  private record MirroredPages(List<KvShard> ranks) implements KvStore {
    @Override
    public int pages() {
      return ranks.getFirst().pages();
    }

    @Override
    public void copySlots(int srcPage, int srcSlot, int dstPage, int dstSlot, int count) {
      ranks.forEach(r -> r.copySlots(srcPage, srcSlot, dstPage, dstSlot, count));
    }

    @Override
    public int prefixes() {
      return ranks.getFirst().prefixes();
    }

    @Override
    public void loadPrefix(int id, PrefixData data) {
      ranks.forEach(r -> r.loadPrefix(id, data));
    }

    @Override
    public void dropPrefix(int id) {
      ranks.forEach(r -> r.dropPrefix(id));
    }

    @Override
    public void write(KvLayer layer, int page, int slot, int count, float[] keys, float[] values) {
      ranks.forEach(r -> r.write(layer, page, slot, count, keys, values));
    }
  }

  private interface Body {
    void run(int rank);
  }

  /** Runs on all ranks' threads; the cause that names a rank wins over what it led to elsewhere. */
  private void onAll(int world, Body body) {
    List<Callable<Void>> calls = new ArrayList<>();
    for (int r = 0; r < world; r++) {
      int rank = r;
      calls.add(
          () -> {
            body.run(rank);
            return null;
          });
    }
    Throwable first = null;
    try {
      for (Future<Void> f : threads.invokeAll(calls)) {
        try {
          Void unused = f.get();
        } catch (ExecutionException e) {
          Throwable cause = e.getCause() == null ? e : e.getCause();
          boolean better =
              first instanceof CommunicatorException && !(cause instanceof CommunicatorException);
          first = first == null || better ? cause : first;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new GenerationException("interrupted while the ranks worked");
    }
    if (first instanceof Error e) {
      throw e;
    }
    if (first instanceof RuntimeException e) {
      throw e;
    }
  }

  @Override
  public void run(Step step) {
    step.seal();
    onAll(
        ranks.size(),
        r -> {
          try {
            ranks.get(r).program().run(step);
          } catch (RuntimeException | Error e) {
            groups.get(r).abort(String.valueOf(e.getMessage()));
            throw e;
          }
        });
  }

  /** The same on all ranks. */
  int candidates() {
    return ranks.getFirst().candidates();
  }

  @Override
  public KvCache kv() {
    return kv;
  }

  @Override
  public Step newStep() {
    return ranks.getFirst().program().newStep();
  }

  @Override
  public void input(String name, MemorySegment rows) {
    ranks.forEach(r -> r.program().input(name, rows));
  }

  @Override
  public MemorySegment output(String name) {
    return ranks.getFirst().program().output(name);
  }

  @Override
  public Memory memory() {
    return ranks.stream()
        .map(r -> r.program().memory())
        .reduce(
            new Memory(0, 0, 0),
            (a, b) ->
                new Memory(
                    a.weights() + b.weights(), a.kv() + b.kv(), a.activations() + b.activations()));
  }

  @Override
  public List<OpProfile> profile() {
    return ranks.getFirst().program().profile();
  }

  @Override
  public String name() {
    return ranks.getFirst().backend().name();
  }

  @Override
  public String device() {
    return ranks.size() + " ranks, the first on " + ranks.getFirst().backend().device();
  }

  @Override
  public Numerics numerics() {
    return ranks.getFirst().backend().numerics();
  }

  @Override
  public Program compile(
      org.gatun.graph.Graph graph,
      org.gatun.tensor.WeightSource weights,
      org.gatun.backend.CompileOptions options) {
    throw new IllegalStateException("the ranks have their programs already");
  }

  @Override
  public void close() {
    if (threads.isShutdown()) {
      return;
    }
    onAll(ranks.size(), r -> close(ranks.get(r), groups.get(r)));
    threads.shutdown();
  }

  private static void close(@Nullable Rank rank, @Nullable Communicator group) {
    if (rank != null) {
      rank.program().close();
      rank.backend().close();
    }
    if (group != null) {
      group.close();
    }
  }
}
