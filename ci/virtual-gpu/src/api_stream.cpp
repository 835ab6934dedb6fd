// Streams and events. Event times come from a virtual clock: warp instructions run and bytes
// copied.
#include <algorithm>

#include "driver.h"

using namespace vgpu;

namespace {
Event* event_of(CUevent h) {
  auto* e = (Event*)h;
  return driver().events.count(e) ? e : nullptr;
}
}  // namespace

EXPORT CUresult cuStreamCreateWithPriority(CUstream* out, unsigned flags, int priority) {
  API(cuStreamCreateWithPriority);
  NEED(out && flags <= 1);
  auto* s = new Stream;
  s->ctx = current();
  s->flags = flags;
  s->priority = std::max(-5, std::min(0, priority));
  driver().streams.insert(s);
  *out = (CUstream)s;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuStreamCreate(CUstream* out, unsigned flags) {
  API(cuStreamCreate);
  return cuStreamCreateWithPriority(out, flags, 0);
}
EXPORT CUresult cuStreamDestroy(CUstream h) {
  API(cuStreamDestroy);
  auto* s = (Stream*)h;
  if (!driver().streams.count(s)) return CUDA_ERROR_INVALID_HANDLE;
  if (s->capture) s->capture->broken = true;
  driver().streams.erase(s);  // queued work goes on; its tasks hold what they need
  delete s;
  return CUDA_SUCCESS;
}
#define STREAM(h)                  \
  CUresult err_;                   \
  Stream* s = stream_of(h, &err_); \
  if (!s) return err_
EXPORT CUresult cuStreamSynchronize(CUstream h) {
  API(cuStreamSynchronize);
  STREAM(h);
  if (s->capture) {
    s->capture->broken = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  {
    std::lock_guard<std::mutex> l(ledger().mu);
    ledger().host["syncs"]++;
  }
  Context* c = s->ctx;
  wait_stream(s);
  return (CUresult)c->fault;
}
EXPORT CUresult cuStreamQuery(CUstream h) {
  API(cuStreamQuery);
  STREAM(h);
  if (s->capture) {
    s->capture->broken = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  if (!s->last || s->last->done) {
    if (s->last) host_waited(s->last->order);
    return CUDA_SUCCESS;
  }
  int turns = 0;
  drive([&] { return turns++ > 0; });  // asking lets the device get on
  return CUDA_ERROR_NOT_READY;
}
EXPORT CUresult cuStreamGetFlags(CUstream h, unsigned* f) {
  API(cuStreamGetFlags);
  NEED(f);
  STREAM(h);
  *f = s->flags;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuStreamGetPriority(CUstream h, int* p) {
  API(cuStreamGetPriority);
  NEED(p);
  STREAM(h);
  *p = s->priority;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuStreamGetCtx(CUstream h, CUcontext* c) {
  API(cuStreamGetCtx);
  NEED(c);
  STREAM(h);
  *c = (CUcontext)s->ctx;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuStreamGetId(CUstream h, unsigned long long* id) {
  API(cuStreamGetId);
  NEED(id);
  STREAM(h);
  *id = (unsigned long long)s;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuStreamWaitEvent(CUstream h, CUevent eh, unsigned) {
  API(cuStreamWaitEvent);
  STREAM(h);
  Event* e = event_of(eh);
  if (!e) return CUDA_ERROR_INVALID_HANDLE;
  if (e->capture && driver().captures.count(e->capture)) {
    if (s->legacy) return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    if (s->capture && s->capture != e->capture) {
      s->capture->broken = e->capture->broken = true;
      return CUDA_ERROR_STREAM_CAPTURE_MERGE;
    }
    if (!s->capture) s->capture = e->capture, s->tail.clear(), e->capture->streams.push_back(s);
    for (Node* n : e->nodes)
      if (std::find(s->tail.begin(), s->tail.end(), n) == s->tail.end()) s->tail.push_back(n);
    return CUDA_SUCCESS;
  }
  if (s->capture) {
    if (e->task && !e->task->done) {
      s->capture->broken = true;
      return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    }
    return CUDA_SUCCESS;
  }
  return e->task ? enqueue(s, Work{}, e->task) : CUDA_SUCCESS;
}
EXPORT CUresult cuStreamAddCallback(CUstream h, CUstreamCallback, void*, unsigned) {
  API(cuStreamAddCallback);
  STREAM(h);
  fprintf(stderr,
          "Gatun Virtual GPU: cuStreamAddCallback is not supported; use cuLaunchHostFunc\n");
  return CUDA_ERROR_NOT_SUPPORTED;
}

EXPORT CUresult cuEventCreate(CUevent* out, unsigned flags) {
  API(cuEventCreate);
  NEED(out && flags < 8);
  if (flags & CU_EVENT_INTERPROCESS) return CUDA_ERROR_NOT_SUPPORTED;
  auto* e = new Event{current(), flags, nullptr, nullptr, {}};
  driver().events.insert(e);
  *out = (CUevent)e;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuEventDestroy(CUevent h) {
  API(cuEventDestroy);
  Event* e = event_of(h);
  if (!e) return CUDA_ERROR_INVALID_HANDLE;
  driver().events.erase(e);
  delete e;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuEventRecord(CUevent h, CUstream sh) {
  API(cuEventRecord);
  STREAM(sh);
  Event* e = event_of(h);
  if (!e) return CUDA_ERROR_INVALID_HANDLE;
  if (s->capture) {
    e->capture = s->capture;
    e->nodes = s->tail;
    return CUDA_SUCCESS;
  }
  e->capture = nullptr;
  Work w;
  w.kind = Work::Record;
  if (CUresult r = enqueue(s, std::move(w))) return r;
  e->task = s->last;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuEventRecordWithFlags(CUevent h, CUstream s, unsigned) {
  return cuEventRecord(h, s);
}
EXPORT CUresult cuEventQuery(CUevent h) {
  API(cuEventQuery);
  Event* e = event_of(h);
  if (!e) return CUDA_ERROR_INVALID_HANDLE;
  if (e->capture && driver().captures.count(e->capture)) return CUDA_ERROR_CAPTURED_EVENT;
  if (!e->task || e->task->done) {
    if (e->task) host_waited(e->task->order);
    return CUDA_SUCCESS;
  }
  int turns = 0;
  drive([&] { return turns++ > 0; });
  return CUDA_ERROR_NOT_READY;
}
EXPORT CUresult cuEventSynchronize(CUevent h) {
  API(cuEventSynchronize);
  Event* e = event_of(h);
  if (!e) return CUDA_ERROR_INVALID_HANDLE;
  if (e->capture && driver().captures.count(e->capture)) {
    e->capture->broken = true;
    return CUDA_ERROR_CAPTURED_EVENT;
  }
  {
    std::lock_guard<std::mutex> l(ledger().mu);
    ledger().host["syncs"]++;
  }
  TaskRef t = e->task;
  Context* c = e->ctx;
  if (t) wait_task(t);
  return (CUresult)c->fault;
}
EXPORT CUresult cuEventElapsedTime(float* ms, CUevent a, CUevent b) {
  API(cuEventElapsedTime);
  NEED(ms);
  Event *x = event_of(a), *y = event_of(b);
  if (!x || !y || x->flags & CU_EVENT_DISABLE_TIMING || y->flags & CU_EVENT_DISABLE_TIMING ||
      !x->task || !y->task)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!x->task->done || !y->task->done) return CUDA_ERROR_NOT_READY;
  *ms = (float)((double)(y->task->finished_at - x->task->finished_at) * 1e-6);
  return CUDA_SUCCESS;
}
#undef cuEventElapsedTime
EXPORT CUresult cuEventElapsedTime(float* ms, CUevent a, CUevent b) {
  return cuEventElapsedTime_v2(ms, a, b);
}

// ---- capture ----

EXPORT CUresult cuStreamBeginCapture(CUstream h, CUstreamCaptureMode mode) {
  API(cuStreamBeginCapture);
  STREAM(h);
  if (s->legacy) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (s->capture) return CUDA_ERROR_ILLEGAL_STATE;
  auto* c = new Capture{std::make_unique<Graph>(), mode, s, {s}, false, driver().next_capture++};
  s->capture = c;
  s->tail.clear();
  driver().captures.insert(c);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuStreamEndCapture(CUstream h, CUgraph* out) {
  API(cuStreamEndCapture);
  NEED(out);
  *out = nullptr;
  STREAM(h);
  if (!s->capture) return CUDA_ERROR_ILLEGAL_STATE;
  std::unique_ptr<Capture> c(s->capture);
  if (c->origin != s) {
    c->broken = true;
    c.release();
    return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  }
  std::set<Node*> reach;
  std::vector<Node*> work(s->tail.begin(), s->tail.end());
  while (!work.empty()) {
    Node* n = work.back();
    work.pop_back();
    if (reach.insert(n).second) work.insert(work.end(), n->deps.begin(), n->deps.end());
  }
  bool joined = reach.size() == c->graph->nodes.size();
  for (Stream* x : c->streams)
    if (driver().streams.count(x)) x->capture = nullptr, x->tail.clear();
  driver().captures.erase(c.get());
  for (Event* e : driver().events)
    if (e->capture == c.get()) e->capture = nullptr;
  if (c->broken) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (!joined) return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  Graph* g = c->graph.release();
  driver().graphs.insert(g);
  *out = (CUgraph)g;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuStreamIsCapturing(CUstream h, CUstreamCaptureStatus* st) {
  API(cuStreamIsCapturing);
  NEED(st);
  STREAM(h);
  *st = !s->capture          ? CU_STREAM_CAPTURE_STATUS_NONE
        : s->capture->broken ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                             : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* m) {
  API(cuThreadExchangeStreamCaptureMode, false);
  NEED(m);
  static thread_local CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  std::swap(*m, mode);
  return CUDA_SUCCESS;
}
