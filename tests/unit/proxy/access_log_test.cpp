#include "proxy/access_log.hpp"

#include <memory>
#include <string>

#include "support/catch.hpp"

namespace sluice::proxy {
namespace {

using namespace std::string_view_literals;

std::string line_of(const LogRecord& record) {
  std::string out;
  format_json(record, out);
  return out;
}

LogRecord full() {
  LogRecord r;
  r.time = core::WallTime(std::chrono::milliseconds(1'769'860'800'123));
  r.request_id = "id-1";
  r.client = "192.0.2.7";
  r.method = "GET";
  r.host = "shop.example.com";
  r.path = "/cart";
  r.status = 200;
  r.bytes_in = 0;
  r.bytes_out = 1024;
  r.duration = std::chrono::microseconds(12'345);
  r.connect = std::chrono::microseconds(7);
  r.first_byte = std::chrono::microseconds(1'000);
  r.service = "shop";
  r.pool = "blue";
  r.endpoint = "127.0.0.1:9001";
  r.reason = "live";
  r.bucket = std::uint16_t{8756};
  r.generation = 42U;
  r.user_agent = "curl/8";
  r.limited_by = "login";
  r.shed = "memory";
  return r;
}

TEST_CASE("access log: all names of behaviour.md §5, in order, absent ones null", "[proxy][log]") {
  CHECK(
      line_of(full()) ==
      R"({"time":"2026-01-31T12:00:00.123Z","request_id":"id-1","client":"192.0.2.7","method":"GET",)"
      R"("host":"shop.example.com","path":"/cart","status":200,"bytes_in":0,"bytes_out":1024,"duration_ms":12.345,)"
      R"("connect_ms":0.007,"first_byte_ms":1.000,"service":"shop","pool":"blue","endpoint":"127.0.0.1:9001",)"
      R"("reason":"live","bucket":8756,"generation":42,"retries":0,"rescued_from":null,"user_agent":"curl/8","limited_by":"login","breaker":null,"shed":"memory","error":null})"
      "\n");
  CHECK(
      line_of(LogRecord{}) ==
      R"({"time":"1970-01-01T00:00:00.000Z","request_id":null,"client":null,"method":null,"host":null,"path":null,)"
      R"("status":null,"bytes_in":0,"bytes_out":0,"duration_ms":0.000,"connect_ms":null,"first_byte_ms":null,)"
      R"("service":null,"pool":null,"endpoint":null,"reason":null,"bucket":null,"generation":null,"retries":0,)"
      R"("rescued_from":null,"user_agent":null,"limited_by":null,"breaker":null,"shed":null,"error":null})"
      "\n");
}

std::string combined(const LogRecord& record) {
  std::string out;
  format_combined(record, out);
  return out;
}

TEST_CASE("access log: the combined format is that of Apache and nginx", "[proxy][log]") {
  LogRecord record = full();
  record.referer = "https://example.com/";
  record.protocol = "HTTP/1.1";
  CHECK(combined(record) ==
        "192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] \"GET /cart HTTP/1.1\" 200 1024 "
        "\"https://example.com/\" \"curl/8\"\n");
  // A request line that could not be read; a Unix socket.
  CHECK(combined(LogRecord{}) == "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 0 0 \"-\" \"-\"\n");
}

TEST_CASE("access log: nothing in a combined line ends it or its quotes", "[proxy][log]") {
  LogRecord record = full();
  record.protocol = "HTTP/1.0";
  record.path = "/\"x\\";
  record.user_agent = "a\r\n\x7F\xC3\xBC\0b"sv;
  CHECK(combined(record) ==
        "192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] \"GET /\\x22x\\x5C HTTP/1.0\" 200 1024 \"-\" "
        "\"a\\x0D\\x0A\\x7F\\xC3\\xBC\\x00b\"\n");
}

TEST_CASE("access log: bytes that would break a line or are not UTF-8 can't", "[proxy][log]") {
  const auto path_as_logged = [](std::string_view path) {
    LogRecord record;
    record.path = path;
    const std::string line = line_of(record);
    const std::size_t at = line.find("\"path\":") + 7;
    return line.substr(at, line.find(",\"status\"") - at);
  };
  CHECK(path_as_logged("/a\"b\\c") == R"("/a\"b\\c")");
  CHECK(path_as_logged("/\n\r\t\x01\x1f") == R"("/\n\r\t\u0001\u001f")");
  CHECK(path_as_logged("/\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80") ==
        "\"/\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"");
  CHECK(path_as_logged("/\xFF") == "\"/\xEF\xBF\xBD\"");
  CHECK(path_as_logged("/\xC3") == "\"/\xEF\xBF\xBD\"");                  // cut short
  CHECK(path_as_logged("/\xC0\xAF") == "\"/\xEF\xBF\xBD\xEF\xBF\xBD\"");  // overlong
  CHECK(path_as_logged("/\xED\xA0\x80") ==
        "\"/\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");  // surrogate
  CHECK(path_as_logged("/\xF4\x90\x80\x80") ==
        "\"/\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");  // beyond
}

TEST_CASE("access log: an owned record outlives the memory that it was made of", "[proxy][log]") {
  std::unique_ptr<OwnedLogRecord> owned;
  std::string expected;
  {
    std::string memory = "PUT /path agent id 10.0.0.1 host endpoint";
    const std::string_view all = memory;
    LogRecord record = full();
    record.method = all.substr(0, 3);
    record.path = all.substr(4, 5);
    record.user_agent = all.substr(10, 5);
    record.host = ""sv;  // present but empty stays present
    expected = line_of(record);
    owned = std::make_unique<OwnedLogRecord>(record);
    memory.assign(memory.size(), 'X');
  }
  CHECK(line_of(owned->record()) == expected);
}

}  // namespace
}  // namespace sluice::proxy
