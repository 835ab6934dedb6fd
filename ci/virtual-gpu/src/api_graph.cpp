// Graphs: nodes by hand or from a capture, instantiation, launch, and updates of kernel parameters.
#include <algorithm>

#include "driver.h"

using namespace vgpu;

namespace {
Graph* graph_of(CUgraph h) {
  auto* g = (Graph*)h;
  return driver().graphs.count(g) ? g : nullptr;
}
GraphExec* exec_of(CUgraphExec h) {
  auto* g = (GraphExec*)h;
  return driver().execs.count(g) ? g : nullptr;
}
Node* node_of(CUgraphNode h) {
  auto it = driver().nodes.find(h);
  return it == driver().nodes.end() ? nullptr : it->second;
}

CUresult add_node(CUgraphNode* out, CUgraph gh, const CUgraphNode* deps, size_t n, Work w) {
  Graph* g = graph_of(gh);
  if (!out || !g || (n && !deps)) return CUDA_ERROR_INVALID_VALUE;
  auto node = std::make_unique<Node>();
  node->graph = g;
  node->work = std::move(w);
  node->index = (u32)g->nodes.size();
  for (size_t i = 0; i < n; i++) {
    Node* d = node_of(deps[i]);
    if (!d || d->graph != g) return CUDA_ERROR_INVALID_VALUE;
    node->deps.push_back(d);
  }
  *out = (CUgraphNode)node.get();
  driver().nodes[node.get()] = node.get();
  g->nodes.push_back(std::move(node));
  return CUDA_SUCCESS;
}
CUresult kernel_work(const CUDA_KERNEL_NODE_PARAMS* p, Work& w) {
  if (!p) return CUDA_ERROR_INVALID_VALUE;
  auto* f = (Function_*)(p->func ? p->func : (CUfunction)p->kern);
  if (!driver().functions.count(f)) return CUDA_ERROR_INVALID_VALUE;
  w.kind = Work::Kernel;
  w.fn = f;
  w.grid[0] = p->gridDimX, w.grid[1] = p->gridDimY, w.grid[2] = p->gridDimZ;
  w.block[0] = p->blockDimX, w.block[1] = p->blockDimY, w.block[2] = p->blockDimZ;
  w.shared = p->sharedMemBytes;
  if (CUresult e = check_launch(w)) return e;
  const Kernel& k = *f->kernel;
  w.params.assign(k.param_bytes, 0);
  if (p->extra || (!p->kernelParams && !k.params.empty())) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < k.params.size(); i++)
    memcpy(&w.params[k.params[i].addr], p->kernelParams[i], k.params[i].size);
  return CUDA_SUCCESS;
}
GraphExec* instantiate(Graph* g, Context* c) {
  auto* e = new GraphExec;
  e->ctx = c;
  std::map<const Node*, u32> place;
  std::vector<const Node*> todo;
  for (auto& n : g->nodes) todo.push_back(n.get());
  while (!todo.empty()) {  // topological order, creation order where free
    std::vector<const Node*> later;
    for (const Node* n : todo) {
      bool ready =
          std::all_of(n->deps.begin(), n->deps.end(), [&](Node* d) { return place.count(d); });
      if (!ready) {
        later.push_back(n);
        continue;
      }
      GraphExec::Step s{n->work, {}, n};
      for (Node* d : n->deps) s.deps.push_back(place[d]);
      place[n] = (u32)e->steps.size();
      e->steps.push_back(std::move(s));
    }
    if (later.size() == todo.size()) {
      delete e;
      return nullptr;
    }  // a cycle
    todo.swap(later);
  }
  driver().execs.insert(e);
  return e;
}
}  // namespace

