package org.gatun.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.gatun.backend.Evidence;
import org.gatun.backend.Witness;
import org.gatun.bindings.NativeLibrary;
import org.gatun.json.Json;
import org.gatun.json.JsonException;
import org.gatun.json.JsonObject;
import org.jspecify.annotations.Nullable;

/** The virtual GPU's findings and counters, beside what ptxas says of the kernels that ran. */
final class VirtualGpuWitness implements Witness {
  /**
   * Per-class lane counts follow from warp counts and divergence; ratios and waiting loops are not
   * sums.
   */
  private static final Set<String> LEFT_OUT =
      Set.of("active_lanes_avg", "global.efficiency", "spin.iterations");

  // Limits of an SM of compute capability 8.0 (CUDA programming guide).
  private static final int REGISTERS = 65536;
  private static final int SHARED = 167936;
  private static final int SHARED_PER_BLOCK = 1024;
  private static final int THREADS = 2048;
  private static final int BLOCKS = 32;

  private final MethodHandle report;
  private final MethodHandle reset;
  private final String tool;

  private VirtualGpuWitness(MethodHandle report, MethodHandle reset, String compiler) {
    this.report = report;
    this.reset = reset;
    this.tool = compiler + ", sm_80, virtual GPU";
  }

  /**
   * A witness if the loaded driver is the virtual GPU, else null.
   *
   * @param compiler what made the PTX
   */
  static @Nullable VirtualGpuWitness find(String compiler) {
    var report = NativeLibrary.CUDA.symbol("vgpuReport");
    var reset = NativeLibrary.CUDA.symbol("vgpuReset");
    if (report.isEmpty() || reset.isEmpty()) {
      return null;
    }
    Linker linker = Linker.nativeLinker();
    return new VirtualGpuWitness(
        linker.downcallHandle(
            report.get(),
            FunctionDescriptor.of(
                ValueLayout.JAVA_LONG,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT)),
        linker.downcallHandle(reset.get(), FunctionDescriptor.ofVoid()),
        compiler);
  }

  @Override
  public void begin() {
    try {
      reset.invokeExact();
    } catch (Throwable e) {
      throw new IllegalStateException("vgpuReset", e);
    }
  }

  @Override
  public Evidence end() {
    try {
      JsonObject all = Json.readObject(text());
      List<Evidence.Finding> findings = new ArrayList<>();
      for (JsonObject f : all.objects("reports")) {
        findings.add(
            new Evidence.Finding(
                f.string("id"), "error".equals(f.string("severity")), describe(f)));
      }
      Map<String, TreeMap<String, Long>> kernels = new TreeMap<>();
      for (JsonObject g : all.objects("groups")) {
        add(kernels.computeIfAbsent(g.string("kernel"), k -> new TreeMap<>()), g);
      }
      return new Evidence(
          tool,
          findings,
          kernels.entrySet().stream()
              .map(e -> new Evidence.Counters(e.getKey(), e.getValue()))
              .toList());
    } catch (JsonException e) {
      // Not a refusal: kernels that nobody watched must not look skipped.
      throw new IllegalStateException(
          "the virtual GPU's report cannot be read: " + e.getMessage(), e);
    }
  }

  private static String describe(JsonObject f) throws JsonException {
    String kernel = f.stringOrNull("kernel");
    if (kernel == null) {
      return f.string("text");
    }
    String file = f.string("file");
    return "%s, %s:%d (%s), block %s, thread %s: %s"
        .formatted(
            kernel,
            file.substring(file.lastIndexOf('/') + 1),
            f.integer("source_line"),
            f.string("inst"),
            f.list("block"),
            f.list("thread"),
            f.string("text"));
  }

  /**
   * Adds launches of one shape: counters are summed, what a launch has or has not is the largest.
   */
  private static void add(TreeMap<String, Long> sum, JsonObject group) throws JsonException {
    sum.merge("launches", group.integer("launches"), Long::sum);
    JsonObject counters = group.object("counters");
    for (String name : counters.names()) {
      if (!LEFT_OUT.contains(name) && !name.startsWith("inst.lane.")) {
        long v = counters.integer(name);
        if (v != 0) {
          sum.merge(name, v, Long::sum);
        }
      }
    }
    for (String name : List.of("shared_static", "shared_dynamic", "local_bytes")) {
      largest(sum, name, group.integer(name));
    }
    if (group.has("registers")) {
      long registers = group.integer("registers");
      long threads = 1;
      for (long n : group.integers("block")) {
        threads *= n;
      }
      long shared = group.integer("shared_static") + group.integer("shared_dynamic");
      largest(sum, "ptxas.registers", registers);
      largest(
          sum,
          "ptxas.spill_bytes",
          group.integer("spill_stores", 0) + group.integer("spill_loads", 0));
      largest(
          sum,
          "ptxas.idle_threads_per_sm",
          THREADS - resident(registers, threads, shared) * threads);
    }
  }

  /** Blocks that an SM of compute capability 8.0 holds at once. */
  private static long resident(long registers, long threads, long shared) {
    long perWarp = Math.ceilDiv(registers * 32, 256) * 256;
    return Math.min(
        Math.min(BLOCKS, THREADS / threads),
        Math.min(
            REGISTERS / Math.max(1, perWarp * Math.ceilDiv(threads, 32)),
            SHARED / (shared + SHARED_PER_BLOCK)));
  }

  private static void largest(TreeMap<String, Long> sum, String name, long value) {
    if (value != 0) {
      sum.merge(name, value, Long::max);
    }
  }

  private String text() {
    try (Arena arena = Arena.ofConfined()) {
      long need = (long) report.invokeExact(MemorySegment.NULL, 0L, 0);
      MemorySegment buffer = arena.allocate(need + 1);
      long got = (long) report.invokeExact(buffer, buffer.byteSize(), 0);
      if (got > need) {
        throw new IllegalStateException("a kernel still runs");
      }
      return buffer.getString(0);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("vgpuReport", e);
    }
  }
}
