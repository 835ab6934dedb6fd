// PTX tokens. A modifier (".s32", ".L2::128B") is one token and knows whether blanks came before
// it.
#pragma once
#include "base.h"

namespace vgpu {
struct Token {
  enum Kind : u8 { End, Ident, Dot, Number, String, Punct } kind = End;
  std::string text;
  int line = 0;
  bool glued = false;  // no blank between this token and the one before
  char num = 'i';      // Number: i, f, d
  u64 bits = 0;
};
std::vector<Token> lex(const std::string& text);
}  // namespace vgpu