EXPORT CUresult cuGraphCreate(CUgraph* out, unsigned flags) {
  API(cuGraphCreate);
  NEED(out && !flags);
  auto* g = new Graph;
  driver().graphs.insert(g);
  *out = (CUgraph)g;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuGraphDestroy(CUgraph h) {
  API(cuGraphDestroy);
  Graph* g = graph_of(h);
  NEED(g);
  for (auto& n : g->nodes) driver().nodes.erase(n.get());
  driver().graphs.erase(g);
  delete g;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuGraphAddKernelNode(CUgraphNode* out, CUgraph g, const CUgraphNode* deps, size_t n,
                                     const CUDA_KERNEL_NODE_PARAMS* p) {
  API(cuGraphAddKernelNode);
  Work w;
  if (CUresult e = kernel_work(p, w)) return e;
  return add_node(out, g, deps, n, std::move(w));
}
EXPORT CUresult cuGraphAddMemcpyNode(CUgraphNode* out, CUgraph g, const CUgraphNode* deps, size_t n,
                                     const CUDA_MEMCPY3D* p, CUcontext) {
  API(cuGraphAddMemcpyNode);
  NEED(p && p->Depth <= 1 && p->srcMemoryType != CU_MEMORYTYPE_ARRAY &&
       p->dstMemoryType != CU_MEMORYTYPE_ARRAY);
  Work w;
  w.kind = Work::Copy;
  w.src = p->srcMemoryType == CU_MEMORYTYPE_HOST ? (u64)p->srcHost : p->srcDevice;
  w.dst = p->dstMemoryType == CU_MEMORYTYPE_HOST ? (u64)p->dstHost : p->dstDevice;
  w.spitch = p->srcPitch ? p->srcPitch : p->WidthInBytes,
  w.dpitch = p->dstPitch ? p->dstPitch : p->WidthInBytes;
  w.src += p->srcY * w.spitch + p->srcXInBytes, w.dst += p->dstY * w.dpitch + p->dstXInBytes;
  w.bytes = p->WidthInBytes, w.rows = std::max<size_t>(1, p->Height);
  return add_node(out, g, deps, n, std::move(w));
}
EXPORT CUresult cuGraphAddMemsetNode(CUgraphNode* out, CUgraph g, const CUgraphNode* deps, size_t n,
                                     const CUDA_MEMSET_NODE_PARAMS* p, CUcontext) {
  API(cuGraphAddMemsetNode);
  NEED(p && (p->elementSize == 1 || p->elementSize == 2 || p->elementSize == 4));
  Work w;
  w.kind = Work::Set;
  w.dst = p->dst, w.value = p->value, w.elem = p->elementSize, w.bytes = p->width,
  w.rows = p->height, w.dpitch = p->pitch;
  return add_node(out, g, deps, n, std::move(w));
}
EXPORT CUresult cuGraphAddHostNode(CUgraphNode* out, CUgraph g, const CUgraphNode* deps, size_t n,
                                   const CUDA_HOST_NODE_PARAMS* p) {
  API(cuGraphAddHostNode);
  NEED(p && p->fn);
  Work w;
  w.kind = Work::Host;
  w.host = p->fn, w.user = p->userData;
  return add_node(out, g, deps, n, std::move(w));
}
EXPORT CUresult cuGraphAddEmptyNode(CUgraphNode* out, CUgraph g, const CUgraphNode* deps,
                                    size_t n) {
  API(cuGraphAddEmptyNode);
  return add_node(out, g, deps, n, Work{});
}
EXPORT CUresult cuGraphGetNodes(CUgraph h, CUgraphNode* out, size_t* n) {
  API(cuGraphGetNodes);
  Graph* g = graph_of(h);
  NEED(g && n);
  if (out) {
    for (size_t i = 0; i < *n; i++)
      out[i] = i < g->nodes.size() ? (CUgraphNode)g->nodes[i].get() : nullptr;
    *n = std::min(*n, g->nodes.size());
  } else {
    *n = g->nodes.size();
  }
  return CUDA_SUCCESS;
}
EXPORT CUresult cuGraphNodeGetType(CUgraphNode h, CUgraphNodeType* t) {
  API(cuGraphNodeGetType);
  Node* n = node_of(h);
  NEED(n && t);
  switch (n->work.kind) {
    case Work::Kernel:
      *t = CU_GRAPH_NODE_TYPE_KERNEL;
      break;
    case Work::Copy:
      *t = CU_GRAPH_NODE_TYPE_MEMCPY;
      break;
    case Work::Set:
      *t = CU_GRAPH_NODE_TYPE_MEMSET;
      break;
    case Work::Host:
      *t = CU_GRAPH_NODE_TYPE_HOST;
      break;
    default:
      *t = CU_GRAPH_NODE_TYPE_EMPTY;
  }
  return CUDA_SUCCESS;
}
EXPORT CUresult cuGraphKernelNodeSetParams(CUgraphNode h, const CUDA_KERNEL_NODE_PARAMS* p) {
  API(cuGraphKernelNodeSetParams);
  Node* n = node_of(h);
  NEED(n && n->work.kind == Work::Kernel);
  Work w;
  if (CUresult e = kernel_work(p, w)) return e;
  n->work = std::move(w);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuGraphInstantiate(CUgraphExec* out, CUgraph h, unsigned long long) {
  API(cuGraphInstantiate);
  Graph* g = graph_of(h);
  NEED(out && g);
  GraphExec* e = instantiate(g, current());
  if (!e) return CUDA_ERROR_INVALID_VALUE;
  *out = (CUgraphExec)e;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuGraphInstantiateWithParams(CUgraphExec* out, CUgraph g,
                                             CUDA_GRAPH_INSTANTIATE_PARAMS* p) {
  API(cuGraphInstantiateWithParams);
  NEED(p);
  CUresult r = cuGraphInstantiateWithFlags(out, g, p->flags);
  p->result_out = r ? CUDA_GRAPH_INSTANTIATE_ERROR : CUDA_GRAPH_INSTANTIATE_SUCCESS;
  return r;
}
EXPORT CUresult cuGraphExecKernelNodeSetParams(CUgraphExec h, CUgraphNode nh,
                                               const CUDA_KERNEL_NODE_PARAMS* p) {
  API(cuGraphExecKernelNodeSetParams);
  GraphExec* e = exec_of(h);
  NEED(e);
  Work w;
  if (CUresult r = kernel_work(p, w)) return r;
  for (auto& s : e->steps)
    if (s.from == (const Node*)nh && s.work.kind == Work::Kernel) {
      s.work = std::move(w);
      return CUDA_SUCCESS;
    }
  return CUDA_ERROR_INVALID_VALUE;
}
EXPORT CUresult cuGraphExecUpdate(CUgraphExec h, CUgraph gh, CUgraphExecUpdateResultInfo* info) {
  API(cuGraphExecUpdate);
  GraphExec* e = exec_of(h);
  Graph* g = graph_of(gh);
  NEED(e && g && info);
  GraphExec* f = instantiate(g, e->ctx);
  NEED(f);
  bool same = f->steps.size() == e->steps.size();
  for (size_t i = 0; same && i < f->steps.size(); i++)
    same = f->steps[i].work.kind == e->steps[i].work.kind && f->steps[i].deps == e->steps[i].deps;
  info->result = same ? CU_GRAPH_EXEC_UPDATE_SUCCESS : CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
  if (same) e->steps = f->steps;
  driver().execs.erase(f);
  delete f;
  return same ? CUDA_SUCCESS : CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
}
EXPORT CUresult cuGraphLaunch(CUgraphExec h, CUstream sh) {
  API(cuGraphLaunch);
  GraphExec* e = exec_of(h);
  NEED(e);
  CUresult err;
  Stream* s = stream_of(sh, &err);
  if (!s) return err;
  if (s->capture) {
    s->capture->broken = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  return launch_graph(e, s);
}
EXPORT CUresult cuGraphUpload(CUgraphExec h, CUstream) {
  API(cuGraphUpload);
  return exec_of(h) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
EXPORT CUresult cuGraphExecDestroy(CUgraphExec h) {
  API(cuGraphExecDestroy);
  GraphExec* e = exec_of(h);
  NEED(e);
  driver().execs.erase(e);
  delete e;
  return CUDA_SUCCESS;
}
