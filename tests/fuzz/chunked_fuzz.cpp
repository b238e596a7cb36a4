// Any octets as a chunked body, whole and in pieces (the first octet chooses the size of a piece):
// the result is the same, every octet is consumed once, and a body that ended is one that a plain
// reading of the grammar reads alike.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "fuzz/check.hpp"
#include "sluice/http/chunked.hpp"

using namespace sluice::http;
using Event = ChunkDecoder::Event;
using fuzz::check;

namespace {

struct Decoded {
  Event end = Event::NeedMore;
  std::string body;
  std::size_t consumed = 0;
  std::size_t trailers = 0;

  bool operator==(const Decoded&) const = default;
};

Decoded decode(std::string_view input, std::size_t piece_size) {
  ChunkDecoder decoder;
  Decoded out;
  while (out.end == Event::NeedMore && out.consumed < input.size()) {
    const std::string_view piece = input.substr(out.consumed, piece_size);
    const std::unique_ptr<char[]> exact(new char[piece.size()]);
    piece.copy(exact.get(), piece.size());
    std::string_view rest(exact.get(), piece.size());
    do {
      const ChunkDecoder::Step step = decoder.next(rest);
      check(step.consumed <= rest.size(), "consumed more than given");
      check(step.event != Event::NeedMore || step.consumed == rest.size(),
            "wants more, but left some");
      check(step.event != Event::Bad || !step.reason.empty(), "bad without reason");
      check(step.event != Event::Data || !step.data.empty(), "empty data");
      rest.remove_prefix(step.consumed);
      out.consumed += step.consumed;
      out.body += step.data;
      out.end = step.event == Event::Data ? Event::NeedMore : step.event;
    } while (out.end == Event::NeedMore && !rest.empty());
  }
  if (out.end == Event::Bad) out.consumed = 0;  // where a fault is noticed may depend on the pieces
  if (decoder.trailers() != nullptr) out.trailers = decoder.trailers()->size();
  return out;
}

/// RFC 9112 §7.1, read as plainly as can be; nullopt where it ends early. Only for input that was
/// accepted.
std::optional<std::string> plain_reading(std::string_view input) {
  std::string body;
  while (true) {
    const std::size_t line_end = input.find("\r\n");
    if (line_end == std::string_view::npos) return {};
    const std::string size_text(input.substr(0, std::min(line_end, input.find(';'))));
    input.remove_prefix(line_end + 2);
    const std::uint64_t size = std::stoull(size_text, nullptr, 16);
    if (size == 0) return body;
    if (size + 2 > input.size() || input.substr(size, 2) != "\r\n") return {};
    body += input.substr(0, size);
    input.remove_prefix(size + 2);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t piece_size = 1 + fuzz::take_choice(input) % 64;
  if (input.empty()) return 0;
  const Decoded whole = decode(input, input.size());
  check(whole == decode(input, piece_size), "the result depends on the pieces");
  if (whole.end == Event::End) {
    check(plain_reading(input) == whole.body, "a plain reading differs");
    check(input.substr(0, whole.consumed).ends_with("\r\n"), "ended within a line");
  }
  return 0;
}
