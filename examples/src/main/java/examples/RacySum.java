package examples;

import java.util.ArrayList;
import java.util.List;
import org.gatun.kernel.KernelCase;
import org.gatun.kernel.KernelSuite;

/**
 * A reduction with a planted race, in CUDA and OpenCL, beside its sound twin. The racy ones may
 * well give the right number; the checkers find them all the same.
 *
 * <pre>{@code bin/gatun kernels test --kernels examples.RacySum}</pre>
 */
public final class RacySum implements KernelSuite {
  @Override
  public List<KernelCase> cases() {
    List<KernelCase> cases = new ArrayList<>();
    for (String kernel : List.of("sum", "racy_sum")) {
      for (String file : List.of("racy_sum.cu", "racy_sum.cl")) {
        for (int n : new int[] {64, 1000}) {
          cases.add(
              KernelCase.of(kernel + "/n=" + n, Kernels.file(file), kernel)
                  .in("x", KernelCase.random(3, n))
                  .out(1)
                  .value(n)
                  .threads(file.endsWith(".cu") ? 256 : 64, 1, 1)
                  .reference(in -> new double[] {sum(in.getOrDefault("x", new float[0]))})
                  .build());
        }
      }
    }
    return cases;
  }

  private static double sum(float[] x) {
    double s = 0;
    for (float v : x) {
      s += v;
    }
    return s;
  }
}
