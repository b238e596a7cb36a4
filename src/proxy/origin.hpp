#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "net/acceptor.hpp"

namespace sluice::proxy {

/// Where a connection came in and from whom.
struct Origin {
  Origin(const net::Peer& from, std::uint16_t position) : peer(from), listener(position) {
    if (peer.ip) text_size = static_cast<std::uint8_t>(peer.ip->write(text).size());
  }

  /// The peer's address, written once for all requests of the connection; empty: a Unix socket.
  std::string_view peer_text() const { return {text.data(), text_size}; }

  net::Peer peer;
  std::uint16_t listener;  // position in the configuration
  std::uint8_t text_size = 0;
  std::array<char, 46> text;
};

}  // namespace sluice::proxy
