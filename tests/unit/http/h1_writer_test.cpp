#include "sluice/http/h1_writer.hpp"

#include <string>

#include "support/catch.hpp"

using namespace sluice::http;

TEST_CASE("head writer: numbers of each length", "[http][writer]") {
  std::array<char, 64> buffer;
  std::uint64_t power = 1;
  for (int digits = 1; digits <= 19; ++digits, power *= 10) {
    for (const std::uint64_t number : {power, power + 9, power * 10 - 1}) {
      sluice::http::HeadWriter out(buffer);
      out.put(number);
      CHECK(out.written() == std::to_string(number));
    }
  }
}

TEST_CASE("head writer: writes lines with their ends", "[http][writer]") {
  std::array<char, 256> memory{};
  HeadWriter out(memory);
  out.request_line("GET", "/a");
  out.field("Host", "b");
  out.field("N", std::uint64_t{18'446'744'073'709'551'615U});
  out.field("Zero", std::uint64_t{0});
  out.begin_field("P");
  out.put("x");
  out.put(std::uint64_t{12});
  out.end_field();
  out.end_head();
  CHECK(out.written() ==
        "GET /a HTTP/1.1\r\nHost: b\r\nN: 18446744073709551615\r\nZero: 0\r\nP: x12\r\n\r\n");
  CHECK_FALSE(out.overflowed());
}

TEST_CASE("head writer: status lines", "[http][writer]") {
  std::array<char, 64> memory{};
  HeadWriter out(memory);
  out.status_line(404, "Not Found");
  out.status_line(100, "");
  out.status_line(999, "x");
  CHECK(out.written() == "HTTP/1.1 404 Not Found\r\nHTTP/1.1 100 \r\nHTTP/1.1 999 x\r\n");
}

TEST_CASE("head writer: says when something did not fit, and never writes past its memory",
          "[http][writer]") {
  std::array<char, 8> memory{};
  HeadWriter exact(memory);
  exact.put("12345678");
  CHECK_FALSE(exact.overflowed());
  exact.put("");
  CHECK_FALSE(exact.overflowed());
  exact.put("9");
  CHECK(exact.overflowed());
  HeadWriter over(memory);
  over.put("123456789");
  CHECK(over.overflowed());
  over.put("1");  // fits, but the head is broken already
  CHECK(over.overflowed());
}

TEST_CASE("head writer: of several parts all are written or none", "[http][writer]") {
  std::array<char, 12> memory{};
  HeadWriter exact(memory);
  exact.put("ab", std::string_view(), "", std::string("cdefgh"), std::string_view("ijkl"));
  CHECK(exact.written() == "abcdefghijkl");
  CHECK_FALSE(exact.overflowed());
  HeadWriter over(memory);
  over.put("ab", std::string_view("cdefgh"), "ijklm");
  CHECK(over.written().empty());
  CHECK(over.overflowed());
  HeadWriter field(memory);
  field.field("abcdef", "gh");
  CHECK(field.written() == "abcdef: gh\r\n");
  field.field("a", "");
  CHECK(field.written() == "abcdef: gh\r\n");
  CHECK(field.overflowed());
}

TEST_CASE("chunk line: hexadecimal with its CRLF", "[http][writer]") {
  std::array<char, 20> scratch{};
  CHECK(chunk_line(1, scratch) == "1\r\n");
  CHECK(chunk_line(500, scratch) == "1f4\r\n");
  CHECK(chunk_line(SIZE_MAX, scratch) == "ffffffffffffffff\r\n");
}

TEST_CASE("reason phrases: those of RFC 9110 section 15, none for others", "[http][writer]") {
  CHECK(reason_phrase(200) == "OK");
  CHECK(reason_phrase(413) == "Content Too Large");
  CHECK(reason_phrase(431) == "Request Header Fields Too Large");
  CHECK(reason_phrase(505) == "HTTP Version Not Supported");
  CHECK(reason_phrase(299).empty());
  CHECK(reason_phrase(999).empty());
}
