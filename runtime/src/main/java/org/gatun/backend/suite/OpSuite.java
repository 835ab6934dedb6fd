package org.gatun.backend.suite;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.KvPrefix;
import org.gatun.attention.KvSequence;
import org.gatun.attention.PrefixData;
import org.gatun.attention.PrefixLimits;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.backend.reference.ReferenceBackend;
import org.gatun.backend.reference.ReferenceProgram;
import org.gatun.graph.Dim;
import org.gatun.graph.Step;
import org.gatun.graph.Value;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.Tolerance;
import org.gatun.tensor.DType;

/**
 * Holds a backend to the float64 definition of one case: same graph, same steps, every output
 * element compared.
 */
public final class OpSuite {
  private OpSuite() {}

  /**
   * What became of a case.
   *
   * @param status {@code REFUSED} if the backend said at compile time, by name, that it lacks the
   *     op or format
   * @param detail the first wrong element, or the refusal
   * @param worst the largest error as a share of what the tolerance allows
   * @param nanos how long the backend's own steps took
   */
  public record Result(String caseId, Status status, String detail, double worst, long nanos) {
    /** A result without a time. */
    public Result(String caseId, Status status, String detail, double worst) {
      this(caseId, status, detail, worst, 0);
    }
  }

  /** What became of a case. */
  public enum Status {
    /** Every element within tolerance. */
    PASS,
    /** A NaN, an element outside the tolerance, or an exception. */
    FAIL,
    /** The backend lacks it and said so: counted, never a pass. */
    REFUSED
  }

  /** Runs one case. */
  public static Result run(Backend backend, OpCase c) {
    CompileOptions options =
        CompileOptions.of(c.limits())
            .withKv(c.kvCodec())
            .withPoison()
            .withPrefixes(room(c.prefixes()));
    try (ReferenceProgram reference =
        new ReferenceBackend().compile(c.graph(), c.weights(), options)) {
      Program program;
      try {
        program = backend.compile(c.graph(), c.weights(), options);
      } catch (BackendException e) {
        return new Result(c.id(), Status.REFUSED, String.valueOf(e.getMessage()), 0);
      }
      try (program) {
        Comparison comparison = new Comparison(backend, c, reference, program);
        double worst = comparison.run();
        return new Result(c.id(), Status.PASS, "", worst, comparison.nanos);
      } catch (Mismatch m) {
        return new Result(
            c.id(), Status.FAIL, m.getMessage() + " (seed " + c.seed() + ")", m.worst);
      } catch (RuntimeException e) {
        return new Result(c.id(), Status.FAIL, e + " (seed " + c.seed() + ")", Double.NaN);
      }
    }
  }

  private static PrefixLimits room(List<PrefixData> all) {
    int tokens = all.stream().mapToInt(PrefixData::tokens).max().orElse(0);
    int clusters = all.stream().mapToInt(PrefixData::clusters).max().orElse(0);
    return new PrefixLimits(all.size(), tokens, clusters);
  }

  /** Carries the first wrong element out of the loops. */
  private static final class Mismatch extends RuntimeException {
    private final double worst;

    Mismatch(String message, double worst) {
      super(message, null, false, false);
      this.worst = worst;
    }

    @Override
    public String getMessage() {
      return String.valueOf(super.getMessage());
    }
  }

  private static final class Comparison {
    private final OpCase test;
    private final Tolerance tolerance;
    private final ReferenceProgram reference;
    private final Program program;
    private final Map<String, KvSequence[]> sequences = new HashMap<>();
    private final Map<Integer, KvPrefix[]> prefixes = new HashMap<>();
    private double worst;
    private long compared;
    private long skipped;
    private long nanos;

    Comparison(Backend backend, OpCase test, ReferenceProgram reference, Program program) {
      this.test = test;
      this.reference = reference;
      this.program = program;
      tolerance = test.tolerance(backend.numerics());
    }

