#include "sluice/http/chunked.hpp"

#include <algorithm>
#include <string>

#include "http/char_class.hpp"
#include "http/wide_skip.hpp"
#include "sluice/http/head_scanner.hpp"

namespace sluice::http {
namespace {

constexpr std::uint8_t kDigitsMax = 16;
constexpr std::uint64_t kSizeMax = (std::uint64_t{1} << 63U) - 1;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

struct ChunkDecoder::TrailerSection {
  std::string bytes;
  HeadEnd end;
  HeaderBlock fields;
};

ChunkDecoder::ChunkDecoder() = default;
ChunkDecoder::ChunkDecoder(ChunkDecoder&&) noexcept = default;
ChunkDecoder& ChunkDecoder::operator=(ChunkDecoder&&) noexcept = default;
ChunkDecoder::~ChunkDecoder() = default;

const HeaderBlock* ChunkDecoder::trailers() const {
  return state_ == State::Done && trailers_ != nullptr ? &trailers_->fields : nullptr;
}

void ChunkDecoder::reset() {
  *this = ChunkDecoder();
}

//   Size ─ ';' ─> Extension ─ CR ─┐
//    │ ^                          v      size > 0
//    │ │            CR ────────> SizeLf ─────────> Data ─> DataCr ─> DataLf ─> Size
//    └─┼───────────────────────────^ │ size 0
//      │                             v
//      │                        TrailerStart ─ CR ─> EndLf ─> Done
//      │                             └─ other ─> TrailerLines ─> Done
// Any other octet leads to Failed. Each turn of the loop consumes at least one octet or returns.
ChunkDecoder::Step ChunkDecoder::next(std::string_view input) {
  std::size_t at = 0;
  while (true) {
    if (state_ == State::Done) return {Event::End, at, {}, {}};
    if (state_ == State::Failed) return {Event::Bad, at, {}, failure_};
    if (at == input.size()) return {Event::NeedMore, at, {}, {}};
    switch (state_) {
      case State::Size:
        at = read_size(input, at);
        break;
      case State::Extension:
        at = read_extension(input, at);
        break;
      case State::SizeLf:
        if (input[at] != '\n') return fail("bare CR in a chunk-size line", at);
        ++at;
        state_ = remaining_ == 0 ? State::TrailerStart : State::Data;
        break;
      case State::Data: {
        const std::size_t size =
            static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size() - at));
        remaining_ -= size;
        if (remaining_ == 0) state_ = State::DataCr;
        return {Event::Data, at + size, input.substr(at, size), {}};
      }
      case State::DataCr:
        if (input[at] != '\r') return fail("chunk data without its CRLF", at);
        ++at;
        state_ = State::DataLf;
        break;
      case State::DataLf:
        if (input[at] != '\n') return fail("chunk data without its CRLF", at);
        ++at;
        state_ = State::Size;
        digits_ = 0;
        line_bytes_ = 0;
        break;
      case State::TrailerStart:
        if (input[at] == '\r') {
          ++at;
          state_ = State::EndLf;
        } else if (input[at] == '\n') {
          return fail("bare LF behind the last chunk", at);
        } else {
          trailers_ = std::make_unique<TrailerSection>();
          state_ = State::TrailerLines;
        }
        break;
      case State::TrailerLines:
        at = read_trailers(input, at);
        break;
      case State::EndLf:
        if (input[at] != '\n') return fail("bare CR behind the last chunk", at);
        ++at;
        state_ = State::Done;
        break;
      case State::Done:
      case State::Failed:
        break;  // returned above
    }
  }
}

ChunkDecoder::Step ChunkDecoder::fail(std::string_view reason, std::size_t consumed) {
  state_ = State::Failed;
  failure_ = reason;
  return {Event::Bad, consumed, {}, reason};
}

std::size_t ChunkDecoder::read_size(std::string_view input, std::size_t at) {
  for (; at < input.size(); ++at) {
    const int digit = hex_value(input[at]);
    if (digit < 0) break;
    if (digits_ == kDigitsMax) return fail("chunk size with too many digits", at).consumed;
    remaining_ = remaining_ << 4U | static_cast<unsigned>(digit);
    ++digits_;
  }
  if (at == input.size()) return at;
  if (digits_ == 0) return fail("chunk size without a digit", at).consumed;
  if (remaining_ > kSizeMax) return fail("chunk size over 2^63-1", at).consumed;
  // RFC 9112 §7.1.1 allows blanks before the ';' (bad whitespace): refused, as every reader treats
  // them differently.
  if (input[at] == ';') {
    state_ = State::Extension;
    line_bytes_ = static_cast<std::uint16_t>(digits_ + 1);
  } else if (input[at] == '\r') {
    state_ = State::SizeLf;
  } else {
    return fail(input[at] == '\n' ? "bare LF in a chunk-size line" : "malformed chunk size", at)
        .consumed;
  }
  return at + 1;
}

std::size_t ChunkDecoder::read_extension(std::string_view input, std::size_t at) {
  const std::size_t room = std::min(core::limits::kChunkLineMax - line_bytes_,
                                    core::limits::kChunkExtensionsMax - extension_bytes_);
  const std::string_view part = input.substr(at, room + 1);
  const char* const end = part.data() + part.size();
  const auto size =
      static_cast<std::size_t>(wide::skip_value(part.data(), part.data(), end) - part.data());
  if (size > room) return fail("chunk extensions too large", at).consumed;
  line_bytes_ = static_cast<std::uint16_t>(line_bytes_ + size);
  extension_bytes_ += static_cast<std::uint32_t>(size);
  at += size;
  if (at == input.size()) return at;
  if (input[at] != '\r') return fail("control byte in a chunk extension", at).consumed;
  state_ = State::SizeLf;
  return at + 1;
}

std::size_t ChunkDecoder::read_trailers(std::string_view input, std::size_t at) {
  std::string& bytes = trailers_->bytes;
  const std::size_t before = bytes.size();
  bytes.append(input.substr(at, core::limits::kTrailersMax - before));
  const std::optional<std::size_t> size = trailers_->end.find(bytes);
  if (!size) {
    if (bytes.size() == core::limits::kTrailersMax)
      return fail("trailer section too large", at).consumed;
    return at + bytes.size() - before;
  }
  bytes.resize(*size);
  if (const std::optional<Refusal> refusal = scan_trailers(bytes, trailers_->fields)) {
    return fail(refusal->reason, at).consumed;
  }
  state_ = State::Done;
  return at + *size - before;
}

}  // namespace sluice::http
