// Device and host memory, copies and sets.
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

#include "driver.h"

using namespace vgpu;

namespace {
CUresult allocate(CUdeviceptr* out, size_t bytes, bool pooled, const char* what) {
  if (!out || !bytes) return CUDA_ERROR_INVALID_VALUE;
  const Alloc* a = memory().alloc(current()->device, bytes);
  if (!a) return CUDA_ERROR_OUT_OF_MEMORY;
  const_cast<Alloc*>(a)->ctx = current();
  const_cast<Alloc*>(a)->pooled = pooled;
  *out = a->base;
  std::lock_guard<std::mutex> l(ledger().mu);
  ledger().host[what]++;
  auto& peak = ledger().host["mem.peak"];
  peak = std::max(peak, memory().peak(current()->device));
  return CUDA_SUCCESS;
}
// Synchronous copies: through the legacy stream, then waited for.
CUresult sync_copy(u64 dst, u64 src, u64 n, u64 rows = 1, u64 dp = 0, u64 sp = 0) {
  if (CUresult r = capture_guard()) return r;
  if (!n || !rows) return CUDA_SUCCESS;
  Work w;
  w.kind = Work::Copy;
  w.dst = dst, w.src = src, w.bytes = n, w.rows = rows, w.dpitch = dp, w.spitch = sp;
  Stream* s = &current()->null_stream;
  if (CUresult r = enqueue(s, std::move(w))) return r;
  wait_stream(s);
  return (CUresult)current()->fault;
}
bool pinned(u64 p) {
  const Alloc* a = memory().find(p);
  return a && a->device < 0;
}
CUresult async_copy(CUstream h, u64 dst, u64 src, u64 n, u64 rows = 1, u64 dp = 0, u64 sp = 0) {
  CUresult e;
  Stream* s = stream_of(h, &e);
  if (!s) return e;
  if (!n || !rows) return CUDA_SUCCESS;
  Work w;
  w.kind = Work::Copy;
  w.dst = dst, w.src = src, w.bytes = n, w.rows = rows, w.dpitch = dp, w.spitch = sp;
  bool src_host = !memory().in_window(src), dst_host = !memory().in_window(dst);
  if (src_host && !pinned(src) && !s->capture) {  // a pageable source is staged at call time
    w.staged = std::make_shared<std::vector<u8>>();
    for (u64 r = 0; r < rows; r++)
      w.staged->insert(w.staged->end(), (u8*)src + r * sp, (u8*)src + r * sp + n);
  }
  e = enqueue(s, std::move(w));
  if (!e && dst_host && !pinned(dst) &&
      !s->capture) {  // and a pageable destination makes the call wait
    wait_stream(s);
    return (CUresult)current()->fault;
  }
  return e;
}
bool device_range(u64 p, u64 n) {
  const Alloc* a = memory().find(p);
  return a && a->device >= 0 && p + n <= a->base + a->size;
}
CUresult fill(CUstream h, bool sync, u64 dst, u64 pitch, u32 value, u32 elem, u64 width, u64 rows) {
  CUresult e;
  if (dst % elem || !memory().in_window(dst)) return CUDA_ERROR_INVALID_VALUE;
  if (sync)
    if (CUresult r = capture_guard()) return r;
  Stream* s = stream_of(h, &e);
  if (!s) return e;
  if (!width || !rows) return CUDA_SUCCESS;
  if (!device_range(dst, rows > 1 ? (rows - 1) * pitch + width * elem : width * elem))
    return CUDA_ERROR_INVALID_VALUE;
  Work w;
  w.kind = Work::Set;
  w.dst = dst, w.bytes = width, w.elem = elem, w.value = value, w.rows = rows, w.dpitch = pitch;
  e = enqueue(s, std::move(w));
  if (!e && sync) wait_stream(s), e = (CUresult)current()->fault;
  return e;
}
}  // namespace

