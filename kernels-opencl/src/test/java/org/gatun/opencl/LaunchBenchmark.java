package org.gatun.opencl;

import static org.jocl.CL.*;

import java.util.List;
import java.util.concurrent.TimeUnit;
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
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a launch costs the host: 200 enqueues of a kernel with almost no work, arguments set once,
 * then one finish; FFM bindings beside JOCL. Run by {@code ci/bench-launch}.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class LaunchBenchmark {
  private static final int LAUNCHES = 200;
  private static final String SOURCE = "kernel void touch(global int *x) { x[0] = 1; }";

  private ClContext context;
  private KernelLibrary kernels;
  private ClQueue queue;
  private ClBuffer data;
  private java.lang.foreign.MemorySegment program;
  private ClKernel kernel;

  private cl_context joclContext;
  private cl_command_queue joclQueue;
  private cl_program joclProgram;
  private cl_kernel joclKernel;
  private cl_mem joclData;
  private final long[] one = {1, 1, 1};

  /** Makes both clients' objects. */
  @Setup(Level.Trial)
  @SuppressWarnings("deprecation")
  public void open() {
    ClRuntime.load();
    context = new ClContext(ClDevice.all().getFirst());
    kernels = new KernelLibrary(context, Variants.NONE);
    queue = new ClQueue(context, false);
    data = context.buffer("data", 64);
    program = kernels.build(null, SOURCE, "-cl-std=CL1.2", List.of("touch").getFirst());
    kernel = new ClKernel(context, program, "touch").arg(data);

    cl_platform_id[] platforms = new cl_platform_id[1];
    clGetPlatformIDs(1, platforms, null);
    cl_device_id[] devices = new cl_device_id[1];
    clGetDeviceIDs(platforms[0], CL_DEVICE_TYPE_ALL, 1, devices, null);
    cl_context_properties properties = new cl_context_properties();
    properties.addProperty(CL_CONTEXT_PLATFORM, platforms[0]);
    joclContext = clCreateContext(properties, 1, devices, null, null, null);
    joclQueue = clCreateCommandQueue(joclContext, devices[0], 0, null);
    joclProgram = clCreateProgramWithSource(joclContext, 1, new String[] {SOURCE}, null, null);
    clBuildProgram(joclProgram, 0, null, "-cl-std=CL1.2", null, null);
    joclKernel = clCreateKernel(joclProgram, "touch", null);
    joclData = clCreateBuffer(joclContext, CL_MEM_READ_WRITE, 64, null, null);
    clSetKernelArg(joclKernel, 0, Sizeof.cl_mem, Pointer.to(joclData));
  }

  /** Frees them. */
  @TearDown(Level.Trial)
  public void close() {
    kernel.close();
    context.released(
        org.gatun.bindings.opencl.opencl_h.clReleaseProgram(program), "releasing a program");
    data.close();
    queue.close();
    kernels.close();
    context.close();
    clReleaseMemObject(joclData);
    clReleaseKernel(joclKernel);
    clReleaseProgram(joclProgram);
    clReleaseCommandQueue(joclQueue);
    clReleaseContext(joclContext);
  }

  /** Our launches. */
  @Benchmark
  @OperationsPerInvocation(LAUNCHES)
  public void ffm() {
    for (int i = 0; i < LAUNCHES; i++) {
      kernel.enqueue(queue, 1, 1, 1);
    }
    queue.finish();
  }

  /** JOCL's launches. */
  @Benchmark
  @OperationsPerInvocation(LAUNCHES)
  public void jocl() {
    for (int i = 0; i < LAUNCHES; i++) {
      clEnqueueNDRangeKernel(joclQueue, joclKernel, 3, null, one, one, 0, null, null);
    }
    clFinish(joclQueue);
  }
}
