// A double of cuBLASLt for tests: not cuBLASLt. It writes down every call and multiplies on the host, with copies by the CUDA
// driver that the test names; while the stream is captured only zeros are queued.
//   gcc -shared -fPIC -o libcublasLt.so.13 cublaslt_double.c
#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG = 1 << 20, R_32F = 0, R_16F = 2, R_16BF = 14, OP_T = 1, TRANSA = 3 };

typedef struct { int type; uint64_t rows, cols; int64_t ld; } Layout;
typedef struct { int transposeA, transposeB; } Desc;

static char log_text[LOG];
static size_t log_size;
static int alive, no_algorithm;
static int (*sync_stream)(void*), (*to_host)(void*, uint64_t, size_t), (*to_device)(uint64_t, const void*, size_t);
static int (*capturing)(void*, int*), (*set_async)(uint64_t, unsigned char, size_t, void*);

static void note(const char* format, ...) {
  va_list a;
  va_start(a, format);
  if (log_size < LOG - 256) log_size += vsnprintf(log_text + log_size, 256, format, a);
  va_end(a);
}

// ---- for the test ----
int cublasLtDoubleCuda(const char* path) {
  void* lib = dlopen(path, RTLD_NOW);
  if (!lib) return 1;
  sync_stream = (int (*)(void*))dlsym(lib, "cuStreamSynchronize");
  to_host = (int (*)(void*, uint64_t, size_t))dlsym(lib, "cuMemcpyDtoH_v2");
  to_device = (int (*)(uint64_t, const void*, size_t))dlsym(lib, "cuMemcpyHtoD_v2");
  capturing = (int (*)(void*, int*))dlsym(lib, "cuStreamIsCapturing");
  set_async = (int (*)(uint64_t, unsigned char, size_t, void*))dlsym(lib, "cuMemsetD8Async");
  return !sync_stream || !to_host || !to_device || !capturing || !set_async;
}
const char* cublasLtDoubleLog(void) { return log_text; }
void cublasLtDoubleReset(int without_algorithms) { log_size = 0, log_text[0] = 0, no_algorithm = without_algorithms; }
int cublasLtDoubleAlive(void) { return alive; }

// ---- cuBLASLt's own functions ----
const char* cublasLtGetStatusString(int code) { return code ? "made up by the double" : "success"; }
int cublasLtCreate(void** handle) { alive++; *handle = malloc(1); note("create\n"); return 0; }
int cublasLtDestroy(void* handle) { alive--; free(handle); note("destroy\n"); return 0; }
int cublasLtMatmulPreferenceCreate(void** p) { alive++; *p = malloc(1); return 0; }
int cublasLtMatmulPreferenceDestroy(void* p) { alive--; free(p); return 0; }
int cublasLtMatmulPreferenceSetAttribute(void* p, int attribute, const void* v, size_t size) {
  note("workspace %llu\n", attribute == 1 && size == 8 ? (unsigned long long)*(const uint64_t*)v : 0);
  return p ? 0 : 7;
}
int cublasLtMatmulDescCreate(void** d, int compute, int scale) {
  note("describe compute %d scale %d\n", compute, scale);
  alive++;
  *d = calloc(1, sizeof(Desc));
  return 0;
}
int cublasLtMatmulDescDestroy(void* d) { alive--; free(d); return 0; }
int cublasLtMatmulDescSetAttribute(void* d, int attribute, const void* v, size_t size) {
  if (size != 4 || (attribute != TRANSA && attribute != TRANSA + 1)) return 7;
  (attribute == TRANSA ? &((Desc*)d)->transposeA : &((Desc*)d)->transposeB)[0] = *(const int*)v == OP_T;
  return 0;
}
int cublasLtMatrixLayoutCreate(void** l, int type, uint64_t rows, uint64_t cols, int64_t ld) {
  Layout* a = malloc(sizeof(Layout));
  *a = (Layout){type, rows, cols, ld};
  alive++;
  *l = a;
  return 0;
}
int cublasLtMatrixLayoutDestroy(void* l) { alive--; free(l); return 0; }
// the result is an algorithm of 64 bytes, the workspace's size, a status, waves, reserved words
int cublasLtMatmulAlgoGetHeuristic(void* h, void* d, void* a, void* b, void* c, void* e, void* p, int wanted, void* results, int* found) {
  (void)h, (void)d, (void)a, (void)b, (void)c, (void)e, (void)p;
  *found = no_algorithm || wanted < 1 ? 0 : 1;
  if (*found) {
    memset(results, 0x5a, 64);
    *(uint64_t*)((char*)results + 64) = 4096;
  }
  return no_algorithm ? 15 : 0;
}

static float value(const uint16_t* p, size_t i, int type) {
  if (type == R_16BF) {
    uint32_t bits = (uint32_t)p[i] << 16;
    float f;
    memcpy(&f, &bits, 4);
    return f;
  }
  _Float16 h;
  memcpy(&h, p + i, 2);
  return (float)h;
}

int cublasLtMatmul(void* h, void* d, const float* alpha, uint64_t A, void* la, uint64_t B, void* lb, const float* beta, uint64_t C,
                   void* lc, uint64_t D, void* ld, const void* algorithm, uint64_t workspace, size_t bytes, void* stream) {
  (void)h, (void)lc;
  Desc* t = d;
  Layout *a = la, *b = lb, *y = ld;
  uint64_t m = t->transposeA ? a->cols : a->rows, k = t->transposeA ? a->rows : a->cols, n = t->transposeB ? b->rows : b->cols;
  int capture = 0;
  capturing(stream, &capture);
  note("multiply%s type %d: %llu x %llu x %llu, transposed %d %d, ld %lld %lld %lld, alpha %g beta %g, workspace %zu\n",
       capture ? " captured" : "", a->type, (unsigned long long)m, (unsigned long long)n, (unsigned long long)k, t->transposeA,
       t->transposeB, (long long)a->ld, (long long)b->ld, (long long)y->ld, *alpha, *beta, bytes);
  if (C != D || !workspace || ((const unsigned char*)algorithm)[0] != 0x5a || a->type != b->type || y->type != R_32F ||
      y->rows != m || y->cols != n || (t->transposeB ? b->cols : b->rows) != k)
    return 7;
  if (capture) return set_async(D, 0, 4 * y->ld * n, stream) ? 14 : 0;
  uint16_t *x = malloc(2 * a->ld * a->cols), *w = malloc(2 * b->ld * b->cols);
  float* out = malloc(4 * y->ld * n);
  int bad = sync_stream(stream) || to_host(x, A, 2 * a->ld * a->cols) || to_host(w, B, 2 * b->ld * b->cols);
  for (uint64_t j = 0; j < n && !bad; j++)
    for (uint64_t i = 0; i < m; i++) {
      float sum = 0;
      for (uint64_t e = 0; e < k; e++)
        sum += value(x, t->transposeA ? e + i * a->ld : i + e * a->ld, a->type) *
               value(w, t->transposeB ? j + e * b->ld : e + j * b->ld, b->type);
      out[i + j * y->ld] = *alpha * sum;
    }
  bad = bad || to_device(D, out, 4 * y->ld * n);
  free(x), free(w), free(out);
  return bad ? 14 : 0;
}
