// Every opcode spelling in the PTX that nvcc made of our kernels and of the test kernels has a
// differential row: a test compared it with host arithmetic. The differential tests leave their
// lists (*.covered) beside the test kernels' PTX.
//   vgpu-coverage TEST_PTX_DIR KERNELS_PTX_DIR SOURCES
#include <dirent.h>

#include <algorithm>
#include <map>

#include "harness.h"

static std::vector<std::string> files(const std::string& dir, const std::string& end) {
  std::vector<std::string> v;
  DIR* d = opendir(dir.c_str());
  if (!d) return v;
  while (dirent* e = readdir(d)) {
    std::string n = e->d_name;
    if (n.size() > end.size() && n.compare(n.size() - end.size(), end.size(), end) == 0)
      v.push_back(dir + "/" + n);
  }
  closedir(d);
  std::sort(v.begin(), v.end());
  return v;
}
// Instructions of a text: what follows a guard, a label or a brace, up to the first blank or ';'.
// Written apart from the parser.
static void collect(const std::string& path, std::map<std::string, std::string>& used) {
  std::stringstream text(read_text(path));
  std::string line;
  while (std::getline(text, line)) {
    line = line.substr(0, line.find("//"));
    size_t i = line.find_first_not_of(" \t{}(");
    if (i == std::string::npos || line[i] == '.' || line[i] == '$' || line[i] == ')')
      continue;  // directive, label, call argument
    if (line[i] == '@') i = line.find_first_not_of(" \t", line.find_first_of(" \t", i));
    if (i == std::string::npos || !islower(line[i])) continue;
    std::string op = line.substr(i, line.find_first_of(" \t;", i) - i);
    if (line.find(';', i) == std::string::npos && op.rfind("call", 0) != 0) continue;
    if (op.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:") !=
            std::string::npos ||
        op == "default")
      continue;
    used.emplace(op, path.substr(path.rfind('/') + 1));
  }
}

int main(int argc, char** argv) {
  if (argc < 4) return printf("usage: vgpu-coverage TEST_PTX_DIR KERNELS_PTX_DIR SOURCES\n"), 2;
  std::set<std::string> covered;
  auto lists = files(argv[1], ".covered");
  EXPECT(lists.size() >= 6, "only %zu differential tests left a list; run them first",
         lists.size());
  for (auto& f : lists) {
    std::stringstream s(read_text(f));
    for (std::string x; s >> x;) covered.insert(x);
  }
  std::map<std::string, std::string> used;
  auto own = files(argv[1], ".ptx"), kernels = files(argv[2], ".ptx");
  EXPECT(own.size() >= 4 && kernels.size() >= 10, "%zu and %zu PTX files", own.size(),
         kernels.size());
  for (auto& f : own) collect(f, used);
  for (auto& f : kernels) collect(f, used);
  EXPECT(used.size() > 150, "%zu spellings", used.size());
  for (auto& u : used)
    EXPECT(covered.count(u.first), "%s (in %s) has no differential row", u.first.c_str(),
           u.second.c_str());
  // and nothing is implemented that no test looks at: the opcodes that the sources register, by
  // name
  std::set<std::string> bases, opcodes;
  for (auto& c : covered) bases.insert(c.substr(0, c.find('.')));
  for (auto& f : files(argv[3], ".cpp")) {
    std::string text = read_text(f);
    for (size_t p = 0; (p = text.find("static Register r_", p)) != std::string::npos;) {
      size_t open = text.find('{', p), close = text.find('}', open);
      std::stringstream list(text.substr(open + 1, close - open - 1));
      for (std::string x; std::getline(list, x, ',');) {
        size_t a = x.find('"'), b = x.rfind('"');
        if (a != b) opcodes.insert(x.substr(a + 1, b - a - 1));
      }
      p = close;
    }
  }
  EXPECT(opcodes.size() > 50, "%zu opcodes", opcodes.size());
  for (auto& o : opcodes)
    EXPECT(bases.count(o), "%s is implemented and has no differential row", o.c_str());
  printf("%zu opcodes, %zu spellings in use in %zu files, %zu covered\n", opcodes.size(),
         used.size(), own.size() + kernels.size(), covered.size());
  return finish("coverage");
}
