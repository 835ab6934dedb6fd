package org.gatun.opencl;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.gatun.backend.Evidence;
import org.gatun.backend.Witness;
import org.jspecify.annotations.Nullable;

/**
 * What Oclgrind says while kernels run: its log (findings), standard error (misuse of the API) and
 * standard output (instructions by kind), each read from where the last case ended. The process
 * must have been started with all three in one folder; see {@link OclgrindLane}.
 */
final class OclgrindWitness implements Witness {
  /** Names the folder that holds {@code log}, {@code stdout} and {@code stderr}. */
  static final String FOLDER = "gatun.oclgrind.dir";

  private static final Pattern COUNT =
      Pattern.compile("^\\s+(\\d+) - (\\S+)(?: (private|global|local|constant|\\S+\\(\\)))?.*");

  /** A message begins in the first column; its places follow, indented. */
  private static final Pattern MESSAGE = Pattern.compile("(?m)^(?=\\S)");

  private static final Pattern KERNEL = Pattern.compile("^Instructions executed for kernel '(.*)'");
  private static final Pattern LLVM = Pattern.compile("libLLVM[-.]?(?:so\\.)?(\\d+)");

  private final Path folder;
  private final String tool;
  private final MethodHandle flush;
  private final Map<String, Long> read = new TreeMap<>();

  private OclgrindWitness(Path folder, String tool) {
    this.folder = folder;
    this.tool = tool;
    Linker linker = Linker.nativeLinker();
    flush =
        linker.downcallHandle(
            linker.defaultLookup().find("fflush").orElseThrow(),
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS));
  }

  /** A witness if the device is Oclgrind's and its output goes to files, else null. */
  static @Nullable OclgrindWitness find(ClDevice device) {
    String folder = System.getProperty(FOLDER, "");
    if (folder.isEmpty() || !device.toString().contains("Oclgrind")) {
      return null;
    }
    return new OclgrindWitness(Path.of(folder), device.version().trim() + ", LLVM " + llvm());
  }

  /** The LLVM that Oclgrind runs on: its version decides what instructions there are. */
  private static String llvm() {
    try {
      Matcher m = LLVM.matcher(Files.readString(Path.of("/proc/self/maps")));
      return m.find() ? m.group(1) : "?";
    } catch (IOException e) {
      return "?";
    }
  }

  @Override
  public void begin() {
    for (String f : List.of("log", "stdout", "stderr")) {
      fresh(f);
    }
  }

  @Override
  public Evidence end() {
    List<Evidence.Finding> findings = new ArrayList<>();
    findings(fresh("log"), findings);
    findings(
        fresh("stderr")
            .lines()
            .dropWhile(l -> !l.contains("Oclgrind"))
            .collect(java.util.stream.Collectors.joining("\n")),
        findings);
    return new Evidence(tool, findings, counters(fresh("stdout")));
  }

  /** What was appended to the file since the last look. */
  private String fresh(String name) {
    try {
      int failed = (int) flush.invokeExact(MemorySegment.NULL);
      Path file = folder.resolve(name);
      if (failed != 0 || !Files.exists(file)) {
        return "";
      }
      byte[] all = Files.readAllBytes(file);
      int from = Math.toIntExact(Math.min(all.length, read.getOrDefault(name, 0L)));
      read.put(name, (long) all.length);
      return new String(all, from, all.length - from, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("fflush", e);
    }
  }

  /** One finding per message, kernel and line; addresses and work-items are of the first. */
  private static void findings(String log, List<Evidence.Finding> out) {
    Set<String> seen = new LinkedHashSet<>();
    for (String message : MESSAGE.split(log)) {
      List<String> lines = message.strip().lines().map(String::strip).toList();
      if (lines.isEmpty() || lines.getFirst().isEmpty()) {
        continue;
      }
      String first = lines.getFirst();
      String kernel = after(lines, "Kernel:");
      String place = after(lines, "At line");
      if (seen.add(first.replaceAll("0x[0-9a-fA-F]+", "") + kernel + place)) {
        out.add(
            new Evidence.Finding(
                id(first),
                true,
                kernel + (place.isEmpty() ? "" : ", line " + place) + ": " + first));
      }
    }
  }

  private static String id(String first) {
    return first.contains("data race")
        ? "RACE"
        : first.contains("ninitialized")
            ? "UNINIT"
            : first.startsWith("Invalid")
                ? "BOUNDS"
                : first.contains("divergence") ? "DIVERGENCE" : "OCLGRIND";
  }

  private static String after(List<String> lines, String what) {
    return lines.stream()
        .filter(l -> l.startsWith(what))
        .map(l -> l.substring(what.length()).strip())
        .findFirst()
        .orElse("");
  }

  private static List<Evidence.Counters> counters(String text) {
    Map<String, TreeMap<String, Long>> kernels = new TreeMap<>();
    TreeMap<String, Long> current = null;
    for (String line : text.split("\n")) {
      Matcher k = KERNEL.matcher(line);
      if (k.find()) {
        current = kernels.computeIfAbsent(k.group(1), n -> new TreeMap<>());
        current.merge("launches", 1L, Long::sum);
        continue;
      }
      Matcher c = COUNT.matcher(line);
      if (current != null && c.matches()) {
        long n = Long.parseLong(c.group(1));
        String space = c.group(3) == null ? "" : "." + c.group(3);
        current.merge("inst", n, Long::sum);
        current.merge(
            "inst." + (c.group(2).equals("call") ? "call" : c.group(2) + space), n, Long::sum);
      }
    }
    return kernels.entrySet().stream()
        .map(e -> new Evidence.Counters(e.getKey(), e.getValue()))
        .toList();
  }
}
