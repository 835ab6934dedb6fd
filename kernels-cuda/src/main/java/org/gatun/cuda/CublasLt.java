package org.gatun.cuda;

import static org.gatun.bindings.cublas.cublas_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.backend.BackendException;
import org.gatun.bindings.NativeLibrary;
import org.gatun.bindings.cublas.cublasLtMatmulHeuristicResult_t;
import org.gatun.tensor.DType;
import org.jspecify.annotations.Nullable;

/**
 * Products of many rows with F16 or BF16 weights by cuBLASLt, where it is found. It is optional:
 * without it, or where it has no algorithm for a shape, the own kernel does the work.
 *
 * <p>cuBLAS counts columns first, so Y [rows × out] = X · Wᵀ in rows is Yᵀ = W · Xᵀ in columns: W
 * as stored is in × out and taken transposed, X as stored is in × rows.
 */
final class CublasLt implements AutoCloseable {
  /** Set to false to keep to the own kernels. */
  static final String ENABLED = "gatun.cuda.cublaslt";

  private static final long WORKSPACE = 32L << 20;

  /** A product of one shape, ready to be called. */
  private record Plan(
      MemorySegment matmul,
      MemorySegment w,
      MemorySegment x,
      MemorySegment y,
      MemorySegment algorithm,
      long workspace) {}

  private record Key(int type, int rows, int in, int out) {}

  private final CudaDevice device;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment handle;
  private final MemorySegment one = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1f);
  private final MemorySegment zero = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 0f);
  private final MemorySegment preference;
  private final long workspace;
  private final Map<Key, @Nullable Plan> plans = new HashMap<>();
  private final List<Runnable> release = new ArrayList<>();

  private CublasLt(CudaDevice device, DevicePool pool) {
    this.device = device;
    try (Arena temporary = Arena.ofConfined()) {
      MemorySegment p = temporary.allocate(ValueLayout.ADDRESS);
      check(cublasLtCreate(p), "start");
      handle = p.get(ValueLayout.ADDRESS, 0);
      release.add(() -> cublasLtDestroy(handle));
      workspace = pool.allocate(WORKSPACE, "cuBLASLt's workspace");
      check(cublasLtMatmulPreferenceCreate(p), "make a preference");
      preference = p.get(ValueLayout.ADDRESS, 0);
      release.add(() -> cublasLtMatmulPreferenceDestroy(preference));
      check(
          cublasLtMatmulPreferenceSetAttribute(
              preference,
              CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES(),
              temporary.allocateFrom(ValueLayout.JAVA_LONG, WORKSPACE),
              8),
          "set the workspace");
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /**
   * The library on this device; null where it is missing or switched off. The virtual GPU runs no
   * machine code, so there only a double of the library is taken, which names itself.
   */
  static @Nullable CublasLt find(CudaDevice device, DevicePool pool) {
    boolean machineCode = NativeLibrary.CUDA.symbol("vgpuReport").isEmpty();
    return Boolean.parseBoolean(System.getProperty(ENABLED, "true"))
            && NativeLibrary.CUBLASLT.isAvailable()
            && (machineCode || NativeLibrary.CUBLASLT.symbol("cublasLtDoubleLog").isPresent())
        ? new CublasLt(device, pool)
        : null;
  }

  /** Whether it takes weights of this format. */
  static boolean takes(DType format) {
    return format == DType.F16 || format == DType.BF16;
  }

  /**
   * Queues y = x · wᵀ: x [rows × in] 16-bit, w [out × in] of the same type, y [rows × out] f32.
   *
   * @return false if the library has no algorithm for the shape: nothing was queued
   */
  boolean multiply(DType format, long x, long w, long y, int rows, int in, int out) {
    int type = format == DType.F16 ? CUDA_R_16F() : CUDA_R_16BF();
    Key key = new Key(type, rows, in, out);
    if (!plans.containsKey(key)) {
      plans.put(key, plan(key));
    }
    Plan p = plans.get(key);
    if (p == null) {
      return false;
    }
    MemorySegment d = MemorySegment.ofAddress(y);
    check(
        cublasLtMatmul(
            handle,
            p.matmul,
            one,
            MemorySegment.ofAddress(w),
            p.w,
            MemorySegment.ofAddress(x),
            p.x,
            zero,
            d,
            p.y,
            d,
            p.y,
            p.algorithm,
            MemorySegment.ofAddress(workspace),
            p.workspace,
            device.stream()),
        "multiply " + rows + " rows by " + out + " × " + in);
    return true;
  }

  private @Nullable Plan plan(Key k) {
    try (Arena temporary = Arena.ofConfined()) {
      MemorySegment p = temporary.allocate(ValueLayout.ADDRESS);
      check(cublasLtMatmulDescCreate(p, CUBLAS_COMPUTE_32F(), CUDA_R_32F()), "describe a product");
      MemorySegment matmul = p.get(ValueLayout.ADDRESS, 0);
      release.add(() -> cublasLtMatmulDescDestroy(matmul));
      check(
          cublasLtMatmulDescSetAttribute(
              matmul,
              CUBLASLT_MATMUL_DESC_TRANSA(),
              temporary.allocateFrom(ValueLayout.JAVA_INT, CUBLAS_OP_T()),
              4),
          "transpose the weight");
      MemorySegment w = layout(k.type, k.in, k.out, temporary);
      MemorySegment x = layout(k.type, k.in, k.rows, temporary);
      MemorySegment y = layout(CUDA_R_32F(), k.out, k.rows, temporary);
      MemorySegment found = arena.allocate(cublasLtMatmulHeuristicResult_t.layout());
      MemorySegment count = temporary.allocate(ValueLayout.JAVA_INT);
      int code =
          cublasLtMatmulAlgoGetHeuristic(handle, matmul, w, x, y, y, preference, 1, found, count);
      if (code != CUBLAS_STATUS_SUCCESS() || count.get(ValueLayout.JAVA_INT, 0) == 0) {
        return null;
      }
      return new Plan(
          matmul,
          w,
          x,
          y,
          cublasLtMatmulHeuristicResult_t.algo(found),
          cublasLtMatmulHeuristicResult_t.workspaceSize(found));
    }
  }

  private MemorySegment layout(int type, int rows, int columns, Arena temporary) {
    MemorySegment p = temporary.allocate(ValueLayout.ADDRESS);
    check(cublasLtMatrixLayoutCreate(p, type, rows, columns, rows), "describe a matrix");
    MemorySegment layout = p.get(ValueLayout.ADDRESS, 0);
    release.add(() -> cublasLtMatrixLayoutDestroy(layout));
    return layout;
  }

  private static void check(int code, String what) {
    if (code != CUBLAS_STATUS_SUCCESS()) {
      MemorySegment text = cublasLtGetStatusString(code);
      String name = text.address() == 0 ? "status" : text.reinterpret(Long.MAX_VALUE).getString(0);
      throw new BackendException(
          "cuBLASLt could not "
              + what
              + ": "
              + name
              + " ("
              + code
              + "); start with -D"
              + ENABLED
              + "=false to do without it");
    }
  }

  @Override
  public void close() {
    release.reversed().forEach(Runnable::run);
    release.clear();
    arena.close();
  }
}
