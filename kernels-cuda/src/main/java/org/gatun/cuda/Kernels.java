package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.gatun.attention.KvCodec;
import org.gatun.backend.BackendException;
import org.gatun.tensor.DType;
import org.jspecify.annotations.Nullable;

/**
 * The kernels: PTX on the class path, loaded module by module when a graph first needs one. A
 * release build has fat binaries in its place, with native code for each architecture; of PTX the
 * driver's code is kept on disk, where there is a folder for it and the driver gives it away.
 */
final class Kernels implements AutoCloseable {
  /** Said when the build had no nvcc. */
  static final String MISSING =
      "this build has no CUDA kernels, because nvcc was not there; run ci/nvcc --where, then build again";

  private static final int LOG_BYTES = 16384;
  private static final int ERROR_LOG_BUFFER = 5;
  private static final int ERROR_LOG_SIZE = 6;

  private final Map<String, MemorySegment> modules = new HashMap<>();
  private final Map<String, MemorySegment> functions = new HashMap<>();
  private @Nullable Path cacheDir;
  private String target = "";

  /** Whether the build made PTX. */
  static boolean present() {
    return Kernels.class.getResource("ptx/rows.ptx") != null
        || Kernels.class.getResource("ptx/rows.fatbin") != null;
  }

  /** A kernel that does not depend on formats: {@code rows} or {@code sample}. */
  MemorySegment function(String module, String name) {
    return functions.computeIfAbsent(module + "/" + name, k -> find(module, name));
  }

  /** A kernel that reads weights of this format. */
  MemorySegment function(DType format, String name) {
    return function("format_" + format, name);
  }

  /** A kernel that reads KV pages of this codec. */
  MemorySegment function(KvCodec codec, String name) {
    return function("attention_" + codec, name);
  }

  /** A kernel of attention plans over KV pages of this codec. */
  MemorySegment plan(KvCodec codec, String name) {
    return function("plans_" + codec, name);
  }

  /** The compiler that made the PTX, as it says in the PTX itself. */
  static String compiler() {
    try (InputStream in = Kernels.class.getResourceAsStream("ptx/rows.ptx")) {
      String text = in == null ? "" : new String(in.readNBytes(500), StandardCharsets.UTF_8);
      return "nvcc "
          + text.lines()
              .filter(l -> l.contains("release"))
              .map(l -> l.replaceAll(".*, V", ""))
              .findFirst()
              .orElse("?");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private MemorySegment find(String module, String name) {
    MemorySegment loaded = modules.computeIfAbsent(module, this::load);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment f = arena.allocate(ValueLayout.ADDRESS);
      Cuda.check(
          cuModuleGetFunction(f, loaded, arena.allocateFrom(name)),
          "find kernel " + module + "/" + name);
      return f.get(ValueLayout.ADDRESS, 0);
    }
  }

  /**
   * Where compiled kernels may be kept, and what else decides what the driver makes of them.
   *
   * @param dir null keeps nothing
   * @param device architecture and driver version
   */
  void keepIn(@Nullable Path dir, String device) {
    cacheDir = dir;
    target = device;
  }

  private MemorySegment load(String module) {
    byte[] fat = resource(module + ".fatbin");
    if (fat != null) {
      return load(module, fat);
    }
    byte[] ptx = resource(module + ".ptx");
    if (ptx == null) {
      throw new BackendException(
          "this build has no kernel module " + module + "; build again with nvcc");
    }
    if (cacheDir != null && DriverLinker.isPresent()) {
      return load(module, CompiledCode.of(ptx, cacheDir, target, new DriverLinker(module)));
    }
    return load(module, ptx);
  }

  private static byte @Nullable [] resource(String name) {
    try (InputStream in = Kernels.class.getResourceAsStream("ptx/" + name)) {
      return in == null ? null : in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Loads PTX or machine code; {@code module} names it in errors. */
  static MemorySegment load(String module, byte[] image) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocate(image.length + 1L);
      MemorySegment.copy(image, 0, text, ValueLayout.JAVA_BYTE, 0, image.length);
      MemorySegment log = arena.allocate(LOG_BYTES);
      MemorySegment options = arena.allocate(ValueLayout.JAVA_INT, 2);
      options.setAtIndex(ValueLayout.JAVA_INT, 0, ERROR_LOG_BUFFER);
      options.setAtIndex(ValueLayout.JAVA_INT, 1, ERROR_LOG_SIZE);
      MemorySegment values = arena.allocate(ValueLayout.ADDRESS, 2);
      values.setAtIndex(ValueLayout.ADDRESS, 0, log);
      values.setAtIndex(ValueLayout.ADDRESS, 1, MemorySegment.ofAddress(LOG_BYTES));
      MemorySegment p = arena.allocate(ValueLayout.ADDRESS);
      int code = cuModuleLoadDataEx(p, text, 2, options, values);
      if (code != 0) {
        String first = log.getString(0).lines().findFirst().orElse("");
        throw Cuda.failure(
            code, "load kernels " + module + (first.isEmpty() ? "" : " [" + first + "]"));
      }
      return p.get(ValueLayout.ADDRESS, 0);
    }
  }

  @Override
  public void close() {
    modules.values().forEach(m -> cuModuleUnload(m));
    modules.clear();
    functions.clear();
  }
}
