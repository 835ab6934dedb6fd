// A double of the OpenCL loader for tests: passes every call to the real one, counts objects that are alive, and from a
// chosen call on answers with an error, as a driver does whose device is lost. What waits or releases is done all the same.
//   gcc -shared -fPIC -o libopencl_double.so opencl_double.c
// OPENCL_DOUBLE_FAIL="NAME NTH STATUS" chooses the NTH call of that name; openclDoubleFail the NTH call of all.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int calls, alive, lost;
static int fail_at, fail_status;
static char fail_name[64];
static const char* first_failed = "";

// ---- for the test ----
void openclDoubleFail(int nth, int status) {
  calls = lost = 0;
  fail_at = nth;
  fail_status = status;
  fail_name[0] = 0;
  first_failed = "";
}
int openclDoubleAlive(void) { return alive; }
const char* openclDoubleFailed(void) { return first_failed; }

__attribute__((constructor)) static void from_environment(void) {
  const char* text = getenv("OPENCL_DOUBLE_FAIL");
  if (text && sscanf(text, "%63s %d %d", fail_name, &fail_at, &fail_status) != 3) abort();
}

static void* real(const char* name) {
  static void* library;
  if (!library) library = dlopen("libOpenCL.so.1", RTLD_NOW);
  void* f = library ? dlsym(library, name) : NULL;
  if (!f) fprintf(stderr, "no real %s\n", name), abort();
  return f;
}

// The status to answer with instead of doing anything; 0 while the device is there.
static int failing(const char* name) {
  if (!lost && fail_at && (!fail_name[0] || !strcmp(name, fail_name)) && ++calls == fail_at) {
    lost = 1;
    first_failed = name;
  }
  return lost ? fail_status : 0;
}

#define REAL(name, params) ((int(*) params)real(#name))
#define QUERY(name, params, args) \
  int name params { return REAL(name, params) args; }
#define CALL(name, params, args)                  \
  int name params {                               \
    int status = failing(#name);                  \
    return status ? status : REAL(name, params) args; \
  }
#define CREATE(name, params, args)                       \
  void* name params {                                    \
    if ((*status = failing(#name))) return NULL;         \
    void* made = ((void* (*)params)real(#name))args;     \
    if (*status == 0) alive++;                           \
    return made;                                         \
  }
#define RELEASE(name)                          \
  int name(void* o) {                          \
    int status = failing(#name);               \
    int done = REAL(name, (void*))(o);         \
    alive--;                                   \
    return status ? status : done;             \
  }

typedef uint64_t bits;
QUERY(clGetPlatformIDs, (unsigned n, void* ids, void* count), (n, ids, count))
QUERY(clGetPlatformInfo, (void* p, unsigned what, size_t n, void* v, size_t* size), (p, what, n, v, size))
QUERY(clGetDeviceIDs, (void* p, bits type, unsigned n, void* ids, void* count), (p, type, n, ids, count))
QUERY(clGetDeviceInfo, (void* d, unsigned what, size_t n, void* v, size_t* size), (d, what, n, v, size))
CREATE(clCreateContext, (const void* p, unsigned n, const void* d, void* notify, void* data, int* status), (p, n, d, notify, data, status))
CREATE(clCreateCommandQueue, (void* c, void* d, bits how, int* status), (c, d, how, status))
CREATE(clCreateBuffer, (void* c, bits flags, size_t n, void* host, int* status), (c, flags, n, host, status))
CREATE(clCreateSubBuffer, (void* b, bits flags, unsigned type, const void* info, int* status), (b, flags, type, info, status))
CREATE(clCreateProgramWithSource, (void* c, unsigned n, const char** text, const size_t* sizes, int* status), (c, n, text, sizes, status))
CREATE(clCreateProgramWithBinary, (void* c, unsigned n, void* d, const size_t* sizes, const void* text, int* each, int* status), (c, n, d, sizes, text, each, status))
CREATE(clCreateKernel, (void* p, const char* name, int* status), (p, name, status))
CALL(clBuildProgram, (void* p, unsigned n, const void* d, const char* options, void* notify, void* data), (p, n, d, options, notify, data))
CALL(clGetProgramInfo, (void* p, unsigned what, size_t n, void* v, size_t* size), (p, what, n, v, size))
CALL(clGetProgramBuildInfo, (void* p, void* d, unsigned what, size_t n, void* v, size_t* size), (p, d, what, n, v, size))
CALL(clSetKernelArg, (void* k, unsigned i, size_t n, const void* v), (k, i, n, v))
CALL(clEnqueueReadBuffer, (void* q, void* b, unsigned wait, size_t at, size_t n, void* to, unsigned w, const void* l, void* e), (q, b, wait, at, n, to, w, l, e))
CALL(clEnqueueWriteBuffer, (void* q, void* b, unsigned wait, size_t at, size_t n, const void* from, unsigned w, const void* l, void* e), (q, b, wait, at, n, from, w, l, e))
CALL(clEnqueueFillBuffer, (void* q, void* b, const void* x, size_t each, size_t at, size_t n, unsigned w, const void* l, void* e), (q, b, x, each, at, n, w, l, e))
CALL(clFlush, (void* q), (q))
CALL(clGetEventProfilingInfo, (void* e, unsigned what, size_t n, void* v, size_t* size), (e, what, n, v, size))
RELEASE(clReleaseContext)
RELEASE(clReleaseCommandQueue)
RELEASE(clReleaseMemObject)
RELEASE(clReleaseProgram)
RELEASE(clReleaseKernel)
RELEASE(clReleaseEvent)

int clFinish(void* q) {
  int status = failing("clFinish");
  int done = REAL(clFinish, (void*))(q);
  return status ? status : done;
}

typedef int Enqueue(void*, void*, unsigned, const size_t*, const size_t*, const size_t*, unsigned, const void*, void*);
int clEnqueueNDRangeKernel(void* q, void* k, unsigned dims, const size_t* from, const size_t* global, const size_t* local, unsigned w, const void* l, void* event) {
  int status = failing("clEnqueueNDRangeKernel");
  if (!status) status = ((Enqueue*)real("clEnqueueNDRangeKernel"))(q, k, dims, from, global, local, w, l, event);
  if (!status && event) alive++;
  return status;
}
