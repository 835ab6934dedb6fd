package org.gatun.kernel;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.gatun.graph.spec.Tolerance;

/**
 * One launch of one kernel: its source, its arguments in order, its shape, and what it should
 * compute.
 *
 * <pre>{@code
 * KernelCase.of("gemm/64x48x80", Path.of("gemm.cu"), "gemm")
 *     .in("a", KernelCase.random(1, 64 * 80)).in("b", KernelCase.random(2, 80 * 48)).out("c", 64 * 48)
 *     .value(64).value(48).value(80)
 *     .groups(3, 4, 1).threads(16, 16, 1)
 *     .reference(in -> product(in.get("a"), in.get("b"), 64, 48, 80))
 *     .build()
 * }</pre>
 *
 * @param id shown in reports, selects the case on the command line
 * @param source a {@code .cu}, {@code .ptx} or {@code .cl} file
 * @param kernel the function's name ({@code extern "C"} in CUDA)
 * @param options of the compiler
 * @param args in the order of the function's parameters
 * @param groups blocks (CUDA) or work-groups (OpenCL) in each direction
 * @param threads of a block or work-group in each direction
 * @param sharedBytes dynamic shared memory (CUDA)
 * @param reference the inputs by name to the one output, in float64
 * @param tolerance of the output
 */
public record KernelCase(
    String id,
    Path source,
    String kernel,
    List<String> options,
    List<Arg> args,
    int[] groups,
    int[] threads,
    int sharedBytes,
    Function<Map<String, float[]>, double[]> reference,
    Tolerance tolerance) {

  /** A parameter of the kernel. */
  public sealed interface Arg {}

  /** A pointer to these values. */
  public record In(String name, float[] data) implements Arg {}

  /** A pointer to these integers. */
  public record Ints(int[] data) implements Arg {}

  /** The pointer to the result: so many floats, NaN before the launch. */
  public record Out(int count) implements Arg {}

  /** A 32-bit integer. */
  public record IntValue(int value) implements Arg {}

  /** A 32-bit float. */
  public record FloatValue(float value) implements Arg {}

  /** The inputs by name. */
  Map<String, float[]> inputs() {
    Map<String, float[]> in = new LinkedHashMap<>();
    for (Arg a : args) {
      if (a instanceof In i) {
        in.put(i.name, i.data);
      }
    }
    return in;
  }

  /** The output's length. */
  public int outCount() {
    return args.stream()
        .filter(Out.class::isInstance)
        .map(Out.class::cast)
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException(id + " has no output"))
        .count();
  }

  /** Floats in [−1, 1) that follow from a seed. */
  public static float[] random(long seed, int count) {
    SplittableRandom r = new SplittableRandom(seed);
    float[] x = new float[count];
    for (int i = 0; i < count; i++) {
      x[i] = (float) (2 * r.nextDouble() - 1);
    }
    return x;
  }

  /** Begins a case. */
  public static Builder of(String id, Path source, String kernel) {
    return new Builder(id, source, kernel);
  }

  /** Puts a case together; arguments stand in the order of the calls. */
  public static final class Builder {
    private final String id;
    private final Path source;
    private final String kernel;
    private final List<String> options = new ArrayList<>();
    private final List<Arg> args = new ArrayList<>();
    private int[] groups = {1, 1, 1};
    private int[] threads = {1, 1, 1};
    private int sharedBytes;
    private Tolerance tolerance = Tolerance.SUM;
    private Function<Map<String, float[]>, double[]> reference = in -> new double[0];

    private Builder(String id, Path source, String kernel) {
      this.id = id;
      this.source = source;
      this.kernel = kernel;
    }

    /** Options of the compiler. */
    public Builder options(String... more) {
      options.addAll(List.of(more));
      return this;
    }

    /** A pointer to input values; the reference finds them by name. */
    public Builder in(String name, float[] data) {
      args.add(new In(name, data));
      return this;
    }

    /** A pointer to integers. */
    public Builder ints(int... data) {
      args.add(new Ints(data));
      return this;
    }

    /** The pointer to the result. */
    public Builder out(int count) {
      args.add(new Out(count));
      return this;
    }

    /** An integer. */
    public Builder value(int v) {
      args.add(new IntValue(v));
      return this;
    }

    /** A float. */
    public Builder value(float v) {
      args.add(new FloatValue(v));
      return this;
    }

    /** Blocks or work-groups. */
    public Builder groups(int x, int y, int z) {
      groups = new int[] {x, y, z};
      return this;
    }

    /** Threads of a block or work-group. */
    public Builder threads(int x, int y, int z) {
      threads = new int[] {x, y, z};
      return this;
    }

    /** Dynamic shared memory. */
    public Builder shared(int bytes) {
      sharedBytes = bytes;
      return this;
    }

    /** What the output should be. */
    public Builder reference(Function<Map<String, float[]>, double[]> f) {
      reference = f;
      return this;
    }

    /** How far it may be off. */
    public Builder tolerance(Tolerance t) {
      tolerance = t;
      return this;
    }

    /** The finished case. */
    public KernelCase build() {
      KernelCase c =
          new KernelCase(
              id,
              source,
              kernel,
              List.copyOf(options),
              List.copyOf(args),
              groups,
              threads,
              sharedBytes,
              reference,
              tolerance);
      c.outCount();
      return c;
    }
  }
}
