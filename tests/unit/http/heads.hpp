#pragma once
#include <cstring>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/http/h1_parser.hpp"
#include "sluice/http/head_scanner.hpp"

/// Heads for tests, in heap memory of exactly their size: a sanitizer sees a read of one byte too
/// many.
namespace heads {

class Bytes {
 public:
  explicit Bytes(std::string_view text) : size_(text.size()), data_(new char[text.size()]) {
    std::memcpy(data_.get(), text.data(), text.size());
  }
  std::string_view view() const { return {data_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> data_;
};

template <typename Head>
struct Read {
  explicit Read(std::string_view text) : bytes(text), head(std::make_unique<Head>()) {}
  bool ok() const { return !refusal; }
  unsigned status() const { return refusal ? refusal->status : 0; }  // 0: accepted
  std::string reason() const { return refusal ? std::string(refusal->reason) : "accepted"; }

  Bytes bytes;
  std::unique_ptr<Head> head;
  std::optional<sluice::http::Refusal> refusal;
};
using Request = Read<sluice::http::RequestHead>;
using Response = Read<sluice::http::ResponseHead>;

inline Request request(std::string_view text, const sluice::http::HeadLimits& limits = {}) {
  Request out(text);
  out.refusal = sluice::http::parse_request_head(out.bytes.view(), limits, *out.head);
  return out;
}

inline Response response(std::string_view text,
                         sluice::http::Method method = sluice::http::Method::Get) {
  Response out(text);
  out.refusal = sluice::http::parse_response_head(out.bytes.view(), method, *out.head);
  return out;
}

/// A GET with Host and these field lines, each with its CRLF.
inline std::string get_with(std::string_view lines) {
  return "GET / HTTP/1.1\r\nHost: a.example\r\n" + std::string(lines) + "\r\n";
}
inline std::string post_with(std::string_view lines) {
  return "POST / HTTP/1.1\r\nHost: a.example\r\n" + std::string(lines) + "\r\n";
}
inline std::string ok_with(std::string_view lines) {
  return "HTTP/1.1 200 OK\r\n" + std::string(lines) + "\r\n";
}

inline std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if (octet < 0x20 || octet >= 0x7F) {
      constexpr std::string_view kHex = "0123456789abcdef";
      out += "\\x";
      out += kHex[octet >> 4U];
      out += kHex[octet & 15U];
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace heads
