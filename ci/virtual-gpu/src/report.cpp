#include "report.h"

#include <cstdio>
#include <cstdlib>

#include "launch.h"

namespace vgpu {

Options& options() {
  static Options* o = new Options;
  return *o;
}
Ledger& ledger() {
  static Ledger* l = new Ledger;
  return *l;
}

static std::string env(const char* name) {
  const char* v = getenv((std::string("GATUN_VGPU_") + name).c_str());
  return v ? v : "";
}

void load_options() {
  Options& o = options();
  static const std::map<std::string, u32> names = {{"oob", CHECK_OOB},
                                                   {"align", CHECK_ALIGN},
                                                   {"uninit", CHECK_UNINIT},
                                                   {"const", CHECK_CONST},
                                                   {"race-shared", CHECK_RACE_SHARED},
                                                   {"race-global", CHECK_RACE_GLOBAL},
                                                   {"barrier", CHECK_BARRIER},
                                                   {"warp", CHECK_WARP},
                                                   {"async", CHECK_ASYNC},
                                                   {"leak", CHECK_LEAK},
                                                   {"all", CHECK_ALL}};
  std::string list = env("CHECK");
  o.check = CHECK_ALL;
  if (!list.empty()) {
    o.check = list[0] == '-' ? (u32)CHECK_ALL : 0;
    for (size_t i = 0; i <= list.size();) {
      size_t e = std::min(list.find(',', i), list.size());
      std::string n = list.substr(i, e - i);
      bool minus = !n.empty() && n[0] == '-';
      if (minus) n = n.substr(1);
      auto it = names.find(n);
      if (it != names.end())
        o.check = minus ? o.check & ~it->second : o.check | it->second;
      else if (!n.empty() && n != "none")
        fprintf(stderr, "GATUN_VGPU_CHECK: unknown checker %s\n", n.c_str());
      i = e + 1;
    }
  }
  o.count = env("COUNT") != "0";
  o.strict = env("POISON") != "0";
  std::string m = env("MMA");
  o.mma = m == "group8" ? 1 : m == "exact" ? 2 : 0;
  o.jitter = strtoull(env("JITTER").c_str(), nullptr, 0);
  o.store_delay = strtoull(env("STORE_DELAY").c_str(), nullptr, 0);
  std::string mode = env("MODE");
  o.fuzz = mode.rfind("fuzz:", 0) == 0 ? strtoull(mode.c_str() + 5, nullptr, 0) : 0;
  if (!mode.empty() && mode != "det" && !o.fuzz)
    fprintf(stderr,
            "GATUN_VGPU_MODE=%s: known are det and fuzz:SEED with a seed above 0; det is used\n",
            mode.c_str());
  std::string w = env("WATCHDOG");
  if (!w.empty()) o.watchdog = strtoull(w.c_str(), nullptr, 0);
  o.trace = env("TRACE") == "1";
  o.report_file = env("REPORT");
}

bool report_at(Warp& w, const Op& o, int lane, const char* id, Severity s, const std::string& text,
               const u64* address) {
  Launch& l = *w.launch;
  const Kernel& k = *l.kernel;
  if (s == Severity::Error) l.error_reported = true;
  Ledger& led = ledger();
  std::lock_guard<std::mutex> lock(led.mu);
  auto key = std::make_tuple(k.name, o.line, std::string(id) + (s == Severity::Warn ? "w" : "e"));
  auto it = led.seen.find(key);
  if (it != led.seen.end()) {
    led.reports[it->second].count++;
    return false;
  }
  if (led.reports.size() >= 1000) {
    led.dropped++;
    return false;
  }
  Report r;
  r.id = id, r.kernel = k.name, r.text = text, r.severity = s, r.device = l.device;
  r.inst = k.spellings[o.kind];
  r.line = o.line, r.src_line = o.src_line;
  if (o.src_file < k.files.size()) r.file = k.files[o.src_file];
  r.block[0] = w.block->cx, r.block[1] = w.block->cy, r.block[2] = w.block->cz;
  u32 t = w.id * 32 + (lane >= 0 ? lane : w.mask ? __builtin_ctz(w.mask) : 0);
  r.thread[0] = t % l.block[0], r.thread[1] = t / l.block[0] % l.block[1],
  r.thread[2] = t / l.block[0] / l.block[1];
  if (address) r.address = *address, r.has_address = true;
  led.seen[key] = led.reports.size();
  led.reports.push_back(r);
  return true;
}
void report_host(const char* id, Severity s, const std::string& text) {
  Ledger& led = ledger();
  std::lock_guard<std::mutex> lock(led.mu);
  auto key = std::make_tuple(text, 0u, std::string(id));
  auto it = led.seen.find(key);
  if (it != led.seen.end()) {
    led.reports[it->second].count++;
    return;
  }
  Report r;
  r.id = id, r.severity = s, r.text = text;
  led.seen[key] = led.reports.size();
  led.reports.push_back(r);
}

static std::string quote(const std::string& s) {
  std::string r = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\')
      r += '\\', r += c;
    else if ((unsigned char)c < 32) {
      char b[8];
      snprintf(b, sizeof b, "\\u%04x", c);
      r += b;
    } else
      r += c;
  }
  return r + "\"";
}
static std::string dim(const u32* d) {
  return "[" + std::to_string(d[0]) + "," + std::to_string(d[1]) + "," + std::to_string(d[2]) + "]";
}

