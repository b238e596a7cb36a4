#pragma once
#include <cstdint>
#include <functional>
#include <string_view>

#include "common/http_head.hpp"

namespace tools {

/// Takes a request body off the wire, by its length or chunked.
class RequestBody {
 public:
  enum class State { Reading, Done, Broken };
  using Sink = std::function<void(std::string_view)>;

  void begin(const Head& head);
  /// Consumes what belongs to the body and returns how much that was.
  std::size_t feed(std::string_view bytes, const Sink& sink);
  State state() const { return state_; }

 private:
  enum class Part { Length, Size, Data, DataEnd, Trailer };
  std::size_t feed_line(std::string_view bytes);

  State state_ = State::Done;
  Part part_ = Part::Length;
  std::uint64_t remaining_ = 0;
};

}  // namespace tools
