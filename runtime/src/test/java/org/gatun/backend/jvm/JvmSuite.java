package org.gatun.backend.jvm;

import java.util.stream.Stream;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.suite.OpSuite;
import org.gatun.graph.spec.CaseRequest;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.OpSpec;
import org.gatun.graph.spec.OpSpecs;
import org.gatun.tensor.DType;

/**
 * The op suite in a JVM of its own, so that the vector width can be forced. Arguments: {@code
 * quick|full [id part]}.
 */
public final class JvmSuite {
  private JvmSuite() {}

  /** Prints what fails; exits with 1 if anything does. */
  public static void main(String[] args) {
    boolean full = args[0].equals("full");
    CaseRequest request =
        new CaseRequest(full, 42, Stream.of(DType.values()).filter(DType::isWeight).toList());
    int passed = 0;
    int failed = 0;
    try (var backend = new JvmBackendProvider().open(new BackendOptions("", 2))) {
      for (OpSpec spec : OpSpecs.all()) {
        for (OpCase c : spec.cases(request)) {
          if (args.length > 1 && !c.id().contains(args[1])) {
            continue;
          }
          OpSuite.Result r = OpSuite.run(backend, c);
          if (r.status() == OpSuite.Status.PASS) {
            passed++;
          } else {
            failed++;
            System.out.println(r.status() + " " + r.caseId() + ": " + r.detail());
          }
        }
      }
      System.out.println(backend.device() + ": " + passed + " passed, " + failed + " failed");
    }
    System.exit(failed == 0 && passed > 0 ? 0 : 1);
  }
}
