package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.jocl.CL.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.gatun.tensor.DType;
import org.gatun.tensor.codec.RandomBlocks;
import org.jocl.Pointer;
import org.jocl.Sizeof;
import org.jocl.cl_command_queue;
import org.jocl.cl_context;
import org.jocl.cl_context_properties;
import org.jocl.cl_device_id;
import org.jocl.cl_kernel;
import org.jocl.cl_mem;
import org.jocl.cl_platform_id;
import org.jocl.cl_program;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The same kernels launched by JOCL, a client that shares no code with ours, give the same bits.
 */
class JoclClientTest {
  /**
   * A launch: arguments are byte arrays (buffers; the one numbered {@code result} is read), ints
   * and floats.
   */
  private record Job(
      List<String> files,
      String options,
      String kernel,
      long[] local,
      long[] groups,
      List<Object> args,
      int result) {
    String source() {
      StringBuilder text = new StringBuilder();
      KernelLibrary.PRELUDE.forEach(f -> text.append(KernelLibrary.load(f)));
      files.forEach(f -> text.append(KernelLibrary.load(f)));
      return text.toString();
    }
  }

  @BeforeEach
  void device() {
    TestDevice.assume();
  }

  @Test
  void rmsNorm() {
    same(
        new Job(
            List.of("norm.cl"),
            "-DLOCAL=64 -DWIDTH=4",
            "rms_norm",
            new long[] {64, 1, 1},
            new long[] {1, 3, 1},
            List.of(floats(3 * 640, 1), floats(640, 2), new byte[4 * 3 * 640], 640, 1e-6f),
            2));
  }

  @Test
  void matrixVectorWithCpuTiles() {
    int cols = 256;
    int outs = 48;
    same(
        new Job(
            List.of("lanes.cl", "codec_q8_0.cl", "gate.cl", "project_cpu.cl"),
            "-DLANES=16 -DGATED=1 -DNT=1",
            "project",
            new long[] {1, 1, 1},
            new long[] {outs / 16, 1, 1},
            List.of(
                step(1),
                0,
                blocks(DType.Q8_0, outs, cols, 1),
                blocks(DType.Q8_0, outs, cols, 2),
                floats(cols, 3),
                new byte[4 * outs],
                new byte[4 * outs],
                outs,
                cols / 32,
                1),
            5));
  }

  @Test
  void matrixMatrixWithGpuTiles() {
    int cols = 512;
    int outs = 80;
    int rows = 70;
    same(
        new Job(
            List.of("lanes.cl", "k_scales.cl", "codec_q4_k.cl", "gate.cl", "project_gpu.cl"),
            "-DLANES=1 -DGATED=0 -DNT=8",
            "project_tiled",
            new long[] {16, 16, 1},
            new long[] {2, 2, 1},
            List.of(
                step(rows),
                0,
                blocks(DType.Q4_K, outs, cols, 1),
                new byte[64],
                floats(rows * cols, 3),
                new byte[4 * rows * outs],
                new byte[4 * outs],
                outs,
                cols),
            5));
  }

  private static void same(Job job) {
    byte[] ours = ffm(job);
    byte[] theirs = jocl(job);
    assertThat(ours).isEqualTo(theirs);
    assertThat(ours).isNotEqualTo(new byte[ours.length]);
  }

  private static byte[] step(int rows) {
    byte[] s = new byte[64];
    s[0] = (byte) rows;
    return s;
  }

