// The decoder's view of one instruction: modifiers are taken by name, and one that nobody took is
// an error.
#pragma once
#include <functional>

#include "ir.h"

namespace vgpu {

class Decoder;

struct Ctx {
  Decoder& d;
  const Inst& in;
  Op op;
  std::vector<bool> used;
  std::vector<u32> aux;
  int arg0 = 0;  // first source operand

  [[noreturn]] void fail(const std::string& what) const;
  bool has(const char* mod);  // and marks it as taken
  // Takes the first modifier that is one of the names (a null ends the list); -1 when none is
  // there.
  int one_of(std::initializer_list<const char*> names);
  Ty type();  // the next type modifier not yet taken
  Ty type_or_none();
  bool next_is_type(size_t i) const;

  u32 src(size_t i, Ty t);  // row of operand i, read as t (register, constant, special or address)
  u32 src_of(const Operand& o, Ty t);
  u32 dst(size_t i, Ty t);
  u32 dst_of(const Operand& o, Ty t);
  u32 pred_dst(size_t i);                 // the predicate after '|', or NOROW
  u32 pred_src(size_t i, u32* xor_mask);  // predicate operand, perhaps with '!'
  u64 imm(size_t i);                      // must be an integer constant
  u32 scratch(Ty t);
  // ld, st and cvt may name registers wider than their type: a 64-bit source is cut to a 32-bit row
  // first (emits an op), and a 64-bit destination gets a 32-bit row that widen() extends after the
  // op itself was emitted.
  u32 narrowed(const Operand& o, Ty t);
  u32 widened(const Operand& o, Ty t, u32* wide);
  void widen(u32 from, u32 to, bool sign);
  bool is_wide(const Operand& o) const;
  size_t nargs() const { return in.args.size(); }
  void args(size_t n) const { args(n, n); }
  void args(size_t lo, size_t hi) const;
  void address(size_t i, u32 slot);  // [reg+off] or [symbol+off]: r[slot], imm, wide_addr
  const Operand& arg(size_t i) const;
  void emit();  // appends op
  void emit(Handler h, Cls c) {
    op.fn = h, op.cls = c;
    emit();
  }
};

using Decode = std::function<void(Ctx&)>;
std::map<std::string, Decode>& opcode_table();

struct Register {
  Register(std::initializer_list<const char*> names, Decode f) {
    for (auto n : names) opcode_table()[n] = f;
  }
};

void opcode_emit_branch(Ctx& c);  // bra to op.x, which the caller sets later

class Decoder {
 public:
  Decoder(const PtxModule& m, const Function& f, const SymbolTable& s);
  std::unique_ptr<Kernel> run();

  // virtual rows
  struct VRow {
    int bytes;  // 4 = predicate, 128, 256
    bool fixed = false;
    std::vector<u8> init;
  };
  u32 new_row(int bytes) {
    rows.push_back({bytes, false, {}});
    return (u32)rows.size() - 1;
  }
  u32 const_row(u64 bits, int bytes);
  u32 special_row(const std::string& name, bool wide, int line);
  u64 symbol(const std::string& name, int line, Space* space);
  u32 label(const std::string& name, u32 scope, int line);

  const PtxModule& m;
  const Function* f;
  const SymbolTable& symbols;
  std::unique_ptr<Kernel> k;
  std::vector<VRow> rows;
  std::vector<u32> reg_row;  // register of the function being decoded -> row
  bool inlining = false;
  std::vector<size_t> returns;  // ops that leave the function being inlined
  struct Fix {
    size_t op;
    u32 scope;
    std::string name;
    int line;
    const Function* f;
    size_t copy;
  };
  std::vector<Fix> fixes;
  std::vector<std::vector<u32>> targets;  // jump tables of brx
  std::map<std::pair<u64, int>, u32> consts;
  std::map<std::string, u32> special;
  std::map<std::string, Var> shared, locals;
  std::vector<u32> index_of;  // body index -> code index, for the body being decoded
  // rows each op reads and writes, for register allocation
  struct Rw {
    std::vector<u32> reads, writes;
  };
  std::vector<Rw> rw;
  Rw cur;

  void body(const Function& fn);
  void call(Ctx& c);                   // expands a device function (ops_call.cpp)
  std::vector<const Function*> calls;  // being expanded, outermost first
  void layout_shared();

 private:
  void allocate();
};
}  // namespace vgpu
