#include "http/wide_skip.hpp"

#include <string>

#include "support/catch.hpp"
#include "unit/http/heads.hpp"

using namespace sluice::http;

namespace {

using WideSkip = const char* (*)(const char* begin, const char* at, const char* end);

/// The blocks have sixteen octets: three of them and a bit.
constexpr std::size_t kSizes = 52;

/// From each octet of `text` on, in memory of exactly its size: the wide skip stops where the table
/// does.
bool agrees(WideSkip wide, CharClass wanted, std::string_view text) {
  const heads::Bytes bytes(text);
  const char* const begin = bytes.view().data();
  const char* const end = begin + text.size();
  for (const char* at = begin; at <= end; ++at) {
    const char* const stop = skip(wanted, at, end);
    if (wide(begin, at, end) != stop || wide(at, at, end) != stop) return false;
  }
  return true;
}

void check(WideSkip wide, CharClass wanted) {
  for (std::size_t size = 0; size <= kSizes; ++size) {
    const std::string plain(size, 'a');
    CHECK(agrees(wide, wanted, plain));
    for (std::size_t at = 0; at < size; ++at) {
      std::string stopped = plain;
      stopped[at] = '\r';
      CHECK(agrees(wide, wanted, stopped));
      stopped[size - 1] = '\n';  // a second stop behind it
      CHECK(agrees(wide, wanted, stopped));
    }
  }
  for (unsigned octet = 0; octet < 256; ++octet) {
    for (const std::size_t at : {0U, 15U, 16U, 30U, 31U, 32U, 39U}) {
      std::string changed(40, 'a');
      changed[at] = static_cast<char>(octet);
      CHECK(agrees(wide, wanted, changed));
    }
  }
}

}  // namespace

TEST_CASE("wide skip: stops where the table does, at each size and octet", "[http][scan]") {
  SECTION("names") {
    check(wide::skip_token, kToken);
  }
  SECTION("values") {
    check(wide::skip_value, kValue);
  }
  SECTION("targets") {
    check(wide::skip_target, kTarget);
  }
}
