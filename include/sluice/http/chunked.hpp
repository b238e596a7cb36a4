#pragma once
#include <cstdint>
#include <memory>
#include <string_view>

#include "sluice/http/message.hpp"

namespace sluice::http {

/// Decodes a chunked body (RFC 9112 §7.1), refusing everything that is not exactly that grammar:
/// sizes are 1–16 hex digits without sign or space and at most 2^63-1, line ends are CRLF,
/// extensions are dropped and bounded, data is followed by its CRLF. Bytes in, spans out; the spans
/// point into the input. Allocates only for a trailer section.
class ChunkDecoder {
 public:
  enum class Event : std::uint8_t {
    NeedMore,  // all input consumed, the body goes on
    Data,      // `data` is body; call again with the rest
    End,       // last chunk and trailer section complete; the rest of the input is not ours
    Bad,       // malformed: `reason` says why; the connection can't be used further
  };
  struct Step {
    Event event = Event::NeedMore;
    std::size_t consumed = 0;  // of the input, always; Data included
    std::string_view data;
    std::string_view reason;
  };

  ChunkDecoder();
  ChunkDecoder(ChunkDecoder&&) noexcept;
  ChunkDecoder& operator=(ChunkDecoder&&) noexcept;
  ~ChunkDecoder();

  /// After End every call is End with nothing consumed, after Bad every call is Bad.
  Step next(std::string_view input);
  /// After End: the trailer fields that may be passed on (views into this decoder), nullptr when
  /// there was no trailer section. Usually nullptr.
  const HeaderBlock* trailers() const;
  /// Of the chunk whose data is being read: bytes that are body whatever they are. 0 between
  /// chunks.
  std::uint64_t data_left() const { return state_ == State::Data ? remaining_ : 0; }
  /// Ready for another body.
  void reset();

 private:
  struct TrailerSection;
  enum class State : std::uint8_t {
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerLines,
    EndLf,
    Done,
    Failed
  };

  Step fail(std::string_view reason, std::size_t consumed);
  std::size_t read_size(std::string_view input, std::size_t at);
  std::size_t read_extension(std::string_view input, std::size_t at);
  std::size_t read_trailers(std::string_view input, std::size_t at);

  State state_ = State::Size;
  std::uint8_t digits_ = 0;
  std::uint16_t line_bytes_ = 0;       // of the chunk-size line, extension included
  std::uint32_t extension_bytes_ = 0;  // of all chunks
  std::uint64_t remaining_ = 0;        // of the chunk
  std::string_view failure_;           // static text
  std::unique_ptr<TrailerSection> trailers_;
};

}  // namespace sluice::http
