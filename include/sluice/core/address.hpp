#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/core/result.hpp"

namespace sluice::core {

/// An IP address. IPv4-mapped IPv6 addresses are stored as IPv4, so that one client has one form.
class IpAddress {
 public:
  constexpr IpAddress() = default;
  static constexpr IpAddress v4(std::array<std::uint8_t, 4> octets) {
    IpAddress a;
    for (std::size_t i = 0; i < 4; ++i) a.octets_[i] = octets[i];
    return a;
  }
  static IpAddress v6(const std::array<std::uint8_t, 16>& octets);
  /// Dotted IPv4 or RFC 4291 text, no zone, no brackets; nullopt for anything else.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v6() const { return is_v6_; }
  const std::array<std::uint8_t, 16>& octets() const { return octets_; }
  /// Dotted, or RFC 5952 (lower case, longest zero run shortened, no zone).
  std::string text() const;
  /// As text(), without allocation; returns the part of `out` that was written.
  std::string_view write(std::array<char, 46>& out) const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  std::array<std::uint8_t, 16> octets_{};  // IPv4 in the first four
  bool is_v6_ = false;
};

/// Where to listen or connect: IP and port, or the path of a Unix socket.
struct SocketAddress {
  IpAddress ip;
  std::uint16_t port = 0;
  std::string unix_path;  // non-empty: a Unix socket, and the rest counts for nothing

  bool is_unix() const { return !unix_path.empty(); }
  /// `127.0.0.1:80`, `[::1]:80`, `unix:/run/app.sock`.
  std::string text() const;
  /// The same forms; a host name is an error here (names are resolved by control).
  static Result<SocketAddress> parse(std::string_view text, std::string_view where);

  friend auto operator<=>(const SocketAddress&, const SocketAddress&) = default;
};

/// A network in CIDR form. A bare address is a /32 or /128.
class Network {
 public:
  static Result<Network> parse(std::string_view text, std::string_view where);
  bool contains(const IpAddress& address) const;
  /// Whether all addresses of `other` are in this.
  bool covers(const Network& other) const;
  std::string text() const;

 private:
  IpAddress base_;
  unsigned prefix_ = 0;
};

}  // namespace sluice::core
