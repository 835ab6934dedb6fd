package org.gatun.generate;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.gatun.attention.KvSequence;
import org.gatun.backend.Program;
import org.gatun.graph.Mask;
import org.gatun.graph.Sampling;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.shard.ShardedGraph;
import org.gatun.model.Model;
import org.jspecify.annotations.Nullable;

/**
 * The one thread that submits steps to a program. Feeds of many sessions are merged into ragged
 * steps: decode rows first, then as much of the waiting prompts as fits.
 */
final class StepLoop implements AutoCloseable {
  /** Rows of one sequence that wait to be run; the result comes with the last row. */
  private static final class Feed {
    final KvSequence sequence;
    final int[] tokens;
    final Sampling sampling;
    final boolean everyRow;
    final @Nullable LogitsReader reader;
    final CompletableFuture<Integer> done = new CompletableFuture<>();
    int fed;

    Feed(
        KvSequence sequence,
        int[] tokens,
        Sampling sampling,
        boolean everyRow,
        @Nullable LogitsReader reader) {
      this.sequence = sequence;
      this.tokens = tokens;
      this.sampling = sampling;
      this.everyRow = everyRow;
      this.reader = reader;
    }
  }

  /** Looks at one row of logits on the step thread, before they are overwritten. */
  @FunctionalInterface
  interface LogitsReader {
    /**
     * Sees the logits that follow token {@code index} of the feed.
     *
     * @return a token id that replaces the sampled one, or −1
     */
    int read(int index, MemorySegment logits);

    /** Whether {@link #readPairs} does as well: ranks then need not gather whole logits. */
    default boolean takesPairs() {
      return false;
    }

    /** As {@link #read}, from the candidates of all ranks: (value, id) pairs of F32. */
    default int readPairs(int index, MemorySegment pairs) {
      throw new UnsupportedOperationException("this reader wants whole logits");
    }
  }

  private final Program program;
  private final Model model;
  private final int vocabulary;
  private final int candidates;
  private final StepLimits limits;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition work = lock.newCondition();
  private final Deque<Feed> waiting = new ArrayDeque<>();
  private final List<Runnable> edits = new ArrayList<>();
  private final Thread thread;
  private boolean closed;

  /**
   * Starts the thread.
   *
   * @param candidates pairs per row of the program's output of that name; 0 if it has none
   */
  StepLoop(Program program, StepLimits limits, Model model, int candidates) {
    this.candidates = candidates;
    this.program = program;
    this.limits = limits;
    this.model = model;
    this.vocabulary = model.config().vocabulary();
    thread = Thread.ofPlatform().daemon().name("gatun-step").start(this::loop);
  }

  /**
   * Runs tokens through the model behind those the sequence holds and returns the next token.
   *
   * @param everyRow whether {@code reader} wants the logits of each row rather than the last
   */
  int feed(
      KvSequence sequence,
      int[] tokens,
      Sampling sampling,
      boolean everyRow,
      @Nullable LogitsReader reader) {
    Feed f = new Feed(sequence, tokens, sampling, everyRow, reader);
    submit(() -> waiting.add(f));
    return join(f.done);
  }

  /** Runs a KV edit between steps. */
  void edit(Runnable change) {
    CompletableFuture<Integer> done = new CompletableFuture<>();
    submit(
        () ->
            edits.add(
                () -> {
                  try {
                    change.run();
                    done.complete(0);
                  } catch (RuntimeException e) {
                    done.completeExceptionally(e);
                  }
                }));
    join(done);
  }

  private void submit(Runnable enqueue) {
    lock.lock();
    try {
      if (closed) {
        throw new IllegalStateException("the engine was closed");
      }
      enqueue.run();
      work.signal();
    } finally {
      lock.unlock();
    }
  }

  private static int join(CompletableFuture<Integer> f) {
    try {
      return f.join();
    } catch (java.util.concurrent.CompletionException e) {
      if (e.getCause() instanceof RuntimeException r) {
        throw r;
      }
      throw e;
    }
  }

