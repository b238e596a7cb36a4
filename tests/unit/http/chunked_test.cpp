#include "sluice/http/chunked.hpp"

#include <string>
#include <vector>

#include "sluice/core/rng.hpp"
#include "sluice/http/h1_writer.hpp"
#include "support/catch.hpp"
#include "unit/http/heads.hpp"

using namespace sluice::http;
using namespace std::string_literals;
using Event = ChunkDecoder::Event;

namespace {

struct Decoded {
  Event end = Event::NeedMore;
  std::string body;
  std::string reason;
  std::size_t consumed = 0;
  std::vector<std::pair<std::string, std::string>> trailers;
  bool has_trailers = false;
};

/// Feeds `pieces` one after the other, each from heap memory of exactly its size.
Decoded decode_pieces(const std::vector<std::string>& pieces) {
  ChunkDecoder decoder;
  Decoded out;
  for (const std::string& piece : pieces) {
    const heads::Bytes bytes(piece);
    std::string_view rest = bytes.view();
    while (true) {
      const ChunkDecoder::Step step = decoder.next(rest);
      REQUIRE(step.consumed <= rest.size());
      out.consumed += step.consumed;
      rest.remove_prefix(step.consumed);
      out.end = step.event;
      if (step.event == Event::Data) {
        REQUIRE_FALSE(step.data.empty());
        out.body += step.data;
        continue;
      }
      if (step.event == Event::NeedMore) REQUIRE(rest.empty());
      if (step.event == Event::Bad) {
        out.reason = step.reason;
        REQUIRE_FALSE(out.reason.empty());
      }
      break;
    }
    if (out.end != Event::NeedMore) break;
  }
  if (const HeaderBlock* trailers = decoder.trailers()) {
    out.has_trailers = true;
    for (std::size_t i = 0; i < trailers->size(); ++i) {
      out.trailers.emplace_back((*trailers)[i].name, (*trailers)[i].value);
    }
  }
  return out;
}

Decoded decode(const std::string& text) {
  return decode_pieces({text});
}

}  // namespace

TEST_CASE("chunked: bodies are decoded and what follows is left", "[http][chunked]") {
  const Decoded read = decode("5\r\nhello\r\n00a;x=\"y z\"\r\n0123456789\r\n0\r\n\r\nGET /");
  CHECK(read.end == Event::End);
  CHECK(read.body == "hello0123456789");
  CHECK(read.consumed == "5\r\nhello\r\n00a;x=\"y z\"\r\n0123456789\r\n0\r\n\r\n"s.size());
  CHECK_FALSE(read.has_trailers);
}

TEST_CASE("chunked: the empty body, in each of its spellings", "[http][chunked]") {
  for (const char* text : {"0\r\n\r\n", "000\r\n\r\n", "0000000000000000\r\n\r\n", "0;a\r\n\r\n"}) {
    INFO(text);
    const Decoded read = decode(text);
    CHECK(read.end == Event::End);
    CHECK(read.body.empty());
  }
}

