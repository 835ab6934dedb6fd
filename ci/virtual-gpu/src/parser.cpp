// Text -> PtxModule. Anything not understood is refused with its name and line.
#include <set>

#include "lexer.h"
#include "ptx.h"

namespace vgpu {
namespace {

struct TyName {
  const char* name;
  Ty ty;
  int bytes;
};
const TyName kTypes[] = {
    {"pred", Ty::Pred, 4},     {"b8", Ty::B8, 1},        {"b16", Ty::B16, 2},
    {"b32", Ty::B32, 4},       {"b64", Ty::B64, 8},      {"b128", Ty::B128, 16},
    {"u8", Ty::U8, 1},         {"u16", Ty::U16, 2},      {"u32", Ty::U32, 4},
    {"u64", Ty::U64, 8},       {"s8", Ty::S8, 1},        {"s16", Ty::S16, 2},
    {"s32", Ty::S32, 4},       {"s64", Ty::S64, 8},      {"f16", Ty::F16, 2},
    {"f16x2", Ty::F16x2, 4},   {"bf16", Ty::BF16, 2},    {"bf16x2", Ty::BF16x2, 4},
    {"f32", Ty::F32, 4},       {"f64", Ty::F64, 8},      {"tf32", Ty::TF32, 4},
    {"e4m3x2", Ty::E4M3x2, 2}, {"e5m2x2", Ty::E5M2x2, 2}};

const std::set<std::string> kSpecial = {
    "%tid",
    "%ntid",
    "%ctaid",
    "%nctaid",
    "%laneid",
    "%warpid",
    "%nwarpid",
    "%smid",
    "%nsmid",
    "%gridid",
    "%lanemask_eq",
    "%lanemask_le",
    "%lanemask_lt",
    "%lanemask_ge",
    "%lanemask_gt",
    "%clock",
    "%clock64",
    "%globaltimer",
    "%globaltimer_lo",
    "%globaltimer_hi",
    "%dynamic_smem_size",
    "%total_smem_size",
    "%envreg0",
    "%envreg1",
    "%envreg2",  // 1 and 2: the address of the grid barrier of cooperative launches
    "WARP_SZ"};

class Parser {
 public:
  explicit Parser(const std::string& text) : toks_(lex(text)) {}

  PtxModule run() {
    for (size_t i = 0; i + 2 < toks_.size(); i++)  // .file directives stand at the end of the text
      if (toks_[i].kind == Token::Dot && toks_[i].text == "file" &&
          toks_[i + 2].kind == Token::String)
        m_.files[(int)toks_[i + 1].bits] = toks_[i + 2].text;
    while (peek().kind != Token::End) top();
    if (!m_.major) throw PtxError(1, "no .version directive: this is not PTX");
    if (!m_.sm) throw PtxError(1, "no .target directive");
    return std::move(m_);
  }

 private:
  std::vector<Token> toks_;
  size_t at_ = 0;
  PtxModule m_;
  Function* fn_ = nullptr;
  std::vector<u32> scopes_;
  std::vector<std::map<std::string, int>> names_;  // registers per open scope
  int src_file_ = 0, src_line_ = 0;
  struct Where {
    int file, line;
  };
  std::map<std::pair<int, int>, Where> called_from_;  // (file, line) of inlined code -> the call

  const Token& peek(int n = 0) const { return toks_[std::min(at_ + n, toks_.size() - 1)]; }
  Token next() { return toks_[at_ < toks_.size() - 1 ? at_++ : at_]; }
  [[noreturn]] void fail(const std::string& what) const { throw PtxError(peek().line, what); }
  bool accept(const char* p) {
    if ((peek().kind == Token::Punct || peek().kind == Token::Ident) && peek().text == p)
      return next(), true;
    return false;
  }
  void expect(const char* p) {
    if (!accept(p)) fail(std::string("expected '") + p + "' before '" + peek().text + "'");
  }
  bool dot(const char* d) const { return peek().kind == Token::Dot && peek().text == d; }
  bool accept_dot(const char* d) { return dot(d) ? (next(), true) : false; }
  std::string ident() {
    if (peek().kind != Token::Ident) fail("expected a name before '" + peek().text + "'");
    return next().text;
  }
  i64 integer() {
    bool neg = accept("-");
    if (peek().kind != Token::Number || peek().num != 'i')
      fail("expected an integer before '" + peek().text + "'");
    i64 v = (i64)next().bits;
    return neg ? -v : v;
  }
  void skip_line() {
    int l = peek().line;
    while (peek().kind != Token::End && peek().line == l) next();
  }
  void skip_statement() {
    while (peek().kind != Token::End && !accept(";")) next();
  }
  void skip_braces() {
    while (peek().kind != Token::End && !accept("{")) next();
    for (int depth = 1; depth && peek().kind != Token::End;) {
      Token t = next();
      if (t.kind == Token::Punct) depth += t.text == "{" ? 1 : t.text == "}" ? -1 : 0;
    }
  }