EXPORT CUresult cuMemAlloc(CUdeviceptr* p, size_t n) {
  API(cuMemAlloc);
  if (CUresult r = capture_guard()) return r;
  return allocate(p, n, false, "mem.allocs");
}
EXPORT CUresult cuMemAllocPitch(CUdeviceptr* p, size_t* pitch, size_t width, size_t height,
                                unsigned elem) {
  API(cuMemAllocPitch);
  NEED(pitch && (elem == 4 || elem == 8 || elem == 16));
  *pitch = (width + 255) / 256 * 256;
  return allocate(p, *pitch * height, false, "mem.allocs");
}
EXPORT CUresult cuMemFree(CUdeviceptr p) {
  API(cuMemFree);
  if (!p) return CUDA_SUCCESS;
  if (CUresult r = capture_guard()) return r;
  const Alloc* a = memory().exact(p);
  if (!a || a->constant) return CUDA_ERROR_INVALID_VALUE;
  auto* owner = (Context*)a->ctx;
  wait_context(driver().contexts.count(owner) ? owner : current());  // freeing waits for the device
  if (int f = current()->fault) return (CUresult)f;
  memory().release(p);
  std::lock_guard<std::mutex> l(ledger().mu);
  ledger().host["mem.frees"]++;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemGetInfo(size_t* free, size_t* total) {
  API(cuMemGetInfo);
  NEED(free && total);
  int d = current()->device;
  *total = memory().capacity(d);
  *free = *total - memory().used(d);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemGetAddressRange(CUdeviceptr* base, size_t* size, CUdeviceptr p) {
  API(cuMemGetAddressRange);
  const Alloc* a = memory().find(p);
  if (!a) return CUDA_ERROR_NOT_FOUND;
  if (base) *base = a->base;
  if (size) *size = a->size;
  return CUDA_SUCCESS;
}

// ---- stream-ordered allocation: one pool per device ----

static char g_pools[MAX_DEVICES], g_user_pool[64];
static std::map<CUmemoryPool, std::map<int, u64>> g_pool_attributes;
static int pool_device(CUmemoryPool p) {
  char* c = (char*)p;
  if (c >= g_pools && c < g_pools + MAX_DEVICES) return (int)(c - g_pools);
  if (c >= g_user_pool && c < g_user_pool + 64) return (int)(c - g_user_pool) % MAX_DEVICES;
  return -1;
}
EXPORT CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* p, CUdevice i) {
  API(cuDeviceGetDefaultMemPool, false);
  NEED(p);
  if (i < 0 || i >= driver().devices) return CUDA_ERROR_INVALID_DEVICE;
  *p = (CUmemoryPool)&g_pools[i];
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGetMemPool(CUmemoryPool* p, CUdevice i) {
  return cuDeviceGetDefaultMemPool(p, i);
}
EXPORT CUresult cuDeviceSetMemPool(CUdevice i, CUmemoryPool p) {
  API(cuDeviceSetMemPool, false);
  NEED(pool_device(p) == i);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemPoolCreate(CUmemoryPool* p, const CUmemPoolProps* props) {
  API(cuMemPoolCreate, false);
  NEED(p && props && props->location.id >= 0 && props->location.id < driver().devices);
  static int next = 0;
  if (next >= 64 / MAX_DEVICES) return CUDA_ERROR_OUT_OF_MEMORY;
  *p = (CUmemoryPool)&g_user_pool[next++ * MAX_DEVICES + props->location.id];
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemPoolDestroy(CUmemoryPool p) {
  API(cuMemPoolDestroy, false);
  NEED(pool_device(p) >= 0);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemPoolSetAttribute(CUmemoryPool p, CUmemPool_attribute a, void* v) {
  API(cuMemPoolSetAttribute, false);
  NEED(v && pool_device(p) >= 0);
  bool wide = a == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD || a >= CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT;
  g_pool_attributes[p][a] = wide ? *(cuuint64_t*)v : (u64) * (int*)v;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemPoolGetAttribute(CUmemoryPool p, CUmemPool_attribute a, void* v) {
  API(cuMemPoolGetAttribute, false);
  NEED(v && pool_device(p) >= 0);
  int d = pool_device(p);
  switch (a) {
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
      *(cuuint64_t*)v = memory().used(d);
      break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
      *(cuuint64_t*)v = memory().peak(d);
      break;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
      *(cuuint64_t*)v = g_pool_attributes[p][a];
      break;
    default:
      *(int*)v = 1;
  }
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemPoolTrimTo(CUmemoryPool p, size_t) {
  API(cuMemPoolTrimTo, false);
  NEED(pool_device(p) >= 0);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemPoolSetAccess(CUmemoryPool p, const CUmemAccessDesc* m, size_t n) {
  API(cuMemPoolSetAccess, false);
  NEED(pool_device(p) >= 0 && (m || !n));
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemAllocFromPoolAsync(CUdeviceptr* out, size_t n, CUmemoryPool pool, CUstream h) {
  API(cuMemAllocFromPoolAsync);
  NEED(pool_device(pool) >= 0);
  CUresult e;
  Stream* s = stream_of(h, &e);
  if (!s) return e;
  if (s->capture) {
    s->capture->broken = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  return allocate(out, n, true, "mem.async_allocs");
}
EXPORT CUresult cuMemAllocAsync(CUdeviceptr* out, size_t n, CUstream h) {
  API(cuMemAllocAsync);
  CUresult e;
  Stream* s = stream_of(h, &e);
  if (!s) return e;
  if (s->capture) {
    s->capture->broken = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  return allocate(out, n, true, "mem.async_allocs");
}
EXPORT CUresult cuMemFreeAsync(CUdeviceptr p, CUstream h) {
  API(cuMemFreeAsync);
  CUresult e;
  Stream* s = stream_of(h, &e);
  if (!s) return e;
  if (!memory().exact(p)) return CUDA_ERROR_INVALID_VALUE;
  Work w;
  w.kind = Work::Free;
  w.dst = p;
  {
    std::lock_guard<std::mutex> l(ledger().mu);
    ledger().host["mem.async_frees"]++;
  }
  return enqueue(s, std::move(w));
}

// ---- host memory ----

EXPORT CUresult cuMemHostAlloc(void** p, size_t n, unsigned flags) {
  API(cuMemHostAlloc);
  NEED(p && n && flags < 16);
  void* m = mmap(nullptr, (n + 4095) / 4096 * 4096, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (m == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  memory().add_host(m, n);
  *p = m;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemAllocHost(void** p, size_t n) { return cuMemHostAlloc(p, n, 0); }
EXPORT CUresult cuMemFreeHost(void* p) {
  API(cuMemFreeHost);
  const Alloc* a = memory().find((u64)p);
  if (!a || a->device >= 0 || a->base != (u64)p) return CUDA_ERROR_INVALID_VALUE;
  wait_context(current());
  size_t n = a->size;
  memory().remove_host(p);
  munmap(p, (n + 4095) / 4096 * 4096);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemHostRegister(void* p, size_t n, unsigned) {
  API(cuMemHostRegister);
  NEED(p && n);
  return memory().add_host(p, n) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
}
EXPORT CUresult cuMemHostUnregister(void* p) {
  API(cuMemHostUnregister);
  wait_context(current());
  return memory().remove_host(p) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
}
EXPORT CUresult cuMemHostGetDevicePointer(CUdeviceptr* d, void* p, unsigned flags) {
  API(cuMemHostGetDevicePointer);
  NEED(d && !flags && pinned((u64)p));
  *d = (u64)p;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemHostGetFlags(unsigned* f, void* p) {
  API(cuMemHostGetFlags);
  NEED(f && pinned((u64)p));
  *f = CU_MEMHOSTALLOC_DEVICEMAP;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuPointerGetAttribute(void* out, CUpointer_attribute a, CUdeviceptr p) {
  API(cuPointerGetAttribute);
  NEED(out);
  const Alloc* x = memory().find(p);
  if (!x) return CUDA_ERROR_INVALID_VALUE;
  switch (a) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      *(void**)out = x->ctx;
      break;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      *(unsigned*)out = x->device < 0 ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
      break;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
      *(u64*)out = p;
      break;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      if (x->device >= 0) return CUDA_ERROR_INVALID_VALUE;
      *(u64*)out = p;
      break;
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
      *(u64*)out = x->id;
      break;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
      *(unsigned*)out = 0;
      break;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
      *(int*)out = x->device < 0 ? 0 : x->device;
      break;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
      *(u64*)out = x->base;
      break;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
      *(size_t*)out = x->size;
      break;
    case CU_POINTER_ATTRIBUTE_MAPPED:
      *(unsigned*)out = 1;
      break;
    default:
      return CUDA_ERROR_NOT_SUPPORTED;
  }
  return CUDA_SUCCESS;
}

// ---- copies and sets ----

EXPORT CUresult cuMemcpyHtoD(CUdeviceptr d, const void* h, size_t n) {
  API(cuMemcpyHtoD);
  NEED((h || !n) && (!n || device_range(d, n)));
  return sync_copy(d, (u64)h, n);
}
EXPORT CUresult cuMemcpyDtoH(void* h, CUdeviceptr d, size_t n) {
  API(cuMemcpyDtoH);
  NEED((h || !n) && (!n || device_range(d, n)));
  return sync_copy((u64)h, d, n);
}
EXPORT CUresult cuMemcpyDtoD(CUdeviceptr d, CUdeviceptr s, size_t n) {
  API(cuMemcpyDtoD);
  NEED(!n || (device_range(d, n) && device_range(s, n)));
  return sync_copy(d, s, n);
}
EXPORT CUresult cuMemcpy(CUdeviceptr d, CUdeviceptr s, size_t n) {
  API(cuMemcpy);
  NEED(!n || (d && s));
  return sync_copy(d, s, n);
}
EXPORT CUresult cuMemcpyPeer(CUdeviceptr d, CUcontext, CUdeviceptr s, CUcontext, size_t n) {
  API(cuMemcpyPeer);
  NEED(!n || (device_range(d, n) && device_range(s, n)));
  return sync_copy(d, s, n);
}
EXPORT CUresult cuMemcpyHtoDAsync(CUdeviceptr d, const void* h, size_t n, CUstream s) {
  API(cuMemcpyHtoDAsync);
  NEED((h || !n) && (!n || device_range(d, n)));
  return async_copy(s, d, (u64)h, n);
}
EXPORT CUresult cuMemcpyDtoHAsync(void* h, CUdeviceptr d, size_t n, CUstream s) {
  API(cuMemcpyDtoHAsync);
  NEED((h || !n) && (!n || device_range(d, n)));
  return async_copy(s, (u64)h, d, n);
}
EXPORT CUresult cuMemcpyDtoDAsync(CUdeviceptr d, CUdeviceptr src, size_t n, CUstream s) {
  API(cuMemcpyDtoDAsync);
  NEED(!n || (device_range(d, n) && device_range(src, n)));
  return async_copy(s, d, src, n);
}
EXPORT CUresult cuMemcpyAsync(CUdeviceptr d, CUdeviceptr src, size_t n, CUstream s) {
  API(cuMemcpyAsync);
  NEED(!n || (d && src));
  return async_copy(s, d, src, n);
}
EXPORT CUresult cuMemcpyPeerAsync(CUdeviceptr d, CUcontext, CUdeviceptr src, CUcontext, size_t n,
                                  CUstream s) {
  API(cuMemcpyPeerAsync);
  NEED(!n || (device_range(d, n) && device_range(src, n)));
  return async_copy(s, d, src, n);
}
static CUresult copy_2d(const CUDA_MEMCPY2D* c, CUstream s, bool sync) {
  NEED(c && c->srcMemoryType != CU_MEMORYTYPE_ARRAY && c->dstMemoryType != CU_MEMORYTYPE_ARRAY);
  u64 src = c->srcMemoryType == CU_MEMORYTYPE_HOST ? (u64)c->srcHost : c->srcDevice;
  u64 dst = c->dstMemoryType == CU_MEMORYTYPE_HOST ? (u64)c->dstHost : c->dstDevice;
  u64 sp = c->srcPitch ? c->srcPitch : c->WidthInBytes,
      dp = c->dstPitch ? c->dstPitch : c->WidthInBytes;
  src += c->srcY * sp + c->srcXInBytes, dst += c->dstY * dp + c->dstXInBytes;
  NEED(src && dst && sp >= c->WidthInBytes && dp >= c->WidthInBytes);
  return sync ? sync_copy(dst, src, c->WidthInBytes, c->Height, dp, sp)
              : async_copy(s, dst, src, c->WidthInBytes, c->Height, dp, sp);
}
EXPORT CUresult cuMemcpy2D(const CUDA_MEMCPY2D* c) {
  API(cuMemcpy2D);
  return copy_2d(c, nullptr, true);
}
EXPORT CUresult cuMemcpy2DUnaligned(const CUDA_MEMCPY2D* c) {
  API(cuMemcpy2DUnaligned);
  return copy_2d(c, nullptr, true);
}
EXPORT CUresult cuMemcpy2DAsync(const CUDA_MEMCPY2D* c, CUstream s) {
  API(cuMemcpy2DAsync);
  return copy_2d(c, s, false);
}

EXPORT CUresult cuMemsetD8(CUdeviceptr d, unsigned char v, size_t n) {
  API(cuMemsetD8);
  return fill(nullptr, true, d, 0, v, 1, n, 1);
}
EXPORT CUresult cuMemsetD16(CUdeviceptr d, unsigned short v, size_t n) {
  API(cuMemsetD16);
  return fill(nullptr, true, d, 0, v, 2, n, 1);
}
EXPORT CUresult cuMemsetD32(CUdeviceptr d, unsigned v, size_t n) {
  API(cuMemsetD32);
  return fill(nullptr, true, d, 0, v, 4, n, 1);
}
EXPORT CUresult cuMemsetD8Async(CUdeviceptr d, unsigned char v, size_t n, CUstream s) {
  API(cuMemsetD8Async);
  return fill(s, false, d, 0, v, 1, n, 1);
}
EXPORT CUresult cuMemsetD16Async(CUdeviceptr d, unsigned short v, size_t n, CUstream s) {
  API(cuMemsetD16Async);
  return fill(s, false, d, 0, v, 2, n, 1);
}
EXPORT CUresult cuMemsetD32Async(CUdeviceptr d, unsigned v, size_t n, CUstream s) {
  API(cuMemsetD32Async);
  return fill(s, false, d, 0, v, 4, n, 1);
}
EXPORT CUresult cuMemsetD2D8(CUdeviceptr d, size_t p, unsigned char v, size_t w, size_t h) {
  API(cuMemsetD2D8);
  return fill(nullptr, true, d, p, v, 1, w, h);
}
EXPORT CUresult cuMemsetD2D32(CUdeviceptr d, size_t p, unsigned v, size_t w, size_t h) {
  API(cuMemsetD2D32);
  return fill(nullptr, true, d, p, v, 4, w, h);
}
