#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/core/clock.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/core/rng.hpp"

namespace sluice::sim {

/// One direction of a connection: what one side has sent and the other has not read. Bounded, as a
/// kernel's buffers are.
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
  /// Returns what does not arrive any more, because the connection broke.
  std::string keep_first(std::size_t count) {
    const std::string lost(unread().substr(std::min(count, unread().size())));
    bytes_.resize(bytes_.size() - lost.size());
    return lost;
  }
  /// As many as chance wants; the rest is returned.
  std::string keep_some(core::Rng& rng) {
    return keep_first(rng.below(static_cast<std::uint32_t>(unread().size() + 1)));
  }

  bool has_fin = false;

 private:
  std::size_t capacity_;
  std::size_t begin_ = 0;
  std::string bytes_;
};

/// A connection as both kernels see it.
struct Link {
  /// Why the proxy's RST went out.
  enum class Rst : std::uint8_t {
    None,
    OnPurpose,
    Lingered,  // input came after the proxy had waited for it as long as it must (behaviour.md §4)
    Hasty,     // input was unread, or came, when the proxy closed without that wait
  };

  Link(std::size_t up, std::size_t down) : to_proxy(up), to_peer(down) {}

  void send_fin(core::Instant now) {
    to_peer.has_fin = true;
    if (!fin_at) fin_at = now;
  }
  /// What was on its way to the peer may be lost.
  void reset_by_proxy(Rst why, core::Rng& rng) {
    if (!has_proxy_reset) rst = why;
    has_proxy_reset = true;
    lost += to_peer.keep_some(rng);
  }
  Rst rst_for_input(core::Instant now) const {
    using namespace core::limits;
    const bool has_lingered =
        fin_at && (now - *fin_at >= kLingerTimeMax || read_after_fin > kLingerBytesMax);
    return has_lingered ? Rst::Lingered : Rst::Hasty;
  }

  /// Where bytes of the peer begin that belong to nothing. When a read of the proxy ends there,
  /// they come to it on their own: no proxy can tell them from the answer to a request that it has
  /// sent meanwhile.
  struct Surplus {
    std::size_t offset = SIZE_MAX;
    bool* came_alone = nullptr;
  };

  Pipe to_proxy;
  Pipe to_peer;
  Surplus surplus{};
  std::optional<core::Instant> fin_at{};  // of the proxy
  std::size_t read_after_fin = 0;         // by the proxy
  Rst rst = Rst::None;
  std::string lost{};            // bytes that the proxy's RST took along: they had left it
  bool has_peer_reset = false;   // a RST of the peer has reached the proxy
  bool has_proxy_reset = false;  // a RST of the proxy has reached the peer
  // The peer's descriptor is gone: what still comes is answered with a RST
  bool is_peer_closed = false;
  bool is_proxy_closed = false;
};

}  // namespace sluice::sim
