// A double of NCCL for tests: not NCCL. Ranks are threads of one process; sums go through host memory by the CUDA driver
// that the test names, or only zeros are queued, which a captured stream allows. It writes down every call, checks the unique id, which travels by value, and can be told to fail.
//   gcc -shared -fPIC -o libnccl.so.2 nccl_double.c
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { char internal[128]; } ncclUniqueId;
enum { RANKS = 8, LOG = 1 << 20 };

typedef struct {
  int world, joined, arrived, aborted;
  unsigned generation;
  float* parts[RANKS];
  size_t count;
} Group;
typedef struct { Group* group; int rank; } Comm;

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static char log_text[LOG];
static size_t log_size;
static int async_error, record_only;
static uint64_t next_id = 1;
static Group* groups[64];
static int (*sync_stream)(void*), (*to_host)(void*, uint64_t, size_t), (*to_device)(uint64_t, const void*, size_t);
static int (*set_async)(uint64_t, unsigned char, size_t, void*);

static void note(const char* format, ...) {
  va_list a;
  va_start(a, format);
  if (log_size < LOG - 256) log_size += vsnprintf(log_text + log_size, 256, format, a);
  va_end(a);
}

// ---- for the test ----
int ncclDoubleCuda(const char* path) {
  void* lib = dlopen(path, RTLD_NOW);
  if (!lib) return 1;
  sync_stream = (int (*)(void*))dlsym(lib, "cuStreamSynchronize");
  to_host = (int (*)(void*, uint64_t, size_t))dlsym(lib, "cuMemcpyDtoH_v2");
  to_device = (int (*)(uint64_t, const void*, size_t))dlsym(lib, "cuMemcpyHtoD_v2");
  set_async = (int (*)(uint64_t, unsigned char, size_t, void*))dlsym(lib, "cuMemsetD8Async");
  return !set_async || !sync_stream || !to_host || !to_device;
}
const char* ncclDoubleLog(void) { return log_text; }
void ncclDoubleReset(int only_record, int error) {
  pthread_mutex_lock(&mu);
  log_size = 0, log_text[0] = 0, record_only = only_record, async_error = error;
  pthread_mutex_unlock(&mu);
}

// ---- NCCL's own functions ----
int ncclGetVersion(int* v) { *v = 22707; return 0; }
const char* ncclGetErrorString(int code) { return code == 0 ? "no error" : "made up by the double"; }
const char* ncclGetLastError(void* c) { (void)c; return ""; }

int ncclGetUniqueId(ncclUniqueId* id) {
  pthread_mutex_lock(&mu);
  memset(id, 0x5a, sizeof *id);
  memcpy(id->internal, &next_id, 8);
  note("unique_id\n");
  groups[next_id & 63] = calloc(1, sizeof(Group));
  next_id++;
  pthread_mutex_unlock(&mu);
  return 0;
}

int ncclCommInitRank(void** comm, int world, ncclUniqueId id, int rank) {
  uint64_t number;
  memcpy(&number, id.internal, 8);
  for (int i = 8; i < 128; i++)
    if (id.internal[i] != 0x5a) return 4;
  if (number == 0 || number >= next_id || rank < 0 || rank >= world || world > RANKS) return 4;
  pthread_mutex_lock(&mu);
  Comm* c = malloc(sizeof *c);
  c->group = groups[number & 63];
  c->rank = rank;
  c->group->world = world;
  c->group->joined++;
  note("%d init of %d\n", rank, world);
  pthread_cond_broadcast(&changed);
  while (c->group->joined < world && !c->group->aborted) pthread_cond_wait(&changed, &mu);
  pthread_mutex_unlock(&mu);
  *comm = c;
  return 0;
}

// Under the lock: all ranks meet. 6 (remote error) if the group was aborted.
static int meet(Group* g) {
  unsigned mine = g->generation;
  if (++g->arrived == g->world) {
    g->arrived = 0;
    g->generation++;
    pthread_cond_broadcast(&changed);
  }
  while (g->generation == mine && !g->aborted) pthread_cond_wait(&changed, &mu);
  return g->aborted ? 6 : 0;
}

// Every rank's part on the host, then `finish` on each rank, then nobody frees before all have read.
static int exchange(Comm* c, uint64_t send, size_t count, void* stream, int gather, uint64_t receive) {
  Group* g = c->group;
  float* part = malloc(4 * count);
  if (sync_stream(stream) || to_host(part, send, 4 * count)) return 1;
  pthread_mutex_lock(&mu);
  g->parts[c->rank] = part;
  int code = meet(g);
  pthread_mutex_unlock(&mu);
  if (!code) {
    float* out = malloc(4 * count * (gather ? g->world : 1));
    if (gather) {
      for (int r = 0; r < g->world; r++) memcpy(out + r * count, g->parts[r], 4 * count);
    } else {
      for (size_t i = 0; i < count; i++) {
        out[i] = g->parts[0][i];
        for (int r = 1; r < g->world; r++) out[i] += g->parts[r][i];
      }
    }
    if (to_device(receive, out, 4 * count * (gather ? g->world : 1))) code = 1;
    free(out);
    pthread_mutex_lock(&mu);
    int again = meet(g);
    pthread_mutex_unlock(&mu);
    code = code ? code : again;
  }
  free(part);
  return code;
}

int ncclAllReduce(uint64_t send, uint64_t receive, size_t count, int type, int op, void* comm, void* stream) {
  Comm* c = comm;
  pthread_mutex_lock(&mu);
  note("%d all_reduce %zu type %d op %d\n", c->rank, count, type, op);
  pthread_mutex_unlock(&mu);
  if (type != 7 || op != 0) return 4;
  return record_only ? set_async(receive, 0, 4 * count, stream) : exchange(c, send, count, stream, 0, receive);
}
int ncclAllGather(uint64_t send, uint64_t receive, size_t count, int type, void* comm, void* stream) {
  Comm* c = comm;
  pthread_mutex_lock(&mu);
  note("%d all_gather %zu type %d\n", c->rank, count, type);
  pthread_mutex_unlock(&mu);
  if (type != 7) return 4;
  return record_only ? set_async(receive, 0, 4 * count * c->group->world, stream) : exchange(c, send, count, stream, 1, receive);
}
int ncclCommGetAsyncError(void* comm, int* error) { (void)comm; *error = async_error; return 0; }

static int end(void* comm, const char* how, int abort, int release) {
  Comm* c = comm;
  pthread_mutex_lock(&mu);
  note("%d %s\n", c->rank, how);
  if (abort) c->group->aborted = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mu);
  if (release) free(c);
  return 0;
}
int ncclCommFinalize(void* comm) { return end(comm, "finalize", 0, 0); }
int ncclCommDestroy(void* comm) { return end(comm, "destroy", 0, 1); }
int ncclCommAbort(void* comm) { return end(comm, "abort", 1, 1); }
