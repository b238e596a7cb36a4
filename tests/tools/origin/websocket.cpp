#include "origin/websocket.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <optional>

namespace tools {
namespace {

struct Frame {
  unsigned opcode = 0;
  bool is_last = true;
  std::string payload;
  std::size_t size = 0;  // on the wire
};

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::optional<Frame> take_frame(std::string_view bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto first = static_cast<unsigned char>(bytes[0]);
  const auto second = static_cast<unsigned char>(bytes[1]);
  const bool is_masked = (second & 0x80U) != 0;
  std::uint64_t length = second & 0x7FU;
  std::size_t at = 2;
  const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  const std::size_t mask_size = is_masked ? 4 : 0;
  if (bytes.size() < at + extended + mask_size) return std::nullopt;
  if (extended != 0) length = big_endian(bytes.substr(at, extended));
  at += extended;
  const std::string_view mask = bytes.substr(at, mask_size);
  at += mask_size;
  if (bytes.size() - at < length) return std::nullopt;
  Frame frame{first & 0x0FU, (first & 0x80U) != 0, std::string(bytes.substr(at, length)),
              at + length};
  if (is_masked) {
    for (std::size_t i = 0; i < frame.payload.size(); ++i) {
      frame.payload[i] = static_cast<char>(frame.payload[i] ^ mask[i % 4]);
    }
  }
  return frame;
}

void put_frame(std::string& out, unsigned opcode, bool is_last, std::string_view payload) {
  out.push_back(static_cast<char>((is_last ? 0x80U : 0U) | opcode));
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(payload.size()));
  } else {
    const bool is_long = payload.size() > 0xFFFF;
    out.push_back(is_long ? '\x7f' : '\x7e');
    for (int shift = is_long ? 56 : 8; shift >= 0; shift -= 8) {
      out.push_back(static_cast<char>(payload.size() >> shift & 0xFFU));
    }
  }
  out.append(payload);
}

constexpr unsigned kClose = 8;
constexpr unsigned kPing = 9;
constexpr unsigned kPong = 10;

}  // namespace

std::string websocket_accept(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<unsigned char, 32> base64{};
  const int size = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
  return {reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(size)};
}

bool websocket_echo(std::string& in, std::string& out) {
  std::size_t used = 0;
  bool goes_on = true;
  while (goes_on) {
    const auto frame = take_frame(std::string_view(in).substr(used));
    if (!frame) break;
    used += frame->size;
    if (frame->opcode == kPong) continue;
    put_frame(out, frame->opcode == kPing ? kPong : frame->opcode, frame->is_last, frame->payload);
    goes_on = frame->opcode != kClose;
  }
  in.erase(0, used);
  return goes_on;
}

}  // namespace tools
