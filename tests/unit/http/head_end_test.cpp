#include <string>

#include "sluice/http/head_scanner.hpp"
#include "support/catch.hpp"
#include "unit/http/heads.hpp"

using sluice::http::HeadEnd;

namespace {

std::optional<std::size_t> find_at_once(std::string_view text) {
  const heads::Bytes bytes(text);
  return HeadEnd().find(bytes.view());
}

/// One byte more each time, as from the slowest sender.
std::optional<std::size_t> find_bytewise(std::string_view text) {
  HeadEnd end;
  for (std::size_t size = 1; size <= text.size(); ++size) {
    const heads::Bytes bytes(text.substr(0, size));
    if (const auto found = end.find(bytes.view())) return found;
  }
  return {};
}

}  // namespace

TEST_CASE("head end: found at once and byte by byte alike", "[http][head_end]") {
  struct Row {
    std::string text;
    std::optional<std::size_t> size;
  };
  const Row rows[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\r\n\r\n", 27},
      {"GET / HTTP/1.1\r\n\r\n", 18},
      {"\r\nGET / HTTP/1.1\r\n\r\n", 20},
      {"\r\n\r\nGET / HTTP/1.1\r\n\r\n", 22},
      {"\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
       6},  // the third empty line is a head of its own, to be refused
      {"\n\n\nGET", 3},
      {"\n\r\nGET / HTTP/1.1\r\n\r\n", 21},
      {"GET / HTTP/1.1\n\n", 16},
      {"GET / HTTP/1.1\nHost: a\n\r\n", 25},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", 26},
      {"GET / HTTP/1.1\r\n\r", std::nullopt},
      {"GET / HTTP/1.1\r\n \r\n", std::nullopt},
      {"GET / HTTP/1.1\r\r\n", std::nullopt},
      {"\r\n\r\n", std::nullopt},
      {"\r", std::nullopt},
      {"", std::nullopt},
  };
  for (const Row& row : rows) {
    INFO(heads::shown(row.text));
    CHECK(find_at_once(row.text) == row.size);
    CHECK(find_bytewise(row.text) == row.size);
  }
}

TEST_CASE("head end: a reset finder starts over", "[http][head_end]") {
  HeadEnd end;
  const std::string text = "A\r\n\r\n";
  CHECK(end.find(text) == 5);
  end.reset();
  CHECK(end.find("B\r\n\r\n") == 5);
}

TEST_CASE("head end: found at each place in bytes of each size", "[http][head_end]") {
  // Blocks of sixteen octets, two at a time, and the one behind: five of them and a bit.
  for (std::size_t size = 4; size <= 84; ++size) {
    const std::string plain(size, 'a');
    CHECK(find_at_once(plain) == std::nullopt);
    for (const std::string_view ending :
         {"\n\n", "\n\r\n", "\r\n\n", "\r\n\r\n", "\n\ra", "\n\r", "\n\t", "\n\x01"}) {
      for (std::size_t at = 1; at + ending.size() <= size; ++at) {
        std::string text = plain;
        text.replace(at, ending.size(), ending);
        const bool ends = ending.ends_with("\n");
        const auto expected = ends ? std::optional(at + ending.size()) : std::nullopt;
        CHECK(find_at_once(text) == expected);
        CHECK(find_bytewise(text) == expected);
        text.front() = '\n';  // a line end before it, alone
        if (at > 2) CHECK(find_at_once(text) == expected);
      }
    }
  }
}