    double run() {
      int n = 0;
      for (OpCase.Action a : test.script()) {
        String at = "action " + n++;
        switch (a) {
          case OpCase.Run r -> {
            try (Step mine = program.newStep();
                Step exact = reference.newStep()) {
              fill(exact, r, 0);
              fill(mine, r, 1);
              for (var in : r.inputs().entrySet()) {
                MemorySegment x = MemorySegment.ofArray(in.getValue());
                reference.input(in.getKey(), x);
                program.input(in.getKey(), x);
              }
              reference.run(exact);
              long start = System.nanoTime();
              program.run(mine);
              nanos += System.nanoTime() - start;
              exact.commit();
              mine.commit();
              for (var out : test.graph().outputs().entrySet()) {
                compare(at + ", output " + out.getKey(), out.getValue(), exact, out.getKey());
              }
            }
          }
          case OpCase.Fork f -> {
            KvSequence[] from = both(f.from());
            sequences.put(f.to(), new KvSequence[] {from[0].fork(), from[1].fork()});
          }
          case OpCase.Attach t ->
              sequences.put(
                  t.sequence(),
                  new KvSequence[] {
                    reference.kv().sequence(prefix(t.prefix(), 0), t.thresholds()),
                    program.kv().sequence(prefix(t.prefix(), 1), t.thresholds())
                  });
          case OpCase.Thresholds t -> each(t.sequence(), s -> s.thresholds(t.thresholds()));
          case OpCase.Truncate t -> each(t.sequence(), s -> s.truncate(t.length()));
          case OpCase.Compact k -> each(k.sequence(), s -> s.compact(k.base(), k.keep()));
          case OpCase.Release r -> {
            each(r.sequence(), KvSequence::close);
            sequences.remove(r.sequence());
          }
        }
      }
      if (skipped > compared) {
        throw new Mismatch(
            "the case is too ambiguous: "
                + skipped
                + " rows not compared, "
                + compared
                + " compared",
            Double.NaN);
      }
      return worst;
    }

    private void each(String name, java.util.function.Consumer<KvSequence> edit) {
      for (KvSequence s : both(name)) {
        edit.accept(s);
      }
    }

    private KvPrefix prefix(int number, int side) {
      return prefixes
          .computeIfAbsent(
              number,
              n -> {
                PrefixData d = test.prefixes().get(n);
                return new KvPrefix[] {reference.kv().load(d), program.kv().load(d)};
              })[side];
    }

    private KvSequence[] both(String name) {
      return sequences.computeIfAbsent(
          name, n -> new KvSequence[] {reference.kv().sequence(), program.kv().sequence()});
    }

    private void fill(Step step, OpCase.Run run, int side) {
      step.clear();
      for (OpCase.Rows rows : run.sequences()) {
        KvSequence kv = both(rows.sequence())[side];
        int next = kv.nextPosition();
        int s = step.begin(kv, rows.tokens().length, rows.mask());
        int[] positions = rows.positions();
        for (int i = 0; i < rows.tokens().length; i++) {
          step.row(s, i, rows.tokens()[i], positions == null ? next + i : positions[i]);
        }
        for (int w : rows.want()) {
          step.want(s, w, rows.sampling());
        }
      }
    }

    private void compare(String where, Value v, Step step, String name) {
      double[] want = reference.exact(name);
      MemorySegment got = program.output(name);
      int rows = Math.toIntExact(v.rows().at(step.rows(), step.logitRows()));
      if (got.byteSize() < 4L * rows * v.cols()) {
        throw new Mismatch(
            where + ": " + got.byteSize() + " bytes for " + rows + " x " + v.cols(), Double.NaN);
      }
      for (int r = 0; r < rows; r++) {
        if (v.rows().equals(Dim.TOKENS) && reference.ambiguous().get(r)) {
          skipped++;
          continue;
        }
        compared++;
        double rms =
            v.cols() < Tolerance.TELLING
                ? Tolerance.rms(want, 0, rows * v.cols())
                : Tolerance.rms(want, r * v.cols(), v.cols());
        for (int i = 0; i < v.cols(); i++) {
          int at = r * v.cols() + i;
          double y =
              v.dtype() == DType.I32
                  ? got.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, at)
                  : got.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at);
          double e = want[at];
          double share = tolerance.share(y, e, rms);
          if (!(share <= 1)) {
            throw new Mismatch(
                "%s [%d,%d]: got %s, want %s, allowed ±%.3g"
                    .formatted(where, r, i, y, e, tolerance.allowed(e, rms)),
                share);
          }
          worst = Math.max(worst, share);
        }
      }
    }
  }
}
