package org.gatun.generate;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.gatun.attention.KvSequence;
import org.gatun.backend.HostSampler;
import org.gatun.graph.Sampling;
import org.gatun.text.StreamDecoder;
import org.gatun.text.Tokenizer;

/**
 * One conversation: the tokens so far and their KV entries. A session belongs to one caller at a
 * time. A new prompt that begins with what the session already holds reads only the rest.
 */
public final class Session implements AutoCloseable {
  private final Engine engine;
  private final KvSequence kv;
  private final int[] prefix;
  private final HostSampler sampler = new HostSampler();
  private int[] tokens = new int[256];
  private int count;
  private long drawn;

  /** A session over a sequence that holds these tokens already and never drops them. */
  Session(Engine engine, KvSequence kv, int[] prefix) {
    this.engine = engine;
    this.kv = kv;
    this.prefix = prefix;
    append(prefix);
  }

  /**
   * Continues the text; {@code listener} gets each piece as it becomes certain, never half a
   * character.
   */
  public Generation generate(String prompt, Request request, Consumer<String> listener) {
    return generate(encode(prompt), request, listener, new CancelToken());
  }

  /** Ids of a text as this session continues it: behind its prefix, or as a text of its own. */
  public int[] encode(String text) {
    return prefix.length == 0
        ? engine.tokenizer().encode(text, true, false)
        : behindPrefix(engine.tokenizer().encode(text, false, false));
  }

  private int[] behindPrefix(int[] ids) {
    if (prefix.length == 0) {
      return ids;
    }
    int skip = ids.length > 0 && ids[0] == engine.tokenizer().bos() ? 1 : 0;
    int[] all = Arrays.copyOf(prefix, prefix.length + ids.length - skip);
    System.arraycopy(ids, skip, all, prefix.length, ids.length - skip);
    return all;
  }

  /** Most tokens the session holds: clustered ones take no slot. */
  private int room() {
    return engine.context() + kv.basePosition();
  }

  /** Continues the text. */
  public Generation generate(String prompt, Request request) {
    return generate(prompt, request, piece -> {});
  }

  /**
   * Answers the conversation, rendered with the model's chat template.
   *
   * @throws GenerationException if the model has no chat template
   */
  public Generation chat(
      List<Map<String, Object>> messages,
      Request request,
      Consumer<String> listener,
      CancelToken cancel) {
    return generate(behindPrefix(engine.renderChat(messages)), request, listener, cancel);
  }

  /**
   * Continues these tokens. Those that the session holds already, from its start on, are not read
   * again; what it holds beyond them is dropped.
   *
   * @throws GenerationException if the prompt does not fit the context; the message has both
   *     numbers
   */
  public Generation generate(
      int[] prompt, Request request, Consumer<String> listener, CancelToken cancel) {
    int context = room();
    if (prompt.length == 0) {
      throw new GenerationException(
          "the prompt is empty: it has no token, and the model adds none");
    }
    if (prompt.length > context) {
      throw new GenerationException(
          "the prompt has "
              + prompt.length
              + " tokens, the context "
              + context
              + "; use a larger --ctx-size");
    }
    for (int id : prompt) {
      if (id < 0 || id >= engine.vocabulary()) {
        throw new GenerationException(
            "token id " + id + " is not in the vocabulary of " + engine.vocabulary());
      }
    }
    long start = System.nanoTime();
    int shared = rewindTo(prompt);
    int[] rest = Arrays.copyOfRange(prompt, shared, prompt.length);
    Run run = new Run(request, listener);
    append(rest);
    int limit = request.maxTokens() < 0 ? Integer.MAX_VALUE : request.maxTokens();
    FinishReason finish = FinishReason.LENGTH;
    long first = start;
    int[] feed = rest;
    if (limit == 0) {
      engine.loop().feed(kv, feed, Sampling.GREEDY, false, null);
      first = System.nanoTime();
    }
    while (run.generated < limit) {
      if (cancel.isCancelled()) {
        forget(feed.length);
        finish = FinishReason.CANCELLED;
        break;
      }
      int next = feed(feed, request);
      if (run.generated == 0) {
        first = System.nanoTime();
      }
      if (!request.ignoreEnd() && engine.tokenizer().endIds().contains(next)) {
        finish = FinishReason.STOP;
        break;
      }
      run.accept(next);
      if (run.matcher.stopped()) {
        finish = FinishReason.STOP;
        break;
      }
      if (count >= context) {
        break;
      }
      feed = new int[] {next};
      append(feed);
    }
    forget(count - kv.length() - kv.basePosition());
    run.finish();
    long end = System.nanoTime();
    return new Generation(
        run.text.toString(),
        run.ids(),
        finish,
        rest.length,
        new Generation.Timings(first - start, end - first));
  }

