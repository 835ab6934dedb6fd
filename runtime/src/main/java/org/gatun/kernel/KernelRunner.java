package org.gatun.kernel;

import java.util.List;
import java.util.function.Predicate;
import org.gatun.backend.BackendException;
import org.gatun.backend.Evidence;
import org.gatun.backend.Witness;
import org.gatun.backend.suite.LowerBound;
import org.gatun.backend.suite.OpSuite;
import org.gatun.backend.suite.SuiteRow;
import org.gatun.backend.suite.SuiteRunner;
import org.gatun.graph.spec.Tolerance;
import org.jspecify.annotations.Nullable;

/** Runs a suite's cases on one host in this process. */
public final class KernelRunner {
  private final KernelHost host;
  private final String lane;
  private final SuiteRunner.Listener listener;
  private KernelHost.@Nullable Device device;

  /** A runner that tells {@code listener} about each row. */
  public KernelRunner(KernelHost host, String lane, SuiteRunner.Listener listener) {
    this.host = host;
    this.lane = lane;
    this.listener = listener;
  }

  /** Runs the cases that the host takes and the filter wants. */
  public void run(List<KernelCase> cases, Predicate<String> wanted) {
    String smallest = "";
    try {
      for (KernelCase c : cases) {
        if (!host.takes(String.valueOf(c.source().getFileName())) || !wanted.test(c.id())) {
          continue;
        }
        listener.begin(op(c), c.id());
        SuiteRow row = judge(c, smallest);
        if (row.result().status() == OpSuite.Status.FAIL) {
          smallest = smallest.isEmpty() ? c.id() : smallest;
          close(); // a device that failed once fails for good
        }
        listener.row(row);
      }
    } finally {
      close();
    }
  }

  private static String op(KernelCase c) {
    return SuiteRow.FOREIGN + c.kernel();
  }

  private SuiteRow judge(KernelCase c, String smallest) {
    long start = System.nanoTime();
    OpSuite.Result result;
    Evidence evidence = Evidence.NONE;
    try {
      KernelHost.Device d = device;
      if (d == null) {
        d = device = host.open();
      }
      Witness w = d.witness();
      if (w != null) {
        w.begin();
      }
      try {
        result = compare(c, d.run(c), c.reference().apply(c.inputs()));
      } catch (BackendException e) {
        result = fail(c, String.valueOf(e.getMessage()), Double.NaN);
      }
      evidence = w == null ? Evidence.NONE : w.end();
      result = SuiteRunner.withFindings(result, evidence);
    } catch (BackendException e) { // no device
      result =
          new OpSuite.Result(c.id(), OpSuite.Status.REFUSED, String.valueOf(e.getMessage()), 0);
    }
    return new SuiteRow(
        lane,
        op(c),
        result,
        System.nanoTime() - start,
        result.status() == OpSuite.Status.FAIL ? (smallest.isEmpty() ? c.id() : smallest) : "",
        evidence,
        new LowerBound(bytes(c), 0));
  }

  private static OpSuite.Result fail(KernelCase c, String detail, double worst) {
    return new OpSuite.Result(c.id(), OpSuite.Status.FAIL, detail, worst);
  }

  private static OpSuite.Result compare(KernelCase c, float[] got, double[] want) {
    if (got.length != want.length) {
      return fail(c, "the reference has " + want.length + " values for " + got.length, Double.NaN);
    }
    double rms = Tolerance.rms(want, 0, want.length);
    double worst = 0;
    for (int i = 0; i < got.length; i++) {
      double share = c.tolerance().share(got[i], want[i], rms);
      if (!(share <= 1)) {
        return fail(
            c,
            "[%d]: got %s, want %s, %.3g of what is allowed".formatted(i, got[i], want[i], share),
            share);
      }
      worst = Math.max(worst, share);
    }
    return new OpSuite.Result(c.id(), OpSuite.Status.PASS, "", worst);
  }

  private static double bytes(KernelCase c) {
    double sum = 0;
    for (KernelCase.Arg a : c.args()) {
      sum +=
          switch (a) {
            case KernelCase.In x -> 4.0 * x.data().length;
            case KernelCase.Ints x -> 4.0 * x.data().length;
            case KernelCase.Out x -> 4.0 * x.count();
            case KernelCase.IntValue x -> 4;
            case KernelCase.FloatValue x -> 4;
          };
    }
    return sum;
  }

  private void close() {
    if (device != null) {
      try {
        device.close();
      } catch (BackendException e) {
        // It failed before, and the row says so.
        System.getLogger("org.gatun.suite").log(System.Logger.Level.DEBUG, e.getMessage());
      }
      device = null;
    }
  }
}
