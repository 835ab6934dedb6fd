package examples;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.gatun.kernel.KernelCase;
import org.gatun.kernel.KernelSuite;

/**
 * A kernel of one's own in the kernel suite: source, shapes, a float64 reference.
 *
 * <pre>{@code bin/gatun kernels test --kernels examples.NaiveGemm --html report.html}</pre>
 */
public final class NaiveGemm implements KernelSuite {
  @Override
  public List<KernelCase> cases() {
    Path source = Kernels.file("naive_gemm.cu");
    List<KernelCase> cases = new ArrayList<>();
    for (int[] s : new int[][] {{1, 1, 1}, {16, 16, 16}, {33, 17, 65}, {64, 48, 80}}) {
      int m = s[0];
      int n = s[1];
      int k = s[2];
      cases.add(
          KernelCase.of("gemm/" + m + "x" + n + "x" + k, source, "gemm")
              .in("a", KernelCase.random(1, m * k))
              .in("b", KernelCase.random(2, k * n))
              .out(m * n)
              .value(m)
              .value(n)
              .value(k)
              .groups(Math.ceilDiv(n, 16), Math.ceilDiv(m, 16), 1)
              .threads(16, 16, 1)
              .reference(in -> product(in, m, n, k))
              .build());
    }
    return cases;
  }

  private static double[] product(Map<String, float[]> in, int m, int n, int k) {
    float[] a = in.getOrDefault("a", new float[0]);
    float[] b = in.getOrDefault("b", new float[0]);
    double[] c = new double[m * n];
    for (int row = 0; row < m; row++) {
      for (int col = 0; col < n; col++) {
        for (int i = 0; i < k; i++) {
          c[row * n + col] += (double) a[row * k + i] * b[i * n + col];
        }
      }
    }
    return c;
  }
}
