package org.gatun.opencl;

import static org.gatun.bindings.opencl.opencl_h.clReleaseProgram;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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

/** Runs {@code .cl} files: on the first device, and under Oclgrind. */
public final class ClKernelHost implements KernelHost {
  @Override
  public String name() {
    return "opencl";
  }

  @Override
  public boolean takes(String fileName) {
    return fileName.endsWith(".cl");
  }

  @Override
  public List<Lane> lanes() {
    return List.of(Lane.of(name()), OclgrindLane.of(false));
  }

  @Override
  public Device open() {
    if (ClRuntime.load() instanceof NativeLibrary.Status.Missing missing) {
      throw new BackendException(missing.reason());
    }
    return new Open(new ClContext(OpenClBackendProvider.choose(ClDevice.all(), "")));
  }

  private static final class Open implements Device {
    private final ClContext context;
    private final KernelLibrary library;
    private final ClQueue queue;
    private final Map<List<Object>, MemorySegment> programs = new HashMap<>();

    Open(ClContext context) {
      this.context = context;
      library = new KernelLibrary(context, Variants.NONE);
      try {
        queue = new ClQueue(context, false);
      } catch (ClException e) {
        context.close();
        throw e;
      }
    }

    @Override
    public @Nullable Witness witness() {
      return OclgrindWitness.find(context.device());
    }

    @Override
    public float[] run(KernelCase c) {
      MemorySegment program =
          programs.computeIfAbsent(
              List.of(c.source(), c.options()),
              k ->
                  library.build(
                      null,
                      text(c.source()),
                      String.join(" ", c.options()),
                      String.valueOf(c.source().getFileName())));
      List<ClBuffer> buffers = new ArrayList<>();
      try (Arena arena = Arena.ofConfined();
          ClKernel kernel = new ClKernel(context, program, c.kernel())) {
        MemorySegment out = arena.allocate(ValueLayout.JAVA_FLOAT, c.outCount());
        out.fill((byte) 0xff); // NaN: what the kernel leaves out shows
        ClBuffer result = null;
        for (KernelCase.Arg a : c.args()) {
          switch (a) {
            case KernelCase.In x ->
                kernel.arg(upload(arena.allocateFrom(ValueLayout.JAVA_FLOAT, x.data()), buffers));
            case KernelCase.Ints x ->
                kernel.arg(upload(arena.allocateFrom(ValueLayout.JAVA_INT, x.data()), buffers));
            case KernelCase.Out x -> kernel.arg(result = upload(out, buffers));
            case KernelCase.IntValue x -> kernel.arg(x.value());
            case KernelCase.FloatValue x -> kernel.arg(x.value());
          }
        }
        int[] g = c.groups();
        int[] t = c.threads();
        kernel.local(t[0], t[1], t[2]).enqueue(queue, g[0], g[1], g[2]);
        queue.finish();
        if (result != null) {
          queue.read(result, 0, out, out.byteSize());
        }
        return out.toArray(ValueLayout.JAVA_FLOAT);
      } finally {
        buffers.forEach(ClBuffer::close);
      }
    }

    private ClBuffer upload(MemorySegment from, List<ClBuffer> buffers) {
      ClBuffer b = context.buffer("an argument", from.byteSize());
      buffers.add(b);
      queue.write(b, 0, from, from.byteSize(), true);
      return b;
    }

    private static String text(Path source) {
      try {
        return "#line 1 \"" + source.getFileName() + "\"\n" + Files.readString(source);
      } catch (IOException e) {
        throw new BackendException("cannot read " + source + ": " + e.getMessage(), e);
      }
    }

    @Override
    public void close() {
      programs.values().forEach(p -> context.released(clReleaseProgram(p), "releasing a program"));
      queue.close();
      library.close();
      context.close();
    }
  }
}