  void top() {
    if (peek().kind != Token::Dot) fail("unexpected '" + peek().text + "' at module level");
    std::string d = peek().text;
    if (d == "version") {
      next();
      Token t = next();
      if (sscanf(t.text.c_str(), "%d", &m_.major) != 1) fail("bad .version");
      // "9.0" was lexed as one real number, or as 9 and .0
      size_t p = t.text.find('.');
      m_.minor = p != std::string::npos ? atoi(t.text.c_str() + p + 1) : atoi(next().text.c_str());
      if (m_.major > 9 || (m_.major == 9 && m_.minor > 0) || m_.major < 6)
        throw PtxError(t.line, "PTX version " + std::to_string(m_.major) + "." +
                                   std::to_string(m_.minor) + " is not supported (6.0 to 9.0 are)");
    } else if (d == "target") {
      next();
      m_.target = ident();
      if (sscanf(m_.target.c_str(), "sm_%d", &m_.sm) != 1) fail("unknown .target " + m_.target);
      while (accept(",")) ident();
    } else if (d == "address_size") {
      next();
      if (integer() != 64) fail(".address_size must be 64");
    } else if (d == "file") {
      next();
      int n = (int)integer();
      m_.files[n] = next().text;
      while (accept(",")) next();
    } else if (d == "section") {
      skip_braces();
    } else if (d == "pragma") {
      skip_statement();
    } else if (d == "loc") {
      loc();
    } else {
      linkage();
    }
  }

  void linkage() {
    bool external = false;
    for (;;) {
      if (accept_dot("extern"))
        external = true;
      else if (accept_dot("visible") || accept_dot("weak") || accept_dot("common"))
        continue;
      else
        break;
    }
    if (dot("entry") || dot("func"))
      function(external);
    else if (dot("global") || dot("const") || dot("shared"))
      m_.vars.push_back(variable(external));
    else
      fail("unknown directive ." + peek().text);
  }

  Space space_of(const std::string& s) {
    if (s == "global") return Space::Global;
    if (s == "shared") return Space::Shared;
    if (s == "local") return Space::Local;
    if (s == "const") return Space::Const;
    if (s == "param") return Space::Param;
    fail("unknown state space ." + s);
  }

  // .space [.align n] [.v2] .type [.ptr …] name [n][m] [= init]      without the final ; or ,
  Var variable(bool external) {
    Var v;
    v.external = external;
    v.space = space_of(next().text);
    Ty ty = Ty::None;
    int lanes = 1, natural = 1;
    bool aligned = false;
    while (peek().kind == Token::Dot) {
      std::string d = next().text;
      if (d == "align")
        v.align = (u32)integer(), aligned = true;
      else if (d == "v2")
        lanes = 2;
      else if (d == "v4")
        lanes = 4;
      else if (d == "attribute") {
        expect("(");
        while (!accept(")")) next();
      } else if (d ==
                 "ptr") {  // pointer attributes of a parameter say nothing the checker does not see
        while (peek().kind == Token::Dot)
          if (next().text == "align") integer();
      } else if (ty_parse(d) != Ty::None)
        ty = ty_parse(d);
      else
        fail("unknown attribute ." + d + " of a variable");
    }
    if (ty == Ty::None) fail("variable without a type");
    natural = ty_bytes(ty) * lanes;
    if (!aligned) v.align = natural;
    v.name = ident();
    u64 n = 1;
    while (accept("[")) {
      if (accept("]")) {
        n = 0;
        continue;
      }
      i64 k = integer();
      if (k < 0 || (k && n > (1ull << 40) / (u64)k)) fail("array '" + v.name + "' is too large");
      n *= (u64)k;
      expect("]");
    }
    v.size = n * natural;
    if (v.space != Space::Param && v.space != Space::Local && accept("=")) {
      initial(v, ty_bytes(ty));
      if (v.size < v.init.size()) v.size = v.init.size();
    }
    if (v.space != Space::Param) expect(";");
    return v;
  }

  void initial(Var& v, int bytes) {
    if (accept("{")) {
      if (accept("}")) return;
      do initial(v, bytes);
      while (accept(","));
      expect("}");
      return;
    }
    u64 bits = 0;
    if (peek().kind == Token::Ident) {  // address of a symbol, perhaps generic(sym)+n
      std::string s = ident();
      if (s == "generic") {
        expect("(");
        s = ident();
        expect(")");
      }
      i64 add = 0;
      if (accept("+")) add = integer();
      v.refs.push_back({v.init.size(), s, add});
    } else {
      bool neg = accept("-");
      Token t = next();
      if (t.kind != Token::Number) throw PtxError(t.line, "bad initialiser of '" + v.name + "'");
      bits = neg ? (u64)(-(i64)t.bits) : t.bits;
    }
    for (int i = 0; i < bytes; i++) v.init.push_back((u8)(bits >> (8 * i)));
  }