TEST_CASE("chunked: what is not exactly the grammar is refused", "[http][chunked]") {
  struct Row {
    std::string text;
    const char* reason;
  };
  const Row rows[] = {
      {"\r\n", "chunk size without a digit"},
      {";a\r\n", "chunk size without a digit"},
      {"+5\r\nhello\r\n", "chunk size without a digit"},
      {"-5\r\nhello\r\n", "chunk size without a digit"},
      {" 5\r\nhello\r\n", "chunk size without a digit"},
      {"g\r\n", "chunk size without a digit"},
      {"\n5\r\nhello", "chunk size without a digit"},
      {"0x5\r\nhello\r\n", "malformed chunk size"},
      {"_5\r\nhello\r\n", "chunk size without a digit"},
      {"5_0\r\nhello\r\n", "malformed chunk size"},
      {"5_\r\nhello\r\n", "malformed chunk size"},
      {"5,5\r\nhello\r\n", "malformed chunk size"},
      {"5 \r\nhello\r\n", "malformed chunk size"},
      {"5\t\r\nhello\r\n", "malformed chunk size"},
      {"5 ;a\r\nhello\r\n", "malformed chunk size"},
      {"5g\r\nhello\r\n", "malformed chunk size"},
      {"5.\r\nhello\r\n", "malformed chunk size"},
      {"5\0\r\nhello\r\n"s, "malformed chunk size"},
      {"5\nhello\r\n", "bare LF in a chunk-size line"},
      {"5\rhello\r\n", "bare CR in a chunk-size line"},
      {"5\r\rhello\r\n", "bare CR in a chunk-size line"},
      {"00000000000000005\r\nhello\r\n", "chunk size with too many digits"},
      {"10000000000000000\r\n", "chunk size with too many digits"},
      {"8000000000000000\r\n", "chunk size over 2^63-1"},
      {"ffffffffffffffff\r\n", "chunk size over 2^63-1"},
      {"5;a\nhello\r\n", "control byte in a chunk extension"},
      {"5;a\rb\r\nhello\r\n", "bare CR in a chunk-size line"},
      {"5;a\0b\r\nhello\r\n"s, "control byte in a chunk extension"},
      {"5;\x01\r\nhello\r\n", "control byte in a chunk extension"},
      // Lines that one reader ends at the LF and another one at the CRLF behind it
      // (CVE-2025-55315, CVE-2025-58056), and ends of chunks that one skips and another one reads
      // (CVE-2025-43859).
      {"5;\nhello\r\n", "control byte in a chunk extension"},
      {"5;a=\"\n\"\r\nhello\r\n", "control byte in a chunk extension"},
      {"5;\r\rhello\r\n", "bare CR in a chunk-size line"},
      {"5\r\nhello\r\n0;\n\r\n", "control byte in a chunk extension"},
      {"5\r\nhello\r\n\r\n0\r\n\r\n", "chunk size without a digit"},
      {"5\r\nhello\n\r0\r\n\r\n", "chunk data without its CRLF"},
      {"5\r\nhello5\r\n", "chunk data without its CRLF"},
      {"5\r\nhello\n5\r\n", "chunk data without its CRLF"},
      {"5\r\nhello\r5\r\n", "chunk data without its CRLF"},
      {"5\r\nhello\n\n0\r\n\r\n", "chunk data without its CRLF"},
      {"5\r\nhelloX\n0\r\n\r\n", "chunk data without its CRLF"},
      {"5\r\nhelloXX0\r\n\r\n", "chunk data without its CRLF"},
      {"5\r\nhello\r\r\n", "chunk data without its CRLF"},
      {"0\r\n\n", "bare LF behind the last chunk"},
      {"0\r\n\rX", "bare CR behind the last chunk"},
      {"0\n\r\n", "bare LF in a chunk-size line"},
      {"0\r\nA : b\r\n\r\n", "whitespace in or behind a field name"},
      {"0\r\n A: b\r\n\r\n", "whitespace before the first field"},
      {"0\r\nA: b\r\n c\r\n\r\n", "folded field line"},
      {"0\r\nA: b\n\r\n", "bare LF"},
      {"0\r\nA: b\r\n\n", "bare LF"},
      {"0\r\nA: \x01\r\n\r\n", "control byte"},
      {"0\r\nA: \0\r\n\r\n"s, "NUL"},
      {"0\r\nA: b\rc\r\n\r\n", "bare CR"},
      {"0\r\nA\r\n\r\n", "field line without a colon"},
      {"0\r\n: b\r\n\r\n", "empty field name"},
      {"0\r\nGET / HTTP/1.1\r\n\r\n", "whitespace in or behind a field name"},
  };
  for (const Row& row : rows) {
    INFO(heads::shown(row.text));
    const Decoded read = decode(row.text);
    CHECK(read.end == Event::Bad);
    CHECK(read.reason == row.reason);
  }
}

TEST_CASE("chunked: only within a chunk it is certain how much body is left", "[http][chunked]") {
  ChunkDecoder decoder;
  CHECK(decoder.data_left() == 0);
  decoder.next("5\r");
  CHECK(decoder.data_left() == 0);
  decoder.next("\n");
  CHECK(decoder.data_left() == 5);
  decoder.next("ab");
  CHECK(decoder.data_left() == 3);
  decoder.next("cde");
  CHECK(decoder.data_left() == 0);
  decoder.next("\r\n");
  CHECK(decoder.data_left() == 0);
}

TEST_CASE("chunked: the largest size is read as it stands", "[http][chunked]") {
  const Decoded read = decode("7fffffffffffffff\r\nabc");
  CHECK(read.end == Event::NeedMore);
  CHECK(read.body == "abc");
}

TEST_CASE("chunked: a cut body never ends", "[http][chunked]") {
  const std::string text = "5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n";
  for (std::size_t size = 0; size < text.size(); ++size) {
    INFO(size);
    CHECK(decode(text.substr(0, size)).end == Event::NeedMore);
  }
  CHECK(decode(text).end == Event::End);
}

