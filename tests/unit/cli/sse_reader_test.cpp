#include "cli/sse_reader.hpp"

#include "cli/event_view.hpp"
#include "support/catch.hpp"

namespace {

using namespace sluice;

std::vector<std::string> read(const std::string& bytes, std::size_t piece) {
  cli::SseReader reader;
  std::vector<std::string> events;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    REQUIRE(reader.feed(std::string_view(bytes).substr(at, piece), [&](const auto& event) {
      events.push_back(event.id + "|" + event.event + "|" + event.data);
    }));
  }
  return events;
}

}  // namespace

TEST_CASE("sse: events come out whole, however the bytes are cut", "[cli][events]") {
  const std::string stream =
      "retry: 2000\n\n:\n\nid: 1-1\nevent: change\ndata: {\"a\":1}\n\n"
      "id: 1-2\r\nevent:drain\r\ndata: x\r\ndata: y\r\n\r\nevent: lost\ndata: z\n\nid: 1-3\ndata: "
      "unfinished";
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    INFO("piece " << piece);
    REQUIRE(read(stream, piece) ==
            std::vector<std::string>{"1-1|change|{\"a\":1}", "1-2|drain|x\ny", "1-2|lost|z"});
  }
}

TEST_CASE("sse: a line without an end is given up", "[cli][events]") {
  cli::SseReader reader;
  const std::string block(64 * 1024, 'x');
  std::size_t fed = 0;
  while (fed < 64 && reader.feed(block, [](const auto&) {})) ++fed;
  CHECK(fed == 16);
}

TEST_CASE("event view: one line, harmless on a terminal", "[cli][events]") {
  CHECK(cli::event_text(
            R"({"event":"change","time":"2026-01-31T12:00:00.000Z","text":"shop: \u001b[2Jx"})",
            {}) == "2026-01-31T12:00:00.000Z  change    shop: ?[2Jx\n");
  CHECK(cli::event_text(R"({"event":"lost","count":7})", {}) ==
        "lost      7 events came and went before they were read\n");
  CHECK(cli::event_text(R"({"event":"lost","count":null,"restarted":true})", {}).find("anew") !=
        std::string::npos);
  CHECK(cli::event_text("{", {}).starts_with("no event: {"));
}
