#include "order.h"

#include <algorithm>

namespace vgpu {
namespace {
struct Chain {
  Order tail;
  const void* ctx = nullptr;
};
std::vector<Chain> g_chains;
std::vector<u64> g_host;

void join(std::vector<u64>& a, const std::vector<u64>& b) {
  if (a.size() < b.size()) a.resize(b.size());
  for (size_t i = 0; i < b.size(); i++) a[i] = std::max(a[i], b[i]);
}
}  // namespace

void place(Order& o, const std::vector<const Order*>& behind, const void* ctx) {
  o.seen = g_host;
  u32 chain = (u32)g_chains.size();
  for (const Order* b : behind) {
    if (!b) continue;
    join(o.seen, b->seen);
    if (chain == g_chains.size() && g_chains[b->chain].tail.pos == b->pos) chain = b->chain;
  }
  for (u32 i = 0; i < g_chains.size() && chain == g_chains.size(); i++)
    if (host_knows(g_chains[i].tail)) chain = i;  // all of it lies behind: its name can serve again
  if (chain == g_chains.size()) g_chains.emplace_back();
  if (o.seen.size() <= chain) o.seen.resize(chain + 1);
  o.chain = chain;
  o.pos = o.seen[chain] = g_chains[chain].tail.pos + 1;
  g_chains[chain] = {o, ctx};
}
void host_waited(const Order& o) { join(g_host, o.seen); }
void host_waited_all(const void* ctx) {
  for (const Chain& c : g_chains)
    if (c.ctx == ctx) join(g_host, c.tail.seen);
}
bool host_knows(const Order& o) { return o.chain < g_host.size() && g_host[o.chain] >= o.pos; }
}  // namespace vgpu
