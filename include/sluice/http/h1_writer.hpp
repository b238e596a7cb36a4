#pragma once
#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "sluice/http/message.hpp"

namespace sluice::http {

/// A number in digits. Written from its end, by pairs: std::to_chars counts the digits first, which
/// takes twice the instructions, and an answer has up to three numbers.
class Decimal {
 public:
  explicit Decimal(std::uint64_t number) {
    for (; number >= 100; number /= 100) put_pair(number % 100);
    if (number >= 10) {
      put_pair(number);
    } else {
      *--begin_ = static_cast<char>('0' + number);
    }
  }
  Decimal(const Decimal&) = delete;
  Decimal& operator=(const Decimal&) = delete;
  std::string_view text() const {
    return {begin_, static_cast<std::size_t>(digits_.data() + digits_.size() - begin_)};
  }

 private:
  static constexpr std::array<char, 200> kPairs = [] {
    std::array<char, 200> pairs{};
    for (std::size_t i = 0; i < pairs.size(); ++i)
      pairs[i] = static_cast<char>('0' + (i % 2 == 0 ? i / 20 : i / 2 % 10));
    return pairs;
  }();
  void put_pair(std::uint64_t number) {
    begin_ -= 2;
    std::memcpy(begin_, &kPairs[2 * number], 2);
  }

  std::array<char, 20> digits_;  // set from begin_ on
  char* begin_ = digits_.data() + digits_.size();
};

/// Writes one HTTP/1.1 head into memory of the caller (a worker's scratch area). Bounded: once
/// something did not fit, overflowed() is true and the head must not be sent. Names and values are
/// written as given: callers pass only scanned or own text, never raw input.
class HeadWriter {
 public:
  explicit HeadWriter(std::span<char> out)
      : begin_(out.data()), at_(begin_), end_(begin_ + out.size()) {}

  void request_line(std::string_view method, std::string_view target) {
    put(method, " ", target, " HTTP/1.1\r\n");
  }
  /// The status line says HTTP/1.1 also to 1.0 clients (RFC 9110 §6.2).
  void status_line(std::uint16_t status, std::string_view reason);
  template <typename Name, typename Value>
  requires std::convertible_to<Value, std::string_view>
  void field(const Name& name, const Value& value) { put(name, ": ", value, "\r\n"); }
  void field(std::string_view name, std::uint64_t value);
  /// For values in parts: begin_field(name), put(...)*, end_field().
  void begin_field(std::string_view name) { put(name, ": "); }
  void end_field() { put("\r\n"); }
  void end_head() { put("\r\n"); }
  /// All parts or none; they are views or literals. One check of the room for all of them, and a
  /// literal is copied by a few stores: a call of put() for each part took three times the
  /// instructions.
  template <typename... Parts>
  requires(std::convertible_to<const Parts&, std::string_view>&&...) void put(
      const Parts&... parts) {
    const std::size_t size = (size_of(parts) + ...);
    if (size > static_cast<std::size_t>(end_ - at_)) {
      overflowed_ = true;
      return;
    }
    // A local: what is written through a char* may be anything, so a member would be stored for
    // each part.
    char* at = at_;
    ((at = copy(at, parts)), ...);
    at_ = at;
  }
  void put(std::uint64_t number);

  bool overflowed() const { return overflowed_; }
  std::string_view written() const { return {begin_, static_cast<std::size_t>(at_ - begin_)}; }

 private:
  template <std::size_t Size>
  static constexpr std::size_t size_of(const char (&)[Size]) {
    return Size - 1;  // without its NUL
  }
  static constexpr std::size_t size_of(std::string_view text) { return text.size(); }
  template <std::size_t Size>
  static char* copy(char* at, const char (&literal)[Size]) {
    std::memcpy(at, literal, Size - 1);
    return at + (Size - 1);
  }
  static char* copy(char* at, std::string_view text) {
    // data() of an empty view may be null, which memcpy must not be given.
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    return at + text.size();
  }

  char* const begin_;
  char* at_;
  char* const end_;
  bool overflowed_ = false;
};

/// `1f4\r\n`: the line before a chunk of that size; size 0 is not allowed here. Fits 18 bytes.
std::string_view chunk_line(std::size_t size, std::array<char, 20>& out);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
// Trailer lines and an empty line follow
inline constexpr std::string_view kLastChunkLine = "0\r\n";

/// Reason phrase of RFC 9110 §15; empty for unknown codes.
std::string_view reason_phrase(std::uint16_t status);

}  // namespace sluice::http
