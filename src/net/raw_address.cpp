#include "net/raw_address.hpp"

#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace sluice::net {

namespace {

template <typename Sockaddr>
RawAddress raw_of(const Sockaddr& address, std::size_t size = sizeof(Sockaddr)) {
  RawAddress raw;
  std::memcpy(&raw.storage, &address, sizeof address);
  raw.size = static_cast<socklen_t>(size);
  return raw;
}

core::Result<RawAddress> unix_raw(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return core::Error{core::ErrorCode::BadInput, path, "socket path is longer than 107 bytes"};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return raw_of(address, offsetof(sockaddr_un, sun_path) + path.size() + 1);
}

}  // namespace

core::Result<RawAddress> to_raw(const core::SocketAddress& address) {
  if (address.is_unix()) return unix_raw(address.unix_path);
  const auto& octets = address.ip.octets();
  if (address.ip.is_v6()) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    std::memcpy(&v6.sin6_addr, octets.data(), 16);
    return raw_of(v6);
  }
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(address.port);
  std::memcpy(&v4.sin_addr, octets.data(), 4);
  return raw_of(v4);
}

core::SocketAddress from_raw(const RawAddress& raw) {
  core::SocketAddress address;
  if (raw.family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &raw.storage, sizeof v4);
    std::array<std::uint8_t, 4> octets{};
    std::memcpy(octets.data(), &v4.sin_addr, octets.size());
    address.ip = core::IpAddress::v4(octets);
    address.port = ntohs(v4.sin_port);
  } else if (raw.family() == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &raw.storage, sizeof v6);
    std::array<std::uint8_t, 16> octets{};
    std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
    address.ip = core::IpAddress::v6(octets);
    address.port = ntohs(v6.sin6_port);
  }
  return address;
}

}  // namespace sluice::net
