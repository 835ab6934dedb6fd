// Just enough JSON to read a launch description.
#pragma once
#include <cctype>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

struct Json {
  enum Kind { Null, Bool, Number, String, Array, Object } kind = Null;
  double num = 0;
  std::string str;
  std::vector<Json> list;
  std::map<std::string, Json> map;

  bool has(const std::string& k) const { return map.count(k); }
  const Json& at(const std::string& k) const {
    auto it = map.find(k);
    if (it == map.end()) throw std::runtime_error("\"" + k + "\" is missing");
    return it->second;
  }
  double number(const std::string& k, double otherwise) const {
    return has(k) ? at(k).num : otherwise;
  }

  static Json parse(const std::string& s) {
    size_t i = 0;
    Json j = value(s, i, 0);
    skip(s, i);
    if (i != s.size()) fail(s, i, "text after the end");
    return j;
  }

 private:
  [[noreturn]] static void fail(const std::string& s, size_t i, const char* what) {
    size_t line = 1;
    for (size_t k = 0; k < i && k < s.size(); k++) line += s[k] == '\n';
    throw std::runtime_error("JSON line " + std::to_string(line) + ": " + what);
  }
  static void skip(const std::string& s, size_t& i) {
    while (i < s.size() && isspace((unsigned char)s[i])) i++;
  }
  static std::string text(const std::string& s, size_t& i) {
    std::string r;
    for (i++; i < s.size() && s[i] != '"'; i++) {
      if (s[i] == '\\' && ++i < s.size())
        r += s[i] == 'n' ? '\n' : s[i] == 't' ? '\t' : s[i];
      else
        r += s[i];
    }
    if (i >= s.size()) fail(s, i, "unfinished string");
    i++;
    return r;
  }
  static Json value(const std::string& s, size_t& i, int depth) {
    if (depth > 32) fail(s, i, "nested too deeply");
    skip(s, i);
    Json j;
    if (i >= s.size()) fail(s, i, "value expected");
    char c = s[i];
    if (c == '{' || c == '[') {
      char end = c == '{' ? '}' : ']';
      j.kind = c == '{' ? Object : Array;
      i++;
      for (skip(s, i); i < s.size() && s[i] != end;) {
        if (c == '{') {
          if (s[i] != '"') fail(s, i, "name expected");
          std::string k = text(s, i);
          skip(s, i);
          if (i >= s.size() || s[i++] != ':') fail(s, i, "':' expected");
          j.map[k] = value(s, i, depth + 1);
        } else {
          j.list.push_back(value(s, i, depth + 1));
        }
        skip(s, i);
        if (i < s.size() && s[i] == ',') {
          i++;
          skip(s, i);
        } else if (i >= s.size() || s[i] != end)
          fail(s, i, "',' or end expected");
      }
      if (i >= s.size()) fail(s, i, "unfinished list");
      i++;
    } else if (c == '"') {
      j.kind = String;
      j.str = text(s, i);
    } else if (s.compare(i, 4, "true") == 0) {
      j.kind = Bool;
      j.num = 1;
      i += 4;
    } else if (s.compare(i, 5, "false") == 0) {
      j.kind = Bool;
      i += 5;
    } else if (s.compare(i, 4, "null") == 0)
      i += 4;
    else {
      char* e;
      j.kind = Number;
      j.num = strtod(s.c_str() + i, &e);
      if (e == s.c_str() + i) fail(s, i, "value expected");
      i = e - s.c_str();
    }
    return j;
  }
};
