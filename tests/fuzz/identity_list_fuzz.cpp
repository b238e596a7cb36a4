// Any octets as a file of identities: each line that counts is found, and what is not in the file
// is not; or an error that names a line that there is.
#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_set>

#include "fuzz/check.hpp"
#include "sluice/policy/identity_list.hpp"

using fuzz::check;
using sluice::policy::IdentityList;

namespace {

/// The rules once more, as slowly as they read.
std::unordered_set<std::string> expected(std::string_view text) {
  std::unordered_set<std::string> out;
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  std::string line;
  const auto end_line = [&] {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin != line.npos && line[begin] != '#')
      out.insert(line.substr(begin, line.find_last_not_of(" \t") + 1 - begin));
    line.clear();
  };
  for (const char c : text) {
    if (c == '\n') {
      end_line();
    } else {
      line += c;
    }
  }
  end_line();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 64 * 1024) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::uint64_t low = size == 0 ? 0 : data[size / 2];
  const auto list = IdentityList::parse(text, {.low = low, .high = size});
  if (!list) {
    const std::size_t line = std::stoul(list.error().where);
    const auto ends = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    check(line >= 1 && line <= ends + 1, "a bad line that there is not");
    return 0;
  }
  const auto identities = expected(text);
  check(list->size() == identities.size(), "another number of identities");
  for (const std::string& identity : identities) {
    check(list->contains(identity), "an identity is not found");
    for (const std::string& other : {identity + "x", identity.substr(1), "x" + identity})
      check(list->contains(other) == identities.contains(other), "a wrong hit");
  }
  check(!list->contains(""), "the empty identity");
  return 0;
}
