package org.gatun.generate.golden;

import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.attention.PrefixLimits;
import org.gatun.generate.CancelToken;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Request;
import org.gatun.generate.Session;

/**
 * Logits and greedy ids of a model over several ranks of this process, teacher-forced along what
 * one rank of the JVM backend says, whose activations are f32.
 *
 * <p>Ranks add the same products in another order. Where a backend rounds activations to 8 bits,
 * that turns some roundings over, and a deep model makes much of it; so ranks may be as far from
 * the f32 logits as one rank of their own backend is, and half as far again. A different id is
 * excused only where one rank's lead of its choice over the other is smaller than twice the largest
 * change there.
 */
public final class RanksLogits {
  /** How much farther than one rank ranks may be from the f32 logits. */
  public static final double FACTOR = 1.5;

  /** And what f32 sums in another order cost: a share of the logits' standard deviation. */
  public static final double ORDER = 1e-4;

  private static final String PROMPT = "Once upon a time there was an old king";
  private static final Request ONE = new Request(1, 0, 0, 1, 0, 1, 0, List.of(), true);

  private RanksLogits() {}

  /**
   * What was computed.
   *
   * @param logits behind each token of the prompt and each id: float32 [prompt + ids][vocabulary]
   * @param ids greedy choices; each is drawn from candidates, in a step without whole logits
   */
  public record Answer(List<float[]> logits, List<Integer> ids) {}

  /**
   * How ranks differ from one.
   *
   * @param ranks how many
   * @param error largest distance from the f32 logits of a place: root mean square over standard
   *     deviation
   * @param allowed the most it may be
   * @param tokens ids compared
   * @param excused different ids that the differences explain
   * @param wrong other different ids
   */
  public record Difference(
      int ranks,
      double error,
      double allowed,
      int tokens,
      List<String> excused,
      List<String> wrong) {
    /** Whether logits keep the bound and ids are the same, by the rule of {@link GreedyText}. */
    public boolean holds() {
      return error <= allowed
          && wrong.isEmpty()
          && excused.size() <= GreedyText.EXCUSED_SHARE * tokens;
    }
  }

  /**
   * Reads {@code prompt} tokens in one step and goes on by {@code tokens}: one rank of the JVM, one
   * of the backend, then the ranks.
   */
  public static List<Difference> of(
      String backend, Path model, int prompt, int tokens, int... ranks) {
    return new Question(
            model, AttentionPlan.DENSE, prompt, s -> Arrays.copyOf(s.encode(PROMPT), prompt))
        .differences(backend, tokens, ranks);
  }

  /** The same behind {@code prompt} made-up ids, of which a plan reads some. */
  public static List<Difference> of(
      String backend, Path model, AttentionPlan plan, int prompt, int tokens, int... ranks) {
    return document(model, plan, prompt).differences(backend, tokens, ranks);
  }

  /** How far one rank's logits behind made-up ids are from those of dense attention. */
  public static double cost(Path model, AttentionPlan plan, int prompt) {
    return cost(document(model, AttentionPlan.DENSE, prompt), document(model, plan, prompt));
  }

  /** How far one rank's logits of {@code chosen} are from those of {@code whole}. */
  static double cost(Asked whole, Asked chosen) {
    Answer all = whole.answer("jvm", 1, 1, List.of());
    return compare(1, all, all, chosen.answer("jvm", 1, 1, all.ids)).error;
  }

  /** What ranks are asked. */
  interface Asked {
    /**
     * What so many ranks say in {@code tokens} ids, forced along these or free if there are none.
     */
    Answer answer(String backend, int ranks, int tokens, List<Integer> forced);

    /** One rank of the JVM, one of the backend, then the ranks. */
    default List<Difference> differences(String backend, int tokens, int... ranks) {
      Answer exact = answer("jvm", 1, tokens, List.of());
      Answer one = backend.equals("jvm") ? exact : answer(backend, 1, tokens, exact.ids);
      List<Difference> all = new ArrayList<>();
      for (int n : ranks) {
        all.add(compare(n, exact, one, answer(backend, n, tokens, exact.ids)));
      }
      return all;
    }
  }