  /** Waits for the running step and ends the thread; feeds that still wait fail. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      work.signal();
    } finally {
      lock.unlock();
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void loop() {
    try (Step step = program.newStep()) {
      List<Feed> batch = new ArrayList<>();
      while (next(batch)) {
        try {
          runStep(step, batch);
        } catch (RuntimeException | Error e) {
          batch.forEach(f -> f.done.completeExceptionally(e));
        }
      }
    }
    waiting.forEach(
        f -> f.done.completeExceptionally(new IllegalStateException("the engine was closed")));
  }

  /** Waits for work; fills {@code batch} with the feeds of the next step. False when closed. */
  private boolean next(List<Feed> batch) {
    batch.clear();
    lock.lock();
    try {
      while (waiting.isEmpty() && edits.isEmpty() && !closed) {
        work.awaitUninterruptibly();
      }
      edits.forEach(Runnable::run);
      edits.clear();
      if (closed) {
        return false;
      }
      // Decode rows first: a long prompt must not stall running generations.
      waiting.stream()
          .filter(f -> f.tokens.length - f.fed == 1)
          .limit(limits.sequences())
          .forEach(batch::add);
      waiting.stream()
          .filter(f -> f.tokens.length - f.fed > 1)
          .limit(limits.sequences() - (long) batch.size())
          .forEach(batch::add);
      waiting.removeAll(batch);
      return true;
    } finally {
      lock.unlock();
    }
  }

  private void runStep(Step step, List<Feed> batch) {
    step.clear();
    List<Feed> inStep = new ArrayList<>();
    int[] counts = new int[batch.size()];
    for (Feed f : batch) {
      int room = limits.rows() - step.rows();
      if (f.everyRow) {
        room = Math.min(room, limits.logitRows() - step.logitRows());
      }
      int count = Math.min(room, f.tokens.length - f.fed);
      if (count <= 0) {
        continue;
      }
      try {
        add(step, f, count);
      } catch (RuntimeException e) {
        f.done.completeExceptionally(e);
        continue;
      }
      counts[inStep.size()] = count;
      inStep.add(f);
    }
    if (!inStep.isEmpty()) {
      model.checkFiles();
      model.guard(
          () -> {
            program.run(step);
            return true;
          });
      step.commit();
      deliver(step, inStep, counts);
    }
    requeue(batch);
  }

  private void add(Step step, Feed f, int count) {
    if (f.reader != null && !readsPairs(f.reader)) {
      step.wantWholeLogits();
    }
    int next = f.sequence.nextPosition();
    int s = step.begin(f.sequence, count, Mask.CAUSAL);
    for (int i = 0; i < count; i++) {
      step.row(s, i, f.tokens[f.fed + i], next + i);
      boolean last = f.fed + i == f.tokens.length - 1;
      if (last || f.everyRow) {
        step.want(s, i, last ? f.sampling : Sampling.GREEDY);
      }
    }
  }

  private boolean readsPairs(LogitsReader reader) {
    return candidates > 0 && reader.takesPairs();
  }

  private void deliver(Step step, List<Feed> inStep, int[] counts) {
    @Nullable MemorySegment ids = step.logitRows() > 0 ? program.output("ids") : null;
    @Nullable MemorySegment logits = null;
    @Nullable MemorySegment pairs = null;
    int row = 0;
    for (int i = 0; i < inStep.size(); i++) {
      Feed f = inStep.get(i);
      for (int j = 0; j < counts[i]; j++) {
        boolean last = f.fed + j == f.tokens.length - 1;
        if (!last && !f.everyRow) {
          continue;
        }
        int chosen = -1;
        if (f.reader != null && readsPairs(f.reader)) {
          if (pairs == null) {
            pairs = program.output(ShardedGraph.CANDIDATES);
          }
          long bytes = 8L * candidates;
          chosen = f.reader.readPairs(f.fed + j, pairs.asSlice(row * bytes, bytes));
        } else if (f.reader != null) {
          if (logits == null) {
            logits = program.output("logits");
          }
          chosen = f.reader.read(f.fed + j, logits.asSlice(4L * row * vocabulary, 4L * vocabulary));
        }
        if (last && ids != null) {
          f.done.complete(
              chosen >= 0 ? chosen : ids.getAtIndex(java.lang.foreign.ValueLayout.JAVA_INT, row));
        }
        row++;
      }
      f.fed += counts[i];
    }
  }

  private void requeue(List<Feed> batch) {
    lock.lock();
    try {
      for (int i = batch.size() - 1; i >= 0; i--) {
        if (!batch.get(i).done.isDone()) {
          waiting.addFirst(batch.get(i));
        }
      }
    } finally {
      lock.unlock();
    }
  }
}
