#pragma once
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::sim {

/// One direction of a connection: what one side has sent and the other has not read. Bounded, as a kernel's buffers are.
class Pipe {
 public:
  explicit Pipe(std::size_t capacity) : capacity_(capacity) {}

  std::string_view unread() const { return std::string_view(bytes_).substr(begin_); }
  std::size_t room() const { return capacity_ - std::min(capacity_, unread().size()); }
  /// Takes as much as there is room for.
  std::size_t put(std::string_view bytes) {
    const std::size_t count = std::min(room(), bytes.size());
    if (begin_ > capacity_) {
      bytes_.erase(0, begin_);
      begin_ = 0;
    }
    bytes_.append(bytes.substr(0, count));
    return count;
  }
  void consume(std::size_t count) { begin_ += count; }
  /// What did not arrive any more when the connection broke.
  void keep_first(std::size_t count) { bytes_.resize(begin_ + std::min(count, unread().size())); }

  bool has_fin = false;

 private:
  std::size_t capacity_;
  std::size_t begin_ = 0;
  std::string bytes_;
};

/// A connection as both kernels see it.
struct Link {
  Link(std::size_t up, std::size_t down) : to_proxy(up), to_peer(down) {}

  Pipe to_proxy;
  Pipe to_peer;
  bool has_peer_reset = false;    // a RST of the peer has reached the proxy
  bool has_proxy_reset = false;   // a RST of the proxy has reached the peer
  bool is_peer_closed = false;    // the peer's descriptor is gone: what still comes is answered with a RST
  bool is_proxy_closed = false;
};

}  // namespace sluice::sim
