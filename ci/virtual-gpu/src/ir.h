// Decoded PTX: a flat array of ops whose operands are rows of 32 lanes in a warp's arena.
#pragma once
#include "ptx.h"

namespace vgpu {

struct Warp;
struct Op;
// m: the lanes that are active and whose guard holds; only they may write.
using Handler = void (*)(Warp&, const Op&, u32 m);

constexpr u32 NOROW = 0xffffffffu;

enum class Cls : u8 {
  Int,
  Fp32,
  Fp16,
  Fp64,
  Sfu,
  Cvt,
  Dp4a,
  Mma,
  LdstGlobal,
  LdstShared,
  LdstLocal,
  LdstConst,
  LdstParam,
  LdstGeneric,
  Atom,
  Async,
  WarpOp,
  Barrier,
  Branch,
  Move,
  Count
};
extern const char* const kClsNames[(int)Cls::Count];

struct Op {
  Handler fn = nullptr;
  u32 guard = NOROW;  // predicate row
  u32 guard_xor = 0;  // all ones for @!p
  u32 r[6] = {NOROW, NOROW, NOROW,
              NOROW, NOROW, NOROW};  // r[0] is the destination; byte offsets into the arena
  i64 imm = 0;
  Handler inner = nullptr;  // the op that a wrapper (rounding mode, jitter) runs
  u32 aux = 0, naux = 0;    // more rows: Kernel::aux[aux .. aux+naux)
  u32 x = 0, y = 0;         // small per-op settings
  Cls cls = Cls::Int;
  u8 control = 0;    // 1: called even when no lane is active
  u8 wide_addr = 0;  // the address row has 64-bit lanes
  u8 size = 0;       // bytes per lane of a memory access
  u32 line = 0, src_line = 0;
  u16 src_file = 0;
  u16 kind = 0;  // index into Kernel::spellings
};

struct SpecialRow {
  std::string name;
  u32 row;
};

struct Kernel {
  std::string name;
  std::vector<Op> code;
  std::vector<u32> aux;
  std::vector<std::string> spellings;
  std::vector<std::string> files;
  std::vector<u8> row_template;  // constants in place
  std::vector<SpecialRow> specials;
  u32 row_bytes = 0;
  u32 reg_pressure = 0;  // most 32-bit registers live at once (ours, not ptxas')
  std::vector<Var> params;
  u32 param_bytes = 0;
  u32 static_shared = 0, local_bytes = 0;
  u32 maxntid = 0;
  u32 reqntid[3] = {0, 0, 0};
  u32 min_blocks = 0;
  int ptx_version = 0, sm = 0;
  // What ptxas said at build time (ci/ptxas-note): 0 registers when nobody asked it.
  struct Ptxas {
    u32 registers = 0, spill_stores = 0, spill_loads = 0, stack = 0;
  } ptxas;
  bool spins = false;  // uses volatile, relaxed or acquire loads: blocks must take turns
};

struct CallTarget;

// Symbols that have a device address: name -> address.
using SymbolTable = std::map<std::string, u64>;
std::unique_ptr<Kernel> decode(const PtxModule& m, const Function& f, const SymbolTable& symbols);
}  // namespace vgpu
