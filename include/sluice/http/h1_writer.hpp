#pragma once
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "sluice/http/message.hpp"

namespace sluice::http {

/// Writes one HTTP/1.1 head into memory of the caller (a worker's scratch area). Bounded: once something did not fit,
/// overflowed() is true and the head must not be sent. Names and values are written as given: callers pass only scanned or
/// own text, never raw input.
class HeadWriter {
 public:
  explicit HeadWriter(std::span<char> out) : out_(out) {}

  void request_line(std::string_view method, std::string_view target) {
    put(method);
    put(" ");
    put(target);
    put(" HTTP/1.1\r\n");
  }
  /// The status line says HTTP/1.1 also to 1.0 clients (RFC 9110 §6.2).
  void status_line(std::uint16_t status, std::string_view reason);
  void field(std::string_view name, std::string_view value) {
    char* at = reserve(name.size() + value.size() + 4);
    if (at == nullptr) return;
    at = copy(copy(at, name), ": ");
    copy(copy(at, value), "\r\n");
  }
  void field(std::string_view name, std::uint64_t value);
  /// For values in parts: begin_field(name), put(...)*, end_field().
  void begin_field(std::string_view name) {
    put(name);
    put(": ");
  }
  void end_field() { put("\r\n"); }
  void end_head() { put("\r\n"); }
  void put(std::string_view text) {
    if (char* const at = reserve(text.size())) copy(at, text);
  }
  void put(std::uint64_t number);

  bool overflowed() const { return overflowed_; }
  std::string_view written() const { return {out_.data(), used_}; }

 private:
  /// Memory for `size` octets, counted as used; nullptr when they do not fit.
  char* reserve(std::size_t size) {
    if (size > out_.size() - used_) {
      overflowed_ = true;
      return nullptr;
    }
    char* const at = out_.data() + used_;
    used_ += size;
    return at;
  }
  static char* copy(char* at, std::string_view text) {
    // data() of an empty view may be null, which memcpy must not be given.
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    return at + text.size();
  }

  std::span<char> out_;
  std::size_t used_ = 0;
  bool overflowed_ = false;
};

/// `1f4\r\n`: the line before a chunk of that size; size 0 is not allowed here. Fits 18 bytes.
std::string_view chunk_line(std::size_t size, std::array<char, 20>& out);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
inline constexpr std::string_view kLastChunkLine = "0\r\n";  // trailer lines and an empty line follow

/// Reason phrase of RFC 9110 §15; empty for unknown codes.
std::string_view reason_phrase(std::uint16_t status);

}  // namespace sluice::http