  /** Interleaving only permutes bytes within 16 rows: random blocks are as good as file order. */
  private static byte[] blocks(DType t, int rows, int cols, long seed) {
    BlockLayout layout = BlockLayout.of(t);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment file = arena.allocate(t.bytes((long) rows * cols), 64);
      RandomBlocks.fill(t, file, new SplittableRandom(seed), 0.1f);
      byte[] out = new byte[(int) layout.deviceBytes(rows, cols)];
      int size = layout.bytes();
      int blocks = layout.blocks(cols);
      for (int r = 0; r < rows; r++) {
        for (int b = 0; b < blocks; b++) {
          long from = ((long) r * blocks + b) * size;
          int to = (r / 16 * blocks + b) * size * 16;
          int head = layout.head() * 2;
          int at = 0;
          if (head >= 0) {
            MemorySegment.copy(file, ValueLayout.JAVA_BYTE, from + head, out, to + r % 16 * 2, 2);
            at = 32;
          }
          int word = 0;
          for (int i = 0; i < size; i += 2) {
            if (i != head) {
              int target = to + at + word / 2 * 64 + r % 16 * 4 + word % 2 * 2;
              MemorySegment.copy(file, ValueLayout.JAVA_BYTE, from + i, out, target, 2);
              word++;
            }
          }
        }
      }
      return out;
    }
  }

  private static byte[] floats(int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    byte[] out = new byte[4 * count];
    MemorySegment s = MemorySegment.ofArray(out);
    for (int i = 0; i < count; i++) {
      s.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i, (float) (random.nextDouble() * 2 - 1));
    }
    return out;
  }

  private static byte[] ffm(Job job) {
    List<ClBuffer> buffers = new ArrayList<>();
    try (ClContext context = new ClContext(ClDevice.all().getFirst());
        KernelLibrary kernels = new KernelLibrary(context, Variants.NONE);
        ClQueue queue = new ClQueue(context, false);
        Arena arena = Arena.ofConfined();
        ClKernel k = kernels.kernel(null, job.files, job.options, job.kernel)) {
      try {
        for (Object a : job.args) {
          if (a instanceof byte[] bytes) {
            ClBuffer b = context.buffer("test", bytes.length);
            buffers.add(b);
            queue.write(b, 0, arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes), bytes.length, true);
            k.arg(b);
          } else if (a instanceof Integer i) {
            k.arg(i);
          } else {
            k.arg((Float) a);
          }
        }
        k.local(job.local[0], job.local[1], job.local[2]);
        k.enqueue(queue, job.groups[0], job.groups[1], job.groups[2]);
        byte[] out = ((byte[]) job.args.get(job.result)).clone();
        MemorySegment host = arena.allocate(out.length);
        int buffer =
            (int) job.args.subList(0, job.result).stream().filter(byte[].class::isInstance).count();
        queue.read(buffers.get(buffer), 0, host, out.length);
        return host.toArray(ValueLayout.JAVA_BYTE);
      } finally {
        buffers.forEach(ClBuffer::close);
      }
    }
  }

  private static byte[] jocl(Job job) {
    setExceptionsEnabled(true);
    cl_platform_id[] platforms = new cl_platform_id[1];
    clGetPlatformIDs(1, platforms, null);
    cl_device_id[] devices = new cl_device_id[1];
    clGetDeviceIDs(platforms[0], CL_DEVICE_TYPE_ALL, 1, devices, null);
    cl_context_properties properties = new cl_context_properties();
    properties.addProperty(CL_CONTEXT_PLATFORM, platforms[0]);
    cl_context context = clCreateContext(properties, 1, devices, null, null, null);
    @SuppressWarnings("deprecation")
    cl_command_queue queue = clCreateCommandQueue(context, devices[0], 0, null);
    String[] sources = {job.source()};
    cl_program program = clCreateProgramWithSource(context, 1, sources, null, null);
    clBuildProgram(program, 0, null, Variants.NONE.options(job.options), null, null);
    cl_kernel kernel = clCreateKernel(program, job.kernel, null);
    List<cl_mem> buffers = new ArrayList<>();
    cl_mem result = null;
    for (int i = 0; i < job.args.size(); i++) {
      Object a = job.args.get(i);
      if (a instanceof byte[] bytes) {
        cl_mem m =
            clCreateBuffer(
                context,
                CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                bytes.length,
                Pointer.to(bytes.clone()),
                null);
        buffers.add(m);
        result = i == job.result ? m : result;
        clSetKernelArg(kernel, i, Sizeof.cl_mem, Pointer.to(m));
      } else if (a instanceof Integer n) {
        clSetKernelArg(kernel, i, Sizeof.cl_int, Pointer.to(new int[] {n}));
      } else {
        clSetKernelArg(kernel, i, Sizeof.cl_float, Pointer.to(new float[] {(Float) a}));
      }
    }
    long[] global = new long[3];
    for (int i = 0; i < 3; i++) {
      global[i] = job.local[i] * job.groups[i];
    }
    clEnqueueNDRangeKernel(queue, kernel, 3, null, global, job.local, 0, null, null);
    byte[] out = new byte[((byte[]) job.args.get(job.result)).length];
    clEnqueueReadBuffer(queue, result, true, 0, out.length, Pointer.to(out), 0, null, null);
    buffers.forEach(m -> clReleaseMemObject(m));
    clReleaseKernel(kernel);
    clReleaseProgram(program);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
    return out;
  }
}