  void param_list(std::vector<Var>& out) {
    expect("(");
    if (accept(")")) return;
    do out.push_back(variable(false));
    while (accept(","));
    expect(")");
  }

  void function(bool external) {
    Function f;
    f.line = peek().line;
    f.entry = next().text == "entry";
    if (!f.entry && peek().text == "(") param_list(f.rets);
    f.name = ident();
    if (peek().text == "(") param_list(f.params);
    u64 at = 0;
    for (Var& p : f.params) {
      at = (at + p.align - 1) / p.align * p.align;
      p.addr = at;
      at += p.size;
    }
    while (peek().kind == Token::Dot) {
      std::string d = next().text;
      auto dims = [&](u32* o) {
        o[0] = (u32)integer(), o[1] = o[2] = 1;
        if (accept(",")) o[1] = (u32)integer();
        if (accept(",")) o[2] = (u32)integer();
      };
      if (d == "maxntid")
        dims(f.maxntid);
      else if (d == "reqntid")
        dims(f.reqntid);
      else if (d == "minnctapersm")
        f.min_blocks = (u32)integer();
      else if (d == "maxnreg")
        f.max_regs = (u32)integer();
      else if (d == "noreturn")
        continue;
      else if (d == "pragma")
        skip_statement();
      else
        fail("unknown directive ." + d + " of function " + f.name);
    }
    if (accept(";") || external) {
      m_.functions.emplace(f.name, std::move(f));
      return;
    }
    f.defined = true;
    std::string name = f.name;
    fn_ = &(m_.functions[name] = std::move(f));
    body();
    fn_ = nullptr;
  }

  void open_scope() {
    u32 id = (u32)fn_->scope_parent.size();
    fn_->scope_parent.push_back(scopes_.empty() ? 0 : scopes_.back());
    scopes_.push_back(id);
    names_.emplace_back();
  }

  void body() {
    expect("{");
    scopes_.clear(), names_.clear();
    open_scope();
    while (!scopes_.empty()) {
      if (peek().kind == Token::End) fail("end of text inside function " + fn_->name);
      if (accept("{"))
        open_scope();
      else if (accept("}"))
        scopes_.pop_back(), names_.pop_back();
      else
        statement();
    }
  }

  bool toolkit(int file) const {  // headers that come with nvcc: their lines help nobody
    auto it = m_.files.find(file);
    return it != m_.files.end() && it->second.find("/include/") != std::string::npos &&
           (it->second.find("nvidia") != std::string::npos ||
            it->second.find("cuda") != std::string::npos);
  }
  // .loc file line column [, function_name label[+n], inlined_at file line column]
  void loc() {
    next();
    src_file_ = (int)integer();
    src_line_ = (int)integer();
    integer();
    while (accept(",")) {
      std::string w = ident();
      if (w == "function_name") {
        ident();
        if (accept("+")) integer();
      } else if (w == "inlined_at") {
        int f = (int)integer(), l = (int)integer();
        integer();
        called_from_[{src_file_, src_line_}] = {f, l};
      } else
        fail("unknown .loc attribute " + w);
    }
    for (int depth = 0; depth < 16 && toolkit(src_file_); depth++) {
      auto it = called_from_.find({src_file_, src_line_});
      if (it == called_from_.end()) break;
      src_file_ = it->second.file, src_line_ = it->second.line;
    }
  }

  void declare(const std::string& name, Ty t) {
    names_.back()[name] = (int)fn_->regs.size();
    fn_->regs.push_back(t);
    fn_->reg_names.push_back(name);
  }

  void registers() {
    next();
    Token tt = next();
    Ty t = ty_parse(tt.text);
    if (t == Ty::None || t == Ty::B128)
      throw PtxError(tt.line, "register type ." + tt.text + " is not supported");
    do {
      std::string n = ident();
      if (accept("<")) {
        i64 k = integer();
        if (k > 1000000) fail("too many registers");
        expect(">");
        for (i64 i = 0; i < k; i++) declare(n + std::to_string(i), t);
      } else {
        declare(n, t);
      }
    } while (accept(","));
    expect(";");
  }

