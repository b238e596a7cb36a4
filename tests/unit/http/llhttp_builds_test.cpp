#include "http/llhttp_builds.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "support/catch.hpp"
#include "unit/http/heads.hpp"

using namespace sluice::http;

namespace {

int count_field(llhttp_t* parser) {
  ++*static_cast<unsigned*>(parser->data);
  return 0;
}

/// All that a build of llhttp has to say about a head.
struct Reading {
  int error = 0;
  std::ptrdiff_t error_at = 0;
  std::string reason;
  unsigned fields = 0;
  int method = 0, status = 0, major = 0, minor = 0, flags = 0, upgrade = 0;
  std::uint64_t length = 0;

  bool operator==(const Reading&) const = default;
};

Reading read(LlhttpExecute execute, llhttp_type_t type, std::string_view text) {
  const heads::Bytes bytes(text);
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_header_value_complete = count_field;
  settings.on_headers_complete = [](llhttp_t*) -> int { return HPE_PAUSED; };
  Reading reading;
  llhttp_t parser;
  llhttp_init(&parser, type, &settings);
  parser.data = &reading.fields;
  reading.error = execute(&parser, bytes.view().data(), bytes.view().size());
  if (reading.error != HPE_OK) {
    reading.error_at = llhttp_get_error_pos(&parser) - bytes.view().data();
    if (parser.reason != nullptr) reading.reason = parser.reason;
  }
  reading.method = parser.method;
  reading.status = parser.status_code;
  reading.major = parser.http_major;
  reading.minor = parser.http_minor;
  reading.flags = parser.flags;
  reading.upgrade = parser.upgrade;
  reading.length = parser.content_length;
  return reading;
}

bool agree(llhttp_type_t type, std::string_view text) {
  return read(llhttp_execute, type, text) == read(llhttp_for_sse42(), type, text);
}

std::string request(std::string_view path, std::string_view name, std::string_view value) {
  std::string head = "GET /";
  head.append(path).append(" HTTP/1.1\r\nHost: a\r\n");
  head.append(name).append(": ").append(value).append("\r\nContent-Length: 7\r\n\r\n");
  return head;
}

/// The blocks have sixteen octets: a part of each size up to three of them, at each distance from
/// the end of the bytes.
constexpr std::size_t kSizes = 50;

}  // namespace

TEST_CASE("llhttp: both builds read names, values and targets of each size alike",
          "[http][llhttp]") {
  if (llhttp_for_sse42() == nullptr) return;
  for (std::size_t size = 0; size < kSizes; ++size) {
    const std::string part(size, 'x');
    for (const std::string& head : {request(part, "a", "b"), request("", "a" + part, "b"),
                                    request("", "a", part), request("", "a", part + " \t ")}) {
      CHECK(agree(HTTP_REQUEST, head));
      for (std::size_t cut = 1; cut < head.size(); ++cut) {
        CHECK(agree(HTTP_REQUEST, std::string_view(head).substr(0, cut)));
      }
    }
    CHECK(agree(HTTP_RESPONSE, "HTTP/1.1 200 " + part + "\r\nA: b\r\n\r\n"));
    CHECK(agree(HTTP_RESPONSE, "HTTP/1.1 200 OK\r\nA" + part + ": " + part + "\r\n\r\n"));
  }
}

TEST_CASE("llhttp: both builds refuse the same octets at the same place", "[http][llhttp]") {
  if (llhttp_for_sse42() == nullptr) return;
  const std::string part(kSizes, 'x');
  for (unsigned octet = 0; octet < 256; ++octet) {
    for (std::size_t at = 0; at < kSizes; at += 3) {
      std::string changed = part;
      changed[at] = static_cast<char>(octet);
      CHECK(agree(HTTP_REQUEST, request(changed, "a", "b")));
      CHECK(agree(HTTP_REQUEST, request("", changed, "b")));
      CHECK(agree(HTTP_REQUEST, request("", "a", changed)));
    }
  }
}

TEST_CASE("llhttp: both builds read the fuzzers' heads alike", "[http][llhttp]") {
  if (llhttp_for_sse42() == nullptr) return;
  unsigned files = 0;
  for (const char* corpus : {"request_head", "response_head", "forward_differential"}) {
    for (const auto& entry : std::filesystem::directory_iterator(
             std::filesystem::path(SLUICE_SOURCE_DIR) / "tests/fuzz/corpus" / corpus)) {
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
      CAPTURE(entry.path().string());
      CHECK(agree(HTTP_REQUEST, bytes));
      CHECK(agree(HTTP_RESPONSE, bytes));
      ++files;
    }
  }
  CHECK(files > 0);
}