  private static Question document(Path model, AttentionPlan plan, int prompt) {
    return new Question(model, plan, prompt, s -> PlansText.document(prompt));
  }

  /** Holds what {@code ranks} ranks said to one rank's answer and the f32 one. */
  static Difference compare(int ranks, Answer exact, Answer one, Answer part) {
    double error = 0;
    double own = 0;
    int rows = exact.logits.size();
    for (int i = 0; i < rows; i++) {
      error = Math.max(error, distance(exact.logits.get(i), part.logits.get(i)));
      own = Math.max(own, distance(exact.logits.get(i), one.logits.get(i)));
    }
    List<String> excused = new ArrayList<>();
    List<String> wrong = new ArrayList<>();
    int tokens = one.ids.size();
    for (int i = 0; i < tokens; i++) {
      int want = one.ids.get(i);
      int got = part.ids.get(i);
      if (want != got) {
        // The logits that an id is drawn from stand before those behind it.
        float[] row = one.logits.get(rows - tokens - 1 + i);
        double change = change(row, part.logits.get(rows - tokens - 1 + i));
        double lead = row[want] - row[got];
        (lead <= 2 * change ? excused : wrong)
            .add("%d: %d for %d, lead %.5f, change %.5f".formatted(i, got, want, lead, change));
      }
    }
    return new Difference(ranks, error, FACTOR * own + ORDER, tokens, excused, wrong);
  }

  /** A model with a plan, and that many ids that it reads in one step. */
  private record Question(Path model, AttentionPlan plan, int size, Function<Session, int[]> ids)
      implements Asked {
    @Override
    public Answer answer(String backend, int ranks, int tokens, List<Integer> forced) {
      EngineOptions options =
          EngineOptions.of(model)
              .withBackend(backend, "", 1)
              .withContext(Math.ceilDiv(size + tokens, 64) * 64, 1)
              .withChunk(Math.max(size, 1))
              .withKv(KvCodec.F32)
              .withAttention(plan, PrefixLimits.NONE)
              .withThreadRanks(ranks);
      try (Engine e = Engine.load(options);
          Session s = e.session()) {
        return RanksLogits.answer(s, new int[0], ids.apply(s), tokens, forced);
      }
    }
  }

  /**
   * What a session says.
   *
   * @param held ids that it holds already
   * @param question ids that it reads in one step
   * @param forced ids to go on with; empty to go on with its own
   */
  static Answer answer(Session s, int[] held, int[] question, int tokens, List<Integer> forced) {
    List<float[]> logits = new ArrayList<>();
    List<Integer> ids = new ArrayList<>();
    int[] text = Arrays.copyOf(held, held.length + question.length);
    System.arraycopy(question, 0, text, held.length, question.length);
    score(s, question, logits);
    for (int i = 0; i < tokens; i++) {
      int id = s.generate(text, ONE, piece -> {}, new CancelToken()).tokens()[0];
      ids.add(id);
      int next = forced.isEmpty() ? id : forced.get(i);
      score(s, new int[] {next}, logits);
      text = Arrays.copyOf(text, text.length + 1);
      text[text.length - 1] = next;
    }
    return new Answer(logits, ids);
  }

  private static void score(Session s, int[] tokens, List<float[]> logits) {
    s.score(tokens, (i, row) -> logits.add(row.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)));
  }

  private static double change(float[] want, float[] got) {
    double most = 0;
    for (int k = 0; k < want.length; k++) {
      most = Math.max(most, Math.abs((double) want[k] - got[k]));
    }
    return most;
  }

  /** Root mean square of the difference over the standard deviation; NaN is infinitely far. */
  private static double distance(float[] want, float[] got) {
    double squares = 0;
    double sum = 0;
    double sumSquares = 0;
    for (int k = 0; k < want.length; k++) {
      double d = (double) want[k] - got[k];
      squares += d * d;
      sum += want[k];
      sumSquares += (double) want[k] * want[k];
    }
    double mean = sum / want.length;
    double d = Math.sqrt(squares / (sumSquares - mean * mean * want.length));
    return Double.isNaN(d) || want.length != got.length ? Double.POSITIVE_INFINITY : d;
  }
}