  void statement() {
    if (peek().kind == Token::Dot) {
      const std::string& d = peek().text;
      if (d == "loc")
        loc();
      else if (d == "reg")
        registers();
      else if (d == "pragma")
        skip_statement();
      else if (d == "shared" || d == "local" || d == "const" || d == "global")
        fn_->vars.push_back(variable(false));
      else if (d == "param") {
        fn_->vars.push_back(variable(false));
        expect(";");
      } else
        fail("unknown directive ." + d);
      return;
    }
    if (peek().kind == Token::Ident && peek(1).kind == Token::Punct && peek(1).text == ":") {
      std::string l = ident();
      next();
      auto key = std::make_pair(scopes_.back(), l);
      if (dot("branchtargets")) {
        next();
        do fn_->targets[key].push_back(ident());
        while (accept(","));
        expect(";");
      } else if (dot("callprototype")) {
        fail("indirect calls (.callprototype) are not supported");
      } else {
        fn_->labels[key] = (u32)fn_->body.size();
      }
      return;
    }
    instruction();
  }

  int find_reg(const std::string& n) const {
    for (size_t i = names_.size(); i-- > 0;) {
      auto it = names_[i].find(n);
      if (it != names_[i].end()) return it->second;
    }
    return -1;
  }

  Operand simple() {
    Operand o;
    if (accept("!")) {
      o = simple();
      o.negate = true;
      return o;
    }
    bool neg = accept("-");
    if (peek().kind == Token::Number) {
      Token t = next();
      o.imm = t.num;
      o.bits = !neg           ? t.bits
               : t.num == 'f' ? t.bits ^ 0x80000000u
               : t.num == 'd' ? t.bits ^ (1ull << 63)
                              : (u64)(-(i64)t.bits);
      return o;
    }
    if (neg) fail("'-' before '" + peek().text + "'");
    std::string n = ident();
    if (n == "_") {
      o.kind = Operand::Discard;
      return o;
    }
    o.reg = find_reg(n);
    if (o.reg >= 0) {
      o.kind = Operand::Reg;
      return o;
    }
    if (kSpecial.count(n)) {
      o.kind = Operand::Special;
      o.name = n;
      if (peek().kind == Token::Dot && peek().glued) o.name += "." + next().text;
      return o;
    }
    if (n[0] == '%') fail("unknown register " + n);
    o.kind = Operand::Sym;
    o.name = n;
    if (accept("+")) o.off = integer();
    return o;
  }

  Operand operand() {
    Operand o;
    if (accept("[")) {
      o.kind = Operand::Mem;
      o.elems.push_back(simple());
      if (accept("+"))
        o.off = integer();
      else if (peek().text == "-")
        o.off = integer();
      if (peek().text == ",") fail("tensor and texture operands are not supported");
      expect("]");
      return o;
    }
    if (accept("{")) {
      o.kind = Operand::Vec;
      if (!accept("}")) {
        do o.elems.push_back(simple());
        while (accept(","));
        expect("}");
      }
      return o;
    }
    if (accept("(")) {  // argument lists of call
      o.kind = Operand::Vec;
      if (!accept(")")) {
        do o.elems.push_back(simple());
        while (accept(","));
        expect(")");
      }
      return o;
    }
    o = simple();
    if (accept("|")) {
      Operand p = simple();
      o.reg2 = p.kind == Operand::Discard ? -2 : p.reg;
      if (o.reg2 == -1) fail("expected a predicate after '|'");
    }
    return o;
  }

  void instruction() {
    Inst in;
    in.line = peek().line;
    in.src_file = src_file_, in.src_line = src_line_;
    in.scope = scopes_.back();
    if (accept("@")) {
      in.guard_negate = accept("!");
      std::string p = ident();
      in.guard = find_reg(p);
      if (in.guard < 0 || fn_->regs[in.guard] != Ty::Pred)
        fail("guard " + p + " is not a predicate");
    }
    in.op = ident();
    while (peek().kind == Token::Dot) in.mods.push_back(next().text);
    while (!accept(";")) {
      in.args.push_back(operand());
      if (!accept(",") && peek().text != ";")
        fail("unexpected '" + peek().text + "' in " + in.spelling());
    }
    fn_->body.push_back(std::move(in));
  }
};
}  // namespace

int ty_bytes(Ty t) {
  for (auto& k : kTypes)
    if (k.ty == t) return k.bytes;
  return 0;
}
Ty ty_parse(const std::string& s) {
  for (auto& k : kTypes)
    if (s == k.name) return k.ty;
  return Ty::None;
}
bool ty_float(Ty t) { return t >= Ty::F16 && t <= Ty::TF32; }
bool ty_signed(Ty t) { return t >= Ty::S8 && t <= Ty::S64; }

std::string Inst::spelling() const {
  std::string s = op;
  for (auto& m : mods) s += "." + m;
  return s;
}

PtxModule parse_ptx(const std::string& text) { return Parser(text).run(); }
}  // namespace vgpu
