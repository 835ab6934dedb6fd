package org.gatun.opencl;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import org.gatun.backend.suite.OpSuite;
import org.gatun.bindings.NativeLibrary;
import org.gatun.graph.spec.CaseRequest;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.OpSpec;
import org.gatun.graph.spec.OpSpecs;
import org.gatun.tensor.DType;

/**
 * What runs in a process of its own under Oclgrind: {@code suite TILES PREFIX…} holds cases to
 * their definition; {@code broken KERNEL} runs one kernel of {@code broken.cl}.
 */
final class OclgrindRun {
  private OclgrindRun() {}

  public static void main(String[] args) {
    if (!(ClRuntime.load() instanceof NativeLibrary.Status.Loaded)) {
      throw new IllegalStateException("Oclgrind's library does not load");
    }
    ClDevice device = ClDevice.all().getFirst();
    if (!device.toString().contains("Oclgrind")) {
      throw new IllegalStateException("not Oclgrind: " + device);
    }
    boolean fine =
        args[0].equals("broken") ? broken(device, args[1]) : suite(device, Arrays.asList(args));
    System.exit(fine ? 0 : 1);
  }

  private static boolean suite(ClDevice device, List<String> args) {
    System.setProperty("gatun.opencl.tiles", args.get(1));
    List<String> prefixes = args.subList(2, args.size());
    List<DType> formats = Arrays.stream(DType.values()).filter(DType::isWeight).toList();
    int pass = 0;
    boolean fine = true;
    try (OpenClBackend b = new OpenClBackend(device)) {
      for (OpSpec s : OpSpecs.all()) {
        for (OpCase c : s.cases(new CaseRequest(false, 42, formats))) {
          if (prefixes.stream().noneMatch(c.id()::startsWith)) {
            continue;
          }
          OpSuite.Result r = OpSuite.run(b, c);
          if (r.status() == OpSuite.Status.PASS) {
            pass++;
          } else {
            fine = false;
            System.out.println(r);
          }
        }
      }
    }
    System.out.println("cases " + pass);
    return fine && pass > 0;
  }

  private static boolean broken(ClDevice device, String name) {
    try (Arena arena = Arena.ofConfined();
        ClContext context = new ClContext(device);
        KernelLibrary kernels = new KernelLibrary(context, Variants.NONE);
        ClQueue queue = new ClQueue(context, false);
        ClBuffer data = context.buffer("data", 256)) {
      var program =
          kernels.build(null, KernelLibrary.load("broken.cl"), "-cl-std=CL1.2", "broken.cl");
      try (ClKernel k = new ClKernel(context, program, name)) {
        if (!name.equals("uninitialised")) {
          // Oclgrind does not count a fill as initialisation.
          queue.write(data, 0, arena.allocate(data.size()), data.size(), true);
        }
        k.arg(data);
        if (name.equals("api")) {
          k.local(7, 1, 1); // the kernel requires 8
        } else {
          k.local(8, 1, 1);
        }
        k.enqueue(queue, 1, 1, 1);
        queue.finish();
      } catch (ClException expected) {
        System.out.println(expected.getMessage());
      }
      context.released(
          org.gatun.bindings.opencl.opencl_h.clReleaseProgram(program), "releasing a program");
    }
    return true;
  }
}