  /**
   * The pieces of {@link #generate} as a stream; closing it ends the generation. One generation
   * runs at a time.
   */
  public Stream<String> stream(String prompt, Request request) {
    LinkedBlockingQueue<Object> queue = new LinkedBlockingQueue<>();
    CancelToken cancel = new CancelToken();
    int[] ids = encode(prompt);
    Thread worker =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    queue.add(generate(ids, request, queue::add, cancel));
                  } catch (RuntimeException | Error e) {
                    queue.add(e);
                  }
                });
    Spliterator<String> pieces =
        new Spliterators.AbstractSpliterator<>(
            Long.MAX_VALUE, Spliterator.ORDERED | Spliterator.NONNULL) {
          private boolean ended;

          @Override
          public boolean tryAdvance(Consumer<? super String> action) {
            if (ended) {
              return false;
            }
            try {
              switch (queue.take()) {
                case String piece -> action.accept(piece);
                case RuntimeException e -> throw e;
                case Error e -> throw e;
                default -> ended = true;
              }
            } catch (InterruptedException e) {
              cancel.cancel();
              Thread.currentThread().interrupt();
              ended = true;
            }
            return !ended;
          }
        };
    return StreamSupport.stream(pieces, false)
        .onClose(
            () -> {
              cancel.cancel();
              try {
                worker.join();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
  }

  /**
   * Reads tokens and hands the logits that follow each to {@code reader}, called on the engine's
   * step thread: for perplexity and scoring.
   */
  public void score(int[] ids, LogitsListener reader) {
    if (count + ids.length > room()) {
      throw new GenerationException(
          "the text has "
              + ids.length
              + " tokens, the context "
              + room()
              + "; use a larger --ctx-size");
    }
    append(ids);
    engine
        .loop()
        .feed(
            kv,
            ids,
            Sampling.GREEDY,
            true,
            (i, logits) -> {
              reader.accept(i, logits);
              return -1;
            });
  }

  /** Sees the logits that follow token {@code index}. */
  @FunctionalInterface
  public interface LogitsListener {
    /** {@code logits}: F32, one per id of the vocabulary, valid during the call. */
    void accept(int index, MemorySegment logits);
  }

  /** A second session with the same content; KV pages are shared until one of the two writes. */
  public Session fork() {
    Session[] copy = new Session[1];
    engine.loop().edit(() -> copy[0] = new Session(engine, kv.fork(), prefix));
    Session s = copy[0];
    s.tokens = tokens.clone();
    s.count = count;
    s.drawn = drawn;
    return s;
  }

  /** Tokens the session holds. */
  public int length() {
    return count;
  }

  /** Forgets everything but the prefix. */
  public void clear() {
    rewind(prefix.length);
  }

  /** Gives the KV pages back. */
  @Override
  public void close() {
    engine.release(kv);
  }

  private int feed(int[] feed, Request r) {
    Sampling s =
        new Sampling(
            r.temperature(), r.topK(), r.topP(), r.minP(), RandomStream.uniform(r.seed(), drawn++));
    return engine.loop().feed(kv, feed, s, false, r.repeatPenalty() == 1 ? null : penalty(r, s));
  }

  private StepLoop.LogitsReader penalty(Request r, Sampling s) {
    int[] recent = Arrays.copyOfRange(tokens, Math.max(0, count - RepeatPenalty.WINDOW), count);
    return new RepeatPenalty(sampler, recent, r.repeatPenalty(), s);
  }

  /**
   * Drops what the session holds beyond the longest common start; at least one token is left to
   * read.
   */
  private int rewindTo(int[] prompt) {
    if (Arrays.mismatch(prefix, 0, prefix.length, prompt, 0, Math.min(prefix.length, prompt.length))
            >= 0
        || prompt.length == prefix.length) {
      throw new GenerationException(
          "this session begins with a prefix of "
              + prefix.length
              + " tokens; a prompt must begin with them and go on (Session.encode does so)");
    }
    int shared = 0;
    while (shared < count && shared < prompt.length - 1 && tokens[shared] == prompt[shared]) {
      shared++;
    }
    rewind(shared);
    return shared;
  }

  private void rewind(int length) {
    int slots = length - kv.basePosition();
    if (kv.length() > slots) {
      engine.loop().edit(() -> kv.truncate(slots));
    }
    count = length;
    drawn = 0;
  }

  private void append(int[] ids) {
    if (count + ids.length > tokens.length) {
      tokens = Arrays.copyOf(tokens, Math.max(count + ids.length, tokens.length * 2));
    }
    System.arraycopy(ids, 0, tokens, count, ids.length);
    count += ids.length;
  }

  /** Takes back tokens that were never read by the model. */
  private void forget(int ids) {
    count -= Math.max(0, ids);
  }

  /** Turns ids into text and holds back what may be a stop string. */
  private final class Run {
    private final StringBuilder text = new StringBuilder();
    private final StreamDecoder decoder = tokenizer().streamDecoder();
    private final StopMatcher matcher;
    private final Consumer<String> listener;
    private int[] out = new int[64];
    private int generated;

    Run(Request request, Consumer<String> listener) {
      matcher = new StopMatcher(request.stop());
      this.listener = listener;
    }

    private Tokenizer tokenizer() {
      return engine.tokenizer();
    }

    void accept(int id) {
      if (generated == out.length) {
        out = Arrays.copyOf(out, generated * 2);
      }
      out[generated++] = id;
      emit(matcher.accept(decoder.accept(id)));
    }

    void finish() {
      if (!matcher.stopped()) {
        emit(matcher.accept(decoder.finish()));
      }
      emit(matcher.finish());
    }

    int[] ids() {
      return Arrays.copyOf(out, generated);
    }

    private void emit(String piece) {
      if (!piece.isEmpty()) {
        text.append(piece);
        listener.accept(piece);
      }
    }
  }
}
