#include "lexer.h"

#include <cctype>
#include <cstdlib>

namespace vgpu {
static bool word(char c) { return isalnum((unsigned char)c) || c == '_' || c == '$'; }

static Token number(const std::string& s, size_t& i, int line) {
  Token t;
  t.kind = Token::Number;
  t.line = line;
  size_t b = i;
  auto hex = [&](size_t n) {
    if (i + 2 + n > s.size()) throw PtxError(line, "truncated floating-point literal");
    t.bits = strtoull(s.substr(i + 2, n).c_str(), nullptr, 16);
    i += 2 + n;
  };
  char k = i + 1 < s.size() ? s[i + 1] : 0;
  if (s[i] == '0' && (k == 'f' || k == 'F')) {
    t.num = 'f';
    hex(8);
  } else if (s[i] == '0' && (k == 'd' || k == 'D')) {
    t.num = 'd';
    hex(16);
  } else {
    while (i < s.size() && isalnum((unsigned char)s[i])) i++;
    bool real = i < s.size() && s[i] == '.' && i + 1 < s.size() && isdigit((unsigned char)s[i + 1]);
    if (real) {
      char* end;
      double d = strtod(s.c_str() + b, &end);
      i = end - s.c_str();
      t.num = 'd';
      t.bits = bits_as<u64>(d);
    } else {
      std::string w = s.substr(b, i - b);
      if (w.size() > 1 && w.back() == 'U') w.pop_back();
      if (w.size() > 2 && w[0] == '0' && (w[1] == 'b' || w[1] == 'B'))
        t.bits = strtoull(w.c_str() + 2, nullptr, 2);
      else
        t.bits = strtoull(w.c_str(), nullptr, 0);
    }
  }
  t.text = s.substr(b, i - b);
  return t;
}

std::vector<Token> lex(const std::string& s) {
  std::vector<Token> out;
  int line = 1;
  size_t i = 0, last_end = (size_t)-1;
  while (i < s.size()) {
    char c = s[i];
    if (c == '\n') {
      line++, i++;
    } else if (isspace((unsigned char)c) || c == 0) {
      i++;
    } else if (c == '/' && i + 1 < s.size() && s[i + 1] == '/') {
      while (i < s.size() && s[i] != '\n') i++;
    } else if (c == '/' && i + 1 < s.size() && s[i + 1] == '*') {
      i += 2;
      while (i + 1 < s.size() && !(s[i] == '*' && s[i + 1] == '/')) line += s[i++] == '\n';
      i += 2;
    } else {
      Token t;
      size_t b = i;
      if (c == '"') {
        for (i++; i < s.size() && s[i] != '"'; i++) line += s[i] == '\n';
        t.kind = Token::String;
        t.text = s.substr(b + 1, i - b - 1);
        i++;
      } else if (c == '.' && i + 1 < s.size() && word(s[i + 1])) {
        i++;
        while (i < s.size() &&
               (word(s[i]) ||
                (s[i] == ':' && i + 2 < s.size() && s[i + 1] == ':' && word(s[i + 2])) ||
                (s[i] == ':' && s[i - 1] == ':')))
          i++;
        t.kind = Token::Dot;
        t.text = s.substr(b + 1, i - b - 1);
      } else if (isdigit((unsigned char)c)) {
        t = number(s, i, line);
      } else if (word(c) || c == '%') {
        i++;
        while (i < s.size() && word(s[i])) i++;
        t.kind = Token::Ident;
        t.text = s.substr(b, i - b);
      } else {
        t.kind = Token::Punct;
        t.text = std::string(1, c);
        i++;
      }
      t.line = line;
      t.glued = b == last_end;
      last_end = i;
      out.push_back(std::move(t));
    }
  }
  Token end;
  end.line = line;
  out.push_back(end);
  return out;
}
}  // namespace vgpu
