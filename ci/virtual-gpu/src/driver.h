// The driver's objects: contexts, modules, streams, events, graphs, and the queue of work they
// share.
#pragma once
#include <cuda.h>

#include <functional>
#include <list>
#include <mutex>

#include "launch.h"
#include "report.h"

namespace vgpu {

struct Context;
struct Module;
struct Stream;
struct Graph;
struct Node;
struct Capture;

struct Function_ {
  Module* module;
  const Kernel* kernel;
  u32 max_dynamic = 48 * 1024;
};

using KernelTable = std::map<std::string, std::shared_ptr<Kernel>>;
struct Module {
  Context* ctx;
  std::shared_ptr<const PtxModule> ptx;
  KernelTable kernels;
  std::map<std::string, std::unique_ptr<Function_>> functions;
  std::map<std::string, std::pair<u64, u64>> globals;  // address, size
  std::vector<u64> memory;
};

// What one unit of work does; streams run it, graphs keep it.
struct Work {
  enum Kind { Kernel, Copy, Set, Host, Record, Empty, Free } kind = Empty;
  Function_* fn = nullptr;
  u32 grid[3] = {1, 1, 1}, block[3] = {1, 1, 1}, shared = 0;
  bool cooperative = false;
  std::string label;
  std::vector<u8> params;
  u64 dst = 0, src = 0, bytes = 0;
  u64 dpitch = 0, spitch = 0, rows = 1;     // 2-D copies and sets
  std::shared_ptr<std::vector<u8>> staged;  // a pageable source, copied at call time
  u32 value = 0, elem = 1;
  CUhostFn host = nullptr;
  void* user = nullptr;
  CUevent event = nullptr;
};

struct Task {
  Work work;
  Context* ctx;
  Order order;
  std::vector<std::shared_ptr<Task>> deps;
  std::unique_ptr<Launch> launch;
  bool done = false, from_graph = false, peer_ok = true;
  u64 finished_at = 0;
};
using TaskRef = std::shared_ptr<Task>;

struct Event {
  Context* ctx;
  unsigned flags;
  TaskRef task;  // the last record
  Capture* capture = nullptr;
  std::vector<Node*> nodes;  // what was captured before the record
};

struct Stream {
  Context* ctx;
  unsigned flags = 0;
  int priority = 0;
  bool legacy = false;
  TaskRef last;
  Capture* capture = nullptr;
  std::vector<Node*> tail;  // capture: what the next node depends on
};

struct Context {
  int device;
  unsigned flags = 0;
  bool primary = false;
  int refs = 0;
  u32 peers = 0;
  int fault = 0;
  Stream null_stream, thread_stream;
  std::map<int, size_t> limits;
};

struct Node {
  Graph* graph;
  Work work;
  std::vector<Node*> deps;
  u32 index;
};
struct Graph {
  std::vector<std::unique_ptr<Node>> nodes;
};
struct GraphExec {
  Context* ctx;
  struct Step {
    Work work;
    std::vector<u32> deps;
    const Node* from;
  };
  std::vector<Step> steps;
};
struct Capture {
  std::unique_ptr<Graph> graph;
  CUstreamCaptureMode mode;
  Stream* origin;
  std::vector<Stream*> streams;
  bool broken = false;
  u64 id;
};

struct Driver {
  std::recursive_mutex mu;
  bool ready = false;
  int devices = 1;
  const Profile* profile = nullptr;
  std::vector<std::unique_ptr<Context>> primary;
  std::set<Context*> contexts;
  std::set<Module*> modules;
  std::set<Function_*> functions;
  std::set<Stream*> streams;
  std::set<Event*> events;
  std::set<Graph*> graphs;
  std::set<GraphExec*> execs;
  std::map<const void*, Node*> nodes;
  std::set<Capture*> captures;
  std::list<TaskRef> pending;
  u64 clock_ns = 0, next_capture = 1;
  u32 next_launch = 1;
};
Driver& driver();
std::vector<Context*>& context_stack();
Context* current();

// `also`: a task of another stream that the work comes after.
CUresult enqueue(Stream* s, Work w, const TaskRef& also = nullptr);
void drive(const std::function<bool()>& until);  // runs queued work until the condition holds
bool idle(Context* c);
void wait_stream(Stream* s);
void wait_task(const TaskRef& t);
// For all work of a context. Kernels of other devices may go on waiting for what this thread does
// next.
void wait_context(Context* c);
Stream* stream_of(CUstream h, CUresult* err);
CUresult capture_guard();  // an error when a capture forbids unsafe calls now
CUresult check_launch(const Work& w);
Launch* make_launch(const Work& w, Context* c);
CUresult launch_graph(GraphExec* e, Stream* s);
u32 occupancy(const Kernel& k, u32 threads, u32 shared);
void* proc_address(const char* name);
const char* profile_name();
std::string& launch_label();  // of this host thread

struct Call {  // every entry point: counts, locks, and says whether the driver is up
  std::unique_lock<std::recursive_mutex> lock;
  CUresult bad;
  explicit Call(const char* name, bool needs_context = true);
};
#define API(name, ...)              \
  Call call_(#name, ##__VA_ARGS__); \
  if (call_.bad != CUDA_SUCCESS) return call_.bad
#define NEED(cond) \
  if (!(cond)) return CUDA_ERROR_INVALID_VALUE
}  // namespace vgpu

#define EXPORT extern "C" __attribute__((visibility("default")))