// Kernel, label, shape and static figures of a launch; the object is left open.
static std::string shape_json(const LaunchRecord& r) {
  auto n = [](const char* k, u64 v) { return ",\"" + std::string(k) + "\":" + std::to_string(v); };
  std::string s = "{\"kernel\":" + quote(r.kernel) + ",\"label\":" + quote(r.label) +
                  ",\"grid\":" + dim(r.grid) + ",\"block\":" + dim(r.block) +
                  n("shared_static", r.shared_static) + n("shared_dynamic", r.shared_dynamic) +
                  n("local_bytes", r.local_bytes) + n("live_registers", r.live_registers);
  if (r.ptxas.registers)
    s += n("registers", r.ptxas.registers) + n("spill_stores", r.ptxas.spill_stores) +
         n("spill_loads", r.ptxas.spill_loads) + n("stack", r.ptxas.stack);
  return s;
}

std::string report_json(bool with_launches) {
  Ledger& l = ledger();
  std::lock_guard<std::mutex> lock(l.mu);
  u64 errors = 0, warns = 0;
  for (auto& r : l.reports) (r.severity == Severity::Error ? errors : warns)++;
  std::string s = "{\"device\":\"Gatun Virtual GPU\",\"errors\":" + std::to_string(errors) +
                  ",\"warnings\":" + std::to_string(warns) +
                  ",\"dropped\":" + std::to_string(l.dropped) +
                  ",\"launches\":" + std::to_string(l.launches_total) + ",\"reports\":[";
  bool first = true;
  for (auto& r : l.reports) {
    s += first ? "\n " : ",\n ";
    first = false;
    s += "{\"id\":" + quote(r.id) + ",\"severity\":\"" +
         (r.severity == Severity::Error ? "error" : "warn") +
         "\",\"count\":" + std::to_string(r.count);
    if (!r.kernel.empty()) {
      s += ",\"kernel\":" + quote(r.kernel) + ",\"device\":" + std::to_string(r.device) +
           ",\"block\":" + dim(r.block) + ",\"thread\":" + dim(r.thread) +
           ",\"line\":" + std::to_string(r.line) + ",\"file\":" + quote(r.file) +
           ",\"source_line\":" + std::to_string(r.src_line) + ",\"inst\":" + quote(r.inst);
    }
    if (r.has_address) {
      char b[32];
      snprintf(b, sizeof b, "0x%llx", (unsigned long long)r.address);
      s += ",\"address\":\"" + std::string(b) + "\"";
    }
    s += ",\"text\":" + quote(r.text) + "}";
  }
  s += "],\"host\":{";
  first = true;
  for (auto& x : l.host)
    s += (first ? "" : ",") + quote(x.first) + ":" + std::to_string(x.second), first = false;
  s += "},\"api\":{";
  first = true;
  for (auto& x : l.api)
    s += (first ? "" : ",") + quote(x.first) + ":" + std::to_string(x.second), first = false;
  s += "},\"kernels\":{";
  first = true;
  for (auto& x : l.totals) {
    s += (first ? "\n " : ",\n ") + quote(x.first) +
         ":{\"launches\":" + std::to_string(l.totals_launches[x.first]) +
         ",\"counters\":" + counters_json(x.second) + "}";
    first = false;
  }
  s += "},\"groups\":[";
  first = true;
  for (auto& x : l.groups) {
    s += (first ? "\n " : ",\n ") + shape_json(x.second.first) +
         ",\"launches\":" + std::to_string(x.second.launches) +
         ",\"counters\":" + counters_json(x.second.sum) + "}";
    first = false;
  }
  s += "]";
  if (with_launches) {
    s += ",\"launch_records\":[";
    first = true;
    for (auto& r : l.launches) {
      s += (first ? "\n " : ",\n ");
      first = false;
      s += shape_json(r) + ",\"graph\":" + (r.from_graph ? "true" : "false") +
           ",\"counters\":" + counters_json(r.c) + "}";
    }
    s += "]";
  }
  return s + "}\n";
}

void reset_ledger() {
  Ledger& l = ledger();
  std::lock_guard<std::mutex> lock(l.mu);
  l.reports.clear(), l.seen.clear(), l.launches.clear(), l.totals.clear(),
      l.totals_launches.clear(), l.groups.clear(), l.api.clear(), l.host.clear();
  l.launches_total = l.dropped = 0;
}
void write_report_file() {
  if (options().report_file.empty()) return;
  std::string s = report_json(true);
  if (FILE* f = fopen(options().report_file.c_str(), "w"))
    fwrite(s.data(), 1, s.size(), f), fclose(f);
}
}  // namespace vgpu
