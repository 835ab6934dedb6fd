package org.gatun.opencl;

import static org.gatun.bindings.opencl.opencl_h.*;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.gatun.backend.BackendException;
import org.jspecify.annotations.Nullable;

/**
 * Builds kernel sources, once per set of options, and keeps the binaries on disk under a hash of
 * source, options, device and driver. A binary that the driver refuses is built anew.
 */
final class KernelLibrary implements AutoCloseable {
  /** In front of every kernel's sources; the last is empty unless the options say LOCAL. */
  static final List<String> PRELUDE = List.of("variants.cl", "common.cl", "reduce.cl");

  private final ClContext context;
  private final Variants variants;
  private final Map<String, MemorySegment> programs = new HashMap<>();
  private final Map<String, String> sources = new HashMap<>();

  KernelLibrary(ClContext context, Variants variants) {
    this.context = context;
    this.variants = variants;
  }

  /** What kernels are built for beyond OpenCL C 1.2. */
  Variants variants() {
    return variants;
  }

  /** A kernel of the program made of these source files, in this order, behind the prelude. */
  synchronized ClKernel kernel(
      @Nullable Path cacheDir, List<String> files, String options, String name) {
    String key = files + " " + options;
    MemorySegment program = programs.get(key);
    if (program == null) {
      StringBuilder text = new StringBuilder();
      PRELUDE.forEach(f -> text.append(source(f)));
      files.forEach(f -> text.append(source(f)));
      String all = variants.options(options);
      program = build(cacheDir, text.toString(), all, String.join("+", files));
      programs.put(key, program);
    }
    return new ClKernel(context, program, name);
  }

  /** The text of a kernel source file. */
  private String source(String file) {
    return sources.computeIfAbsent(file, KernelLibrary::load);
  }

  static String load(String file) {
    try (InputStream in = KernelLibrary.class.getResourceAsStream("kernels/" + file)) {
      if (in == null) {
        throw new IllegalStateException("no kernel source " + file);
      }
      return "#line 1 \"" + file + "\"\n" + new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Builds one program; {@code what} names it in errors. */
  MemorySegment build(@Nullable Path cacheDir, String source, String options, String what) {
    Path file = cacheDir == null ? null : cacheDir.resolve("opencl").resolve(hash(source, options));
    if (file != null && Files.isRegularFile(file)) {
      MemorySegment cached = fromBinary(file, options);
      if (cached != null) {
        return cached;
      }
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = arena.allocate(ValueLayout.JAVA_INT);
      MemorySegment text = arena.allocateFrom(source);
      MemorySegment program =
          clCreateProgramWithSource(
              context.handle(),
              1,
              arena.allocateFrom(ValueLayout.ADDRESS, text),
              MemorySegment.NULL,
              status);
      context.created(status, "creating program " + what);
      int built = compile(program, options);
      if (ClException.deviceFailed(built)) {
        release(program);
        throw new ClException("compiling kernel " + what, built);
      }
      if (built != 0) {
        String log = log(program);
        release(program);
        String first = log.lines().filter(l -> l.contains("error")).findFirst().orElse(log.strip());
        throw new BackendException(
            "kernel "
                + what
                + " ["
                + options
                + "] does not compile on "
                + context.device().name().trim()
                + ": "
                + first
                + " (a driver fault: report it with the whole log, or use --backend jvm)",
            new BackendException(log));
      }
      if (file != null) {
        store(program, file);
      }
      return program;
    }
  }

  private int compile(MemorySegment program, String options) {
    try (Arena arena = Arena.ofConfined();
        SignalGuard signals = new SignalGuard()) {
      return clBuildProgram(
          program,
          1,
          arena.allocateFrom(ValueLayout.ADDRESS, context.device().id()),
          arena.allocateFrom(options),
          MemorySegment.NULL,
          MemorySegment.NULL);
    }
  }

  private String log(MemorySegment program) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
      MemorySegment device = context.device().id();
      clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG(), 0, MemorySegment.NULL, size);
      long n = size.get(ValueLayout.JAVA_LONG, 0);
      MemorySegment text = arena.allocate(n + 1);
      clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG(), n, text, MemorySegment.NULL);
      return text.getString(0);
    }
  }

  private @Nullable MemorySegment fromBinary(Path file, String options) {
    try (Arena arena = Arena.ofConfined()) {
      byte[] bytes = Files.readAllBytes(file);
      MemorySegment status = arena.allocate(ValueLayout.JAVA_INT);
      MemorySegment binary = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
      MemorySegment program =
          clCreateProgramWithBinary(
              context.handle(),
              1,
              arena.allocateFrom(ValueLayout.ADDRESS, context.device().id()),
              arena.allocateFrom(ValueLayout.JAVA_LONG, bytes.length),
              arena.allocateFrom(ValueLayout.ADDRESS, binary),
              MemorySegment.NULL,
              status);
      if (status.get(ValueLayout.JAVA_INT, 0) != 0) {
        return null;
      }
      context.created(status, "loading " + file);
      if (compile(program, options) != 0) {
        release(program);
        return null;
      }
      return program;
    } catch (IOException e) {
      return null; // unreadable: built from source instead
    }
  }

  private void store(MemorySegment program, Path file) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
      if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES(), 8, size, MemorySegment.NULL) != 0) {
        return;
      }
      long n = size.get(ValueLayout.JAVA_LONG, 0);
      if (n <= 0 || n > (1 << 30)) {
        return; // a driver that keeps its binaries to itself
      }
      MemorySegment binary = arena.allocate(n);
      MemorySegment pointers = arena.allocateFrom(ValueLayout.ADDRESS, binary);
      if (clGetProgramInfo(program, CL_PROGRAM_BINARIES(), 8, pointers, MemorySegment.NULL) != 0) {
        return;
      }
      Files.createDirectories(file.getParent());
      Path part = Files.createTempFile(file.getParent(), "part", null);
      Files.write(part, binary.toArray(ValueLayout.JAVA_BYTE));
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      System.getLogger("org.gatun.opencl")
          .log(System.Logger.Level.DEBUG, "kernel binary not kept: " + e.getMessage());
    }
  }

  private String hash(String source, String options) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      ClDevice d = context.device();
      for (String part :
          List.of(source, options, d.platformName(), d.name(), d.version(), d.driver())) {
        digest.update(part.getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
      }
      return HexFormat.of().formatHex(digest.digest(), 0, 16) + ".clbin";
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private void release(MemorySegment program) {
    context.released(clReleaseProgram(program), "releasing a program");
  }

  @Override
  public synchronized void close() {
    programs.values().forEach(this::release);
    programs.clear();
  }
}