TEST_CASE("chunked: split at every byte, and byte by byte, it reads the same", "[http][chunked]") {
  const std::string text =
      "5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nX: y\r\nContent-Length: 3\r\n\r\n";
  const auto check = [&text](const std::vector<std::string>& pieces) {
    const Decoded read = decode_pieces(pieces);
    CHECK(read.end == Event::End);
    CHECK(read.body == "hello0123456789");
    CHECK(read.consumed == text.size());
    REQUIRE(read.trailers.size() == 1);
    CHECK(read.trailers[0] == std::pair<std::string, std::string>("X", "y"));
  };
  for (std::size_t at = 0; at <= text.size(); ++at)
    check({text.substr(0, at), text.substr(at) + "NEXT"});
  std::vector<std::string> bytes;
  for (const char c : text) bytes.emplace_back(1, c);
  check(bytes);
}

TEST_CASE("chunked: refusals do not depend on how the bytes arrive", "[http][chunked]") {
  for (const std::string& text : {"5\r\nhelloX"s, "5\nhello"s, "0x5\r\n"s, "0\r\nA : b\r\n\r\n"s,
                                  "5;\x01\r\n"s, "0\r\n\rX"s}) {
    INFO(heads::shown(text));
    const std::string reason = decode(text).reason;
    for (std::size_t at = 0; at <= text.size(); ++at)
      CHECK(decode_pieces({text.substr(0, at), text.substr(at)}).reason == reason);
  }
}

TEST_CASE("chunked: the size line at its limit and one past it", "[http][chunked][limits]") {
  using sluice::core::limits::kChunkLineMax;
  const auto line = [](std::size_t size) {
    return "1;" + std::string(size - 2, 'x') + "\r\na\r\n0\r\n\r\n";
  };
  CHECK(decode(line(kChunkLineMax)).end == Event::End);
  CHECK(decode(line(kChunkLineMax + 1)).reason == "chunk extensions too large");
}

TEST_CASE("chunked: extensions of many chunks are bounded together", "[http][chunked][limits]") {
  using sluice::core::limits::kChunkExtensionsMax;
  std::string text;
  for (std::size_t i = 0; i < kChunkExtensionsMax / 64; ++i)
    text += "1;" + std::string(64, 'x') + "\r\na\r\n";
  CHECK(decode(text + "0\r\n\r\n").end == Event::End);
  CHECK(decode(text + "1;x\r\na\r\n0\r\n\r\n").reason == "chunk extensions too large");
}

TEST_CASE("chunked: the trailer section at its limit and one past it", "[http][chunked][limits]") {
  using sluice::core::limits::kTrailersMax;
  const auto text = [](std::size_t size) {
    return "0\r\nX: " + std::string(size - 7, 'v') + "\r\n\r\n";
  };
  CHECK(decode(text(kTrailersMax)).end == Event::End);
  CHECK(decode(text(kTrailersMax + 1)).reason == "trailer section too large");
  CHECK(decode("0\r\nX: " + std::string(2 * kTrailersMax, 'v')).reason ==
        "trailer section too large");
}

TEST_CASE("chunked: after the end and after a fault it stays there until reset",
          "[http][chunked]") {
  ChunkDecoder decoder;
  CHECK(decoder.next("0\r\nA: b\r\n\r\n").event == Event::End);
  CHECK(decoder.trailers() != nullptr);
  const ChunkDecoder::Step again = decoder.next("5\r\n");
  CHECK(again.event == Event::End);
  CHECK(again.consumed == 0);
  decoder.reset();
  CHECK(decoder.trailers() == nullptr);
  CHECK(decoder.next("x").event == Event::Bad);
  CHECK(decoder.next("0\r\n\r\n").event == Event::Bad);
  CHECK_FALSE(decoder.next("0\r\n\r\n").reason.empty());
  decoder.reset();
  CHECK(decoder.next("0\r\n\r\n").event == Event::End);
}

TEST_CASE("chunked: what the writer frames is decoded, however it is cut",
          "[http][chunked][property]") {
  const std::uint64_t seed = GENERATE(41U, 42U);
  INFO("seed " << seed);
  sluice::core::Rng rng(seed);
  for (int round = 0; round < 300; ++round) {
    std::string body;
    std::string wire;
    for (std::uint32_t chunks = rng.below(6); chunks > 0; --chunks) {
      const std::string data(1 + rng.below(700), static_cast<char>(rng.below(256)));
      std::array<char, 20> scratch{};
      wire += chunk_line(data.size(), scratch);
      wire += data;
      wire += kChunkEnd;
      body += data;
    }
    wire += kLastChunk;
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < wire.size();) {
      const std::size_t size = 1 + rng.below(200);
      pieces.push_back(wire.substr(at, size));
      at += size;
    }
    const Decoded read = decode_pieces(pieces);
    REQUIRE(read.end == Event::End);
    REQUIRE(read.body == body);
  }
}
