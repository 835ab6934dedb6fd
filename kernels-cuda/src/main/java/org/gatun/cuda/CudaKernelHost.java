package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.backend.BackendException;
import org.gatun.backend.Witness;
import org.gatun.backend.suite.Lane;
import org.gatun.bindings.NativeLibrary;
import org.gatun.kernel.KernelCase;
import org.gatun.kernel.KernelHost;
import org.jspecify.annotations.Nullable;

/** Runs {@code .cu} files (nvcc makes PTX of them) and {@code .ptx} files. */
public final class CudaKernelHost implements KernelHost {
  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public boolean takes(String fileName) {
    return fileName.endsWith(".cu") || fileName.endsWith(".ptx");
  }

  @Override
  public List<Lane> lanes() {
    return new CudaBackendProvider().lanes();
  }

  @Override
  public Device open() {
    if (NativeLibrary.CUDA.load() instanceof NativeLibrary.Status.Missing missing) {
      throw new BackendException(missing.reason());
    }
    return new Open(CudaDevice.open(0));
  }

  private static final class Open implements Device {
    private final CudaDevice device;
    private final Map<List<Object>, MemorySegment> modules = new HashMap<>();

    Open(CudaDevice device) {
      this.device = device;
    }

    @Override
    public @Nullable Witness witness() {
      return VirtualGpuWitness.find(compiler());
    }

    @Override
    public float[] run(KernelCase c) {
      device.enter();
      MemorySegment module =
          modules.computeIfAbsent(
              List.of(c.source(), c.options()),
              k -> Kernels.load(c.source().toString(), ptx(c.source(), c.options())));
      List<Long> buffers = new ArrayList<>();
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment p = arena.allocate(ValueLayout.ADDRESS);
        Cuda.check(
            cuModuleGetFunction(p, module, arena.allocateFrom(c.kernel())),
            "find kernel " + c.kernel() + " in " + c.source() + " (extern \"C\" is needed)");
        MemorySegment function = p.get(ValueLayout.ADDRESS, 0);
        Args args = new Args(arena);
        MemorySegment out = MemorySegment.NULL;
        long outAddress = 0;
        for (KernelCase.Arg a : c.args()) {
          switch (a) {
            case KernelCase.In x ->
                args.p(upload(arena.allocateFrom(ValueLayout.JAVA_FLOAT, x.data()), buffers));
            case KernelCase.Ints x ->
                args.p(upload(arena.allocateFrom(ValueLayout.JAVA_INT, x.data()), buffers));
            case KernelCase.Out x -> {
              out = arena.allocate(ValueLayout.JAVA_FLOAT, x.count());
              out.fill((byte) 0xff); // NaN: what the kernel leaves out shows
              outAddress = upload(out, buffers);
              args.p(outAddress);
            }
            case KernelCase.IntValue x -> args.i(x.value());
            case KernelCase.FloatValue x -> args.f(x.value());
          }
        }
        int[] g = c.groups();
        int[] t = c.threads();
        Cuda.check(
            cuLaunchKernel(
                function,
                g[0],
                g[1],
                g[2],
                t[0],
                t[1],
                t[2],
                c.sharedBytes(),
                device.stream(),
                args.pointers(),
                MemorySegment.NULL),
            "launch " + c.kernel());
        device.synchronize("run " + c.kernel());
        Cuda.check(cuMemcpyDtoH_v2(out, outAddress, out.byteSize()), "read the result");
        return out.toArray(ValueLayout.JAVA_FLOAT);
      } finally {
        buffers.forEach(b -> cuMemFree_v2(b));
      }
    }

    private static long upload(MemorySegment from, List<Long> buffers) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment p = arena.allocate(ValueLayout.JAVA_LONG);
        Cuda.check(cuMemAlloc_v2(p, from.byteSize()), "allocate an argument");
        long address = p.get(ValueLayout.JAVA_LONG, 0);
        buffers.add(address);
        Cuda.check(cuMemcpyHtoD_v2(address, from, from.byteSize()), "upload an argument");
        return address;
      }
    }

    @Override
    public void close() {
      device.enter();
      modules.values().forEach(m -> cuModuleUnload(m));
      device.close();
    }
  }

  private static String nvcc() {
    String named = System.getenv("NVCC");
    return named == null || named.isBlank() ? "nvcc" : named;
  }

  private static String compiler() {
    return Kernels.present() ? Kernels.compiler() : nvcc();
  }

  private static byte[] ptx(Path source, List<String> options) {
    try {
      if (source.toString().endsWith(".ptx")) {
        return Files.readAllBytes(source);
      }
      Path out = Files.createTempFile("gatun", ".ptx");
      try {
        List<String> command =
            new ArrayList<>(List.of(nvcc(), "-ptx", "-O3", "-lineinfo", "-arch=compute_80"));
        command.addAll(options);
        command.addAll(List.of("-o", out.toString(), source.toString()));
        Process p = new ProcessBuilder(command).redirectErrorStream(true).start();
        String log = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (p.waitFor() != 0) {
          throw new BackendException(
              source
                  + " does not compile: "
                  + log.lines().filter(l -> l.contains("error")).findFirst().orElse(log.strip()));
        }
        return Files.readAllBytes(out);
      } finally {
        Files.deleteIfExists(out);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BackendException("interrupted while nvcc ran", e);
    } catch (IOException e) {
      throw new BackendException(
          "cannot compile "
              + source
              + ": "
              + e.getMessage()
              + "; set NVCC, or put nvcc on the path",
          new UncheckedIOException(e));
    }
  }
}
