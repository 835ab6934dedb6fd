package org.gatun.opencl;

import static org.gatun.bindings.opencl.opencl_h.clBuildProgram;
import static org.gatun.bindings.opencl.opencl_h.clCreateProgramWithSource;
import static org.gatun.bindings.opencl.opencl_h.clReleaseProgram;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import org.gatun.backend.Backends;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.bindings.NativeLibrary;
import org.gatun.graph.Dim;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.Sampling;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.spec.RandomTensors;
import org.gatun.tensor.DType;

/**
 * What {@link SignalTest} runs in a process of its own: {@code opencl} or {@code nothing} is loaded
 * and used, or {@code bare} OpenCL without the backend, {@code beside} under two guards that
 * overlap; then all that HotSpot takes signals for is done. Prints what became of it.
 */
final class SignalRun {
  private static final int SIGUSR2 = 12;

  /** SIGILL, SIGBUS, SIGFPE, SIGSEGV, SIGUSR2, SIGPIPE. */
  private static final List<Integer> SIGNALS = List.of(4, 7, 8, 11, SIGUSR2, 13);

  /** Calls until a method is compiled by any compiler. */
  private static final int WARM = 30_000;

  private static final int TIMES = 200;

  private SignalRun() {}

  public static void main(String[] args) throws Throwable {
    List<Long> before = SIGNALS.stream().map(SignalRun::handler).toList();
    switch (args[0]) {
      case "opencl" -> product();
      case "bare" -> compile();
      case "beside" -> compileUnderTwoGuards();
      default -> {}
    }
    List<Long> after = SIGNALS.stream().map(SignalRun::handler).toList();
    for (int i = 0; i < SIGNALS.size(); i++) {
      boolean same = before.get(i).equals(after.get(i));
      System.out.println("handler of " + SIGNALS.get(i) + " " + (same ? "kept" : "replaced"));
    }
    Thread other = Thread.ofPlatform().name("other").start(SignalRun::faults);
    faults();
    other.join();
    MethodHandle getpid = libc("getpid", FunctionDescriptor.of(ValueLayout.JAVA_INT));
    MethodHandle kill =
        libc(
            "kill",
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    int failed = 0;
    for (int i = 0; i < TIMES; i++) {
      failed += (int) kill.invokeExact((int) getpid.invokeExact(), SIGUSR2);
    }
    System.out.println("SIGUSR2 outlived, " + failed + " not sent");
    faults();
    if (args[0].equals("opencl")) {
      product();
    }
    System.out.println("end");
  }

  private static MethodHandle libc(String name, FunctionDescriptor type) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), type);
  }

  /** Address of the function that handles a signal: the first word of Linux's struct sigaction. */
  private static long handler(int signal) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment old = arena.allocate(256, 16);
      int failed =
          (int)
              libc(
                      "sigaction",
                      FunctionDescriptor.of(
                          ValueLayout.JAVA_INT,
                          ValueLayout.JAVA_INT,
                          ValueLayout.ADDRESS,
                          ValueLayout.ADDRESS))
                  .invokeExact(signal, MemorySegment.NULL, old);
      if (failed != 0) {
        throw new IllegalStateException("sigaction");
      }
      return old.get(ValueLayout.JAVA_LONG, 0);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  /** Has the device's compiler compile, by the bindings alone. */
  private static void compile() {
    if (!(ClRuntime.load() instanceof NativeLibrary.Status.Loaded)) {
      throw new IllegalStateException("no OpenCL loader");
    }
    ClDevice device = ClDevice.all().getFirst();
    try (Arena arena = Arena.ofConfined();
        ClContext context = new ClContext(device)) {
      MemorySegment status = arena.allocate(ValueLayout.JAVA_INT);
      MemorySegment text = arena.allocateFrom("kernel void k(global int *x) { *x = 1; }");
      MemorySegment program =
          clCreateProgramWithSource(
              context.handle(),
              1,
              arena.allocateFrom(ValueLayout.ADDRESS, text),
              MemorySegment.NULL,
              status);
      MemorySegment none = MemorySegment.NULL;
      ClException.check(clBuildProgram(program, 0, none, none, none, none), "compiling");
      ClException.check(clReleaseProgram(program), "releasing");
    }
  }

  /** The second finds a compiler's handlers and is closed last. */
  @SuppressWarnings("resource")
  private static void compileUnderTwoGuards() {
    SignalGuard first = new SignalGuard();
    compile();
    SignalGuard second = new SignalGuard();
    first.close();
    second.close();
  }

  /** A product on the device: its library, driver, compiler and threads have then been there. */
  private static void product() {
    if (!(ClRuntime.load() instanceof NativeLibrary.Status.Loaded)) {
      throw new IllegalStateException("no OpenCL loader");
    }
    RandomTensors weights = new RandomTensors(1);
    GraphBuilder g = new GraphBuilder("product");
    Value x = g.input("x", DType.F32, Dim.TOKENS, 64);
    g.output("y", g.one("y", MatMul.PLAIN, x, g.weight(weights.add("w", DType.F32, 64, 64))));
    StepLimits limits = new StepLimits(8, 1, 1, 64);
    try (var b = Backends.named("opencl").open(org.gatun.backend.BackendOptions.DEFAULT);
        Program p = b.compile(g.build(), weights, CompileOptions.of(limits));
        Step s = p.newStep()) {
      s.add(p.kv().sequence(), new int[8], Sampling.GREEDY);
      p.input("x", MemorySegment.ofArray(new float[8 * 64]));
      p.run(s);
      if (p.output("y").get(ValueLayout.JAVA_FLOAT, 0) != 0) {
        throw new IllegalStateException("zeros give zeros");
      }
    }
  }

  /** Each of them is a signal in compiled code, which HotSpot makes an exception of. */
  private static void faults() {
    int[] some = {1, 2, 3};
    int sum = 0;
    for (int i = 1; i <= WARM; i++) {
      sum += divide(sum, i) + length(some);
    }
    int divided = 0;
    int none = 0;
    int deep = 0;
    for (int i = 0; i < TIMES; i++) {
      try {
        sum += divide(i, 0);
      } catch (ArithmeticException e) {
        divided++;
      }
      try {
        sum += length(null);
      } catch (NullPointerException e) {
        none++;
      }
    }
    for (int i = 0; i < 3; i++) {
      try {
        sum += depth(i);
      } catch (StackOverflowError e) {
        deep++;
      }
    }
    synchronized (SignalRun.class) {
      System.out.println("divided " + divided + ", null " + none + ", deep " + deep + ", " + sum);
    }
  }

  private static int divide(int a, int b) {
    return a / b;
  }

  @SuppressWarnings("NullAway") // null is what it is for
  private static int length(int[] x) {
    return x.length;
  }

  private static int depth(int n) {
    return depth(n + 1) + 1;
  }
}
