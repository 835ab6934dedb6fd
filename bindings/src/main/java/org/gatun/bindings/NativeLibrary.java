package org.gatun.bindings;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The native libraries that the generated bindings call, found at run time.
 *
 * <p>Call {@link #load()} or {@link #require()} before the first use of a binding's functions: it
 * puts the library into this class loader's symbol lookup, which the generated classes read when a
 * function is first called. Nothing is loaded before that, and a missing library is a {@link
 * Status}, not an error.
 *
 * <p>Search order: system property {@code gatun.library.NAME}, then environment variable {@code
 * GATUN_LIBRARY_NAME} (a path; if set, nothing else is tried), then the sonames below by the
 * dynamic linker's own rules. NAME is the constant's name; in lower case for the property.
 */
public enum NativeLibrary {
  OPENCL(
      "install an OpenCL driver and loader (Debian: ocl-icd-libopencl1, pocl-opencl-icd)",
      false,
      "libOpenCL.so.1",
      "libOpenCL.so"),
  CUDA("install the NVIDIA driver", false, "libcuda.so.1", "libcuda.so"),
  CUBLASLT("install the CUDA 13 libraries (pip: nvidia-cublas)", false, "libcublasLt.so.13"),
  CUBLAS("install the CUDA 13 libraries (pip: nvidia-cublas)", false, "libcublas.so.13"),
  NCCL("install NCCL 2 (pip: nvidia-nccl-cu13)", false, "libnccl.so.2"),
  /** Open MPI opens plug-ins that expect its symbols in the global scope. */
  MPI("install Open MPI (Debian: openmpi-bin)", true, "libmpi.so.40");

  /** What a search for a library ended with. */
  public sealed interface Status {
    /** The library is loaded; {@code path} is the file that the dynamic linker chose. */
    record Loaded(Path path) implements Status {}

    /** The library cannot be used: the cause and the remedy, in one line. */
    record Missing(String reason) implements Status {}
  }

  private final String remedy;
  private final boolean global;
  private final List<String> sonames;
  private @Nullable Status status;

  NativeLibrary(String remedy, boolean global, String... sonames) {
    this.remedy = remedy;
    this.global = global;
    this.sonames = List.of(sonames);
  }

  /** The name of the system property that overrides the search with a path. */
  public String property() {
    return "gatun.library." + name().toLowerCase(Locale.ROOT);
  }

  /** The name of the environment variable that overrides the search with a path. */
  public String environmentVariable() {
    return "GATUN_LIBRARY_" + name();
  }

  /** Finds and loads the library once; later calls return the first outcome. */
  public synchronized Status load() {
    Status known = status;
    return known != null ? known : (status = search());
  }

  /** Whether {@link #load()} succeeds. */
  public boolean isAvailable() {
    return load() instanceof Status.Loaded;
  }

  /**
   * Loads the library.
   *
   * @throws UnsatisfiedLinkError with cause and remedy in one line when it is missing
   */
  public void require() {
    if (load() instanceof Status.Missing missing) {
      throw new UnsatisfiedLinkError(missing.reason());
    }
  }

  /** The address of an exported symbol; empty when the library is missing or lacks it. */
  public Optional<MemorySegment> symbol(String name) {
    return isAvailable() ? SymbolLookup.loaderLookup().find(name) : Optional.empty();
  }

  private Status search() {
    String override = System.getProperty(property());
    String source = "-D" + property();
    if (override == null || override.isBlank()) {
      override = System.getenv(environmentVariable());
      source = environmentVariable();
    }
    if (override != null && !override.isBlank()) {
      Path path = Path.of(override).toAbsolutePath();
      if (!Files.isRegularFile(path)) {
        return missing(source + " names " + path + ", which is not a file", "correct or unset it");
      }
      return open(path.toString(), source + " names " + path + ", which does not load: ");
    }
    Status first = null;
    for (String soname : sonames) {
      Status outcome = open(soname, "");
      if (outcome instanceof Status.Loaded) {
        return outcome;
      }
      first = first == null ? outcome : first;
    }
    return first == null ? missing("no file name is known for it", remedy) : first;
  }

  private Status missing(String cause, String cure) {
    return new Status.Missing(
        name().toLowerCase(Locale.ROOT) + " library: " + cause.strip() + "; " + cure);
  }

  private Status open(String file, String context) {
    try {
      Path path = DynamicLinker.open(file, global);
      System.load(path.toString());
      return new Status.Loaded(path);
    } catch (UnsatisfiedLinkError e) {
      String cause = e.getMessage() == null ? "does not load" : e.getMessage();
      return missing(
          context + cause, remedy + ", or set " + environmentVariable() + " to the library's path");
    }
  }

  /** libdl: finds a file by the linker's own rules and reports which one it was. */
  private static final class DynamicLinker {
    private static final int RTLD_NOW = 2;
    private static final int RTLD_GLOBAL = 0x100;
    private static final int RTLD_DI_LINKMAP = 2;

    private DynamicLinker() {}

    static Path open(String file, boolean global) {
      if (!System.getProperty("os.name", "").startsWith("Linux")) {
        throw new UnsatisfiedLinkError(file + " is looked for on Linux only");
      }
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment handle =
            (MemorySegment)
                handle("dlopen", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT))
                    .invokeExact(arena.allocateFrom(file), RTLD_NOW | (global ? RTLD_GLOBAL : 0));
        if (handle.address() == 0) {
          MemorySegment text =
              (MemorySegment) handle("dlerror", FunctionDescriptor.of(ADDRESS)).invokeExact();
          throw new UnsatisfiedLinkError(
              text.address() == 0
                  ? file + " does not load"
                  : text.reinterpret(Long.MAX_VALUE).getString(0));
        }
        // struct link_map { Elf_Addr l_addr; char* l_name; … }
        MemorySegment map = arena.allocate(ADDRESS);
        int failed =
            (int)
                handle("dlinfo", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, ADDRESS))
                    .invokeExact(handle, RTLD_DI_LINKMAP, map);
        if (failed != 0) {
          throw new UnsatisfiedLinkError(file + " loads, but its path cannot be told");
        }
        MemoryLayout head = MemoryLayout.structLayout(JAVA_LONG, ADDRESS);
        return Path.of(
                map.get(ADDRESS, 0)
                    .reinterpret(head.byteSize())
                    .get(ADDRESS, JAVA_LONG.byteSize())
                    .reinterpret(Long.MAX_VALUE)
                    .getString(0))
            .toAbsolutePath();
      } catch (Error | RuntimeException e) {
        throw e;
      } catch (Throwable e) {
        throw new IllegalStateException(e);
      }
    }

    private static MethodHandle handle(String name, FunctionDescriptor type) {
      Linker linker = Linker.nativeLinker();
      return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), type);
    }
  }
}
