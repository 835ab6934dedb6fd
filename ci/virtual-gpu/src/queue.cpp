// Work in stream order. Whoever waits runs it: no thread of its own, so one host thread gives one
// schedule.
#include <string.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "driver.h"

namespace vgpu {

Driver& driver() {
  static Driver* d = new Driver;
  return *d;
}
std::vector<Context*>& context_stack() {
  static thread_local std::vector<Context*> s;
  return s;
}
std::string& launch_label() {
  static thread_local std::string s;
  return s;
}
Context* current() {
  auto& s = context_stack();
  return s.empty() ? nullptr : s.back();
}

static u32 g_host_threads;
u32 host_threads() { return g_host_threads; }

// One call that is to fail: the left-th from now on that has this name, or any name but those that
// give something back.
struct PlannedFailure {
  std::string name;
  unsigned left = 0;
  int code = 0;

  bool now(const char* called) {
    if (!left || (name.empty() ? gives_back(called) : name != called)) return false;
    return --left == 0;
  }
  static bool gives_back(const char* called) {
    for (const char* what : {"Free", "Destroy", "Unload", "Release", "EndCapture", "GetErrorName"})
      if (strstr(called, what)) return true;
    return false;
  }
};
static PlannedFailure& planned_failure() {
  static PlannedFailure f;
  return f;
}

Call::Call(const char* name, bool needs_context) : lock(driver().mu), bad(CUDA_SUCCESS) {
  static thread_local bool known = false;
  if (!known) known = true, g_host_threads++;
  {
    std::lock_guard<std::mutex> l(ledger().mu);
    ledger().api[name]++;
  }
  if (options().trace) fprintf(stderr, "vgpu: %s\n", name);
  Driver& d = driver();
  if (!d.ready)
    bad = CUDA_ERROR_NOT_INITIALIZED;
  else if (needs_context) {
    Context* c = current();
    if (!c || !d.contexts.count(c))
      bad = CUDA_ERROR_INVALID_CONTEXT;
    else if (c->fault)
      bad = (CUresult)c->fault;
  }
  if (bad == CUDA_SUCCESS && planned_failure().now(name)) bad = (CUresult)planned_failure().code;
}

static void count_host(const char* what, u64 n = 1) {
  std::lock_guard<std::mutex> l(ledger().mu);
  ledger().host[what] += n;
}

// ---- copies and sets ----

static int place_of(u64 p) {
  const Alloc* a = memory().find(p);
  return a ? a->device : -1;
}
static void note_copy(u64 dst, u64 src, u64 n) {
  int d = place_of(dst), s = place_of(src);
  count_host(d >= 0 && s >= 0 ? (d == s ? "copy.d2d.bytes" : "copy.p2p.bytes")
             : d >= 0         ? "copy.h2d.bytes"
             : s >= 0         ? "copy.d2h.bytes"
                              : "copy.h2h.bytes",
             n);
}
static bool range_ok(u64 p, u64 n) {
  if (!memory().in_window(p)) return true;
  const Alloc* a = memory().find(p);
  return a && p + n <= a->base + a->size;
}
static u8* bytes_at(u64 p) { return memory().in_window(p) ? memory().device_bytes(p) : (u8*)p; }

static void copy_row(u64 dst, u64 src, const u8* staged, u64 n) {
  Memory& m = memory();
  memmove(bytes_at(dst), staged ? staged : bytes_at(src), n);
  if (!m.in_window(dst)) return;
  if (!staged && m.in_window(src) && !m.written(src, n)) {  // holes stay holes
    for (u64 i = 0; i < n; i++)
      if (m.written(src + i, 1)) m.mark(dst + i, 1);
  } else {
    m.mark(dst, n);
  }
}

static int race_found() { return options().strict ? 719 : 0; }

// The device bytes that rows of a copy or set touch.
static void add_span(std::vector<Span>& v, u64 at, u64 row, u64 rows, u64 pitch, bool write) {
  if (!memory().in_window(at)) return;
  if (rows <= 1 || pitch == row)
    v.push_back({at, at + row * std::max<u64>(1, rows), write});
  else
    for (u64 r = 0; r < rows; r++) v.push_back({at + r * pitch, at + r * pitch + row, write});
}

static int run_simple(Task& t) {
  Work& w = t.work;
  Driver& d = driver();
  switch (w.kind) {
    case Work::Copy: {
      u64 dn = w.rows > 1 ? (w.rows - 1) * w.dpitch + w.bytes : w.bytes,
          sn = w.rows > 1 ? (w.rows - 1) * w.spitch + w.bytes : w.bytes;
      if (!range_ok(w.dst, dn) || (!w.staged && !range_ok(w.src, sn))) {
        report_host("MEM-OOB", Severity::Error,
                    "copy of " + std::to_string(w.bytes) + " bytes leaves its allocation: " +
                        memory().describe(!range_ok(w.dst, dn) ? w.dst : w.src));
        return 700;
      }
      for (u64 r = 0; r < w.rows; r++)
        copy_row(w.dst + r * w.dpitch, w.src + r * w.spitch,
                 w.staged ? w.staged->data() + r * w.bytes : nullptr, w.bytes);
      note_copy(w.dst, w.staged ? 0 : w.src, w.bytes * w.rows);
      d.clock_ns += 1000 + w.bytes * w.rows / 16;
      std::vector<Span> spans;
      add_span(spans, w.dst, w.bytes, w.rows, w.dpitch, true);
      if (!w.staged) add_span(spans, w.src, w.bytes, w.rows, w.spitch, false);
      return copy_race(t.order, t.ctx->device, spans,
                       "a copy of " + std::to_string(w.bytes * w.rows) + " bytes")
                 ? race_found()
                 : 0;
    }
    case Work::Set: {
      u64 row = w.bytes * w.elem;
      if (!range_ok(w.dst, w.rows > 1 ? (w.rows - 1) * w.dpitch + row : row)) {
        report_host("MEM-OOB", Severity::Error,
                    "memset leaves its allocation: " + memory().describe(w.dst));
        return 700;
      }
      for (u64 r = 0; r < w.rows; r++) {
        u8* p = bytes_at(w.dst + r * w.dpitch);
        if (w.elem == 1)
          memset(p, (int)w.value, w.bytes);
        else
          for (u64 i = 0; i < w.bytes; i++) memcpy(p + i * w.elem, &w.value, w.elem);
        memory().mark(w.dst + r * w.dpitch, row);
      }
      d.clock_ns += 1000 + row * w.rows / 16;
      std::vector<Span> spans;
      add_span(spans, w.dst, row, w.rows, w.dpitch, true);
      return copy_race(t.order, t.ctx->device, spans,
                       "a set of " + std::to_string(row * w.rows) + " bytes")
                 ? race_found()
                 : 0;
    }
    case Work::Host: {
      CUhostFn f = w.host;
      void* u = w.user;
      f(u);
      return 0;
    }
    case Work::Free:
      memory().release(w.dst);
      return 0;
    default:
      return 0;
  }
}

// ---- the queue ----

static void poison(Context* c, int code) {
  if (!c->fault) c->fault = code;
}

// Processor time of this thread: a busy machine does not change it much.
static double thread_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static Random g_random;  // picks among streams in fuzz mode

// Returns true when anything moved.
static bool pass() {
  Driver& d = driver();
  bool moved = false;
  // A host function may enqueue nothing (CUDA forbids it), so the list only grows at its end.
  for (auto it = d.pending.begin(); it != d.pending.end();) {
    TaskRef t = *it;
    t->deps.erase(
        std::remove_if(t->deps.begin(), t->deps.end(), [](const TaskRef& x) { return x->done; }),
        t->deps.end());
    if (!t->deps.empty() || (options().fuzz && g_random(2))) {
      ++it;
      continue;
    }
    if (t->ctx->fault) {
      t->done = true;
    } else if (t->work.kind == Work::Kernel) {
      if (!t->launch)
        t->launch.reset(make_launch(t->work, t->ctx)), t->launch->from_graph = t->from_graph,
                                                       t->launch->order = &t->order;
      Launch& l = *t->launch;
      double begin = thread_seconds();
      u64 before = l.total_steps;
      for (;;) {
        bool p = l.step();
        moved |= p;
        if (l.finished || !p || (l.fuzz && !l.random(8))) break;
      }
      l.seconds += thread_seconds() - begin;
      d.clock_ns += l.total_steps - before;
      if (l.finished) {
        t->done = true;
        {
          std::lock_guard<std::mutex> lock(ledger().mu);
          if (!ledger().launches.empty()) ledger().launches.back().seconds = l.seconds;
        }
        d.clock_ns += 2000;
        if (l.fault && (options().strict || l.fault != 719 || !l.error_reported))
          poison(t->ctx, l.fault);
        t->launch.reset();
      }
    } else {
      int e = run_simple(*t);
      if (e) poison(t->ctx, e);
      t->done = true;
    }
    if (t->done) {
      t->finished_at = d.clock_ns;
      t->deps.clear();
      moved = true;
      it = d.pending.erase(it);
    } else {
      ++it;
    }
  }
  return moved;
}

void drive(const std::function<bool()>& until) {
  Driver& d = driver();
  while (!until()) {
    if (d.pending.empty()) return;
    if (pass() || until() || options().fuzz) continue;
    // Every running kernel only polls: another host thread may be about to launch what they wait
    // for.
    d.mu.unlock();
    std::this_thread::sleep_for(std::chrono::microseconds(20));
    d.mu.lock();
  }
}

bool idle(Context* c) {
  return std::none_of(driver().pending.begin(), driver().pending.end(),
                      [&](const TaskRef& t) { return t->ctx == c; });
}
void wait_stream(Stream* s) {
  TaskRef last = s->last;
  if (!last) return;
  if (s->legacy) {  // the legacy stream covers every blocking stream of its context
    Context* c = s->ctx;
    std::vector<TaskRef> all{last};
    for (Stream* x : driver().streams)
      if (x->ctx == c && !(x->flags & CU_STREAM_NON_BLOCKING) && x->last) all.push_back(x->last);
    drive([&] { return std::all_of(all.begin(), all.end(), [](auto& t) { return t->done; }); });
    for (auto& t : all) host_waited(t->order);
  } else {
    wait_task(last);
  }
}
void wait_task(const TaskRef& t) {
  drive([&] { return t->done; });
  host_waited(t->order);
}
void wait_context(Context* c) {
  drive([&] { return idle(c); });
  host_waited_all(c);
}

static void put_behind(const TaskRef& t, const std::vector<TaskRef>& before) {
  std::vector<const Order*> orders;
  for (auto& b : before) {
    if (!b) continue;
    orders.push_back(&b->order);
    if (!b->done) t->deps.push_back(b);
  }
  place(t->order, orders, t->ctx);
}
static void add(Stream* s, TaskRef t, const TaskRef& also) {
  Driver& d = driver();
  Context* c = s->ctx;
  std::vector<TaskRef> before{s->last};
  if (s->legacy) {
    for (Stream* x : d.streams)
      if (x->ctx == c && !(x->flags & CU_STREAM_NON_BLOCKING)) before.push_back(x->last);
    before.push_back(c->thread_stream.last);
  } else if (!(s->flags & CU_STREAM_NON_BLOCKING)) {
    before.push_back(c->null_stream.last);
  }
  before.push_back(also);
  put_behind(t, before);
  s->last = t;
  d.pending.push_back(t);
}

CUresult enqueue(Stream* s, Work w, const TaskRef& also) {
  Driver& d = driver();
  if (s->capture) {
    Capture* c = s->capture;
    if (c->broken) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (w.kind == Work::Free) {
      c->broken = true;
      return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    auto n = std::make_unique<Node>();
    n->graph = c->graph.get();
    n->work = std::move(w);
    n->deps = s->tail;
    n->index = (u32)c->graph->nodes.size();
    s->tail = {n.get()};
    d.nodes[n.get()] = n.get();
    c->graph->nodes.push_back(std::move(n));
    return CUDA_SUCCESS;
  }
  if (s->legacy)
    for (Capture* c : d.captures)
      if (c->origin->ctx == s->ctx && !(c->origin->flags & CU_STREAM_NON_BLOCKING)) {
        c->broken = true;
        return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
      }
  auto t = std::make_shared<Task>();
  t->ctx = s->ctx;
  if (w.kind == Work::Kernel) count_host("launches");
  t->work = std::move(w);
  add(s, t, also);
  return CUDA_SUCCESS;
}

CUresult launch_graph(GraphExec* e, Stream* s) {
  count_host("graph.launches");
  TaskRef before = std::make_shared<Task>();
  before->ctx = s->ctx;
  add(s, before, nullptr);
  std::vector<TaskRef> made;
  std::vector<bool> leaf(e->steps.size(), true);
  for (auto& st : e->steps) {
    auto t = std::make_shared<Task>();
    t->ctx = s->ctx;
    t->work = st.work;
    if (!launch_label().empty()) t->work.label = launch_label();
    t->from_graph = true;
    if (st.work.kind == Work::Kernel) count_host("graph.kernels");
    std::vector<TaskRef> behind;
    for (u32 i : st.deps) behind.push_back(made[i]), leaf[i] = false;
    if (behind.empty()) behind.push_back(before);
    put_behind(t, behind);
    made.push_back(t);
    driver().pending.push_back(t);
  }
  auto after = std::make_shared<Task>();
  after->ctx = s->ctx;
  std::vector<TaskRef> leaves;
  for (size_t i = 0; i < made.size(); i++)
    if (leaf[i]) leaves.push_back(made[i]);
  if (leaves.empty()) leaves.push_back(before);
  put_behind(after, leaves);
  s->last = after;
  driver().pending.push_back(after);
  return CUDA_SUCCESS;
}

Stream* stream_of(CUstream h, CUresult* err) {
  *err = CUDA_SUCCESS;
  Context* c = current();
  if (h == nullptr || h == CU_STREAM_LEGACY) return &c->null_stream;
  if (h == CU_STREAM_PER_THREAD) return &c->thread_stream;
  auto* s = (Stream*)h;
  if (!driver().streams.count(s)) {
    *err = CUDA_ERROR_INVALID_HANDLE;
    return nullptr;
  }
  if (s->ctx->fault) {
    *err = (CUresult)s->ctx->fault;
    return nullptr;
  }
  return s;
}

CUresult capture_guard() {
  for (Capture* c : driver().captures)
    if (c->mode != CU_STREAM_CAPTURE_MODE_RELAXED) {
      c->broken = true;
      return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
  return CUDA_SUCCESS;
}
}  // namespace vgpu

// The nth call from now (1: the next) of this entry point fails with `code` and does nothing; null
// or "": of any that takes something or starts work. 0 ends it. Returns how many calls an earlier
// plan still had to go, 0 if its failure came.
EXPORT unsigned vgpuFail(const char* name, unsigned nth, int code) {
  std::lock_guard<std::recursive_mutex> lock(vgpu::driver().mu);
  unsigned left = vgpu::planned_failure().left;
  vgpu::planned_failure() = {name ? name : "", nth, code};
  return left;
}
