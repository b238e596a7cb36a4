#pragma once
#include <cstdint>
#include <memory>
#include <utility>

#include "sluice/core/ensure.hpp"
#include "sluice/core/take_place.hpp"
#include "sluice/model/snapshot.hpp"

namespace sluice::proxy {

/// One connection in the counts of its pool and of its endpoint, from before the connect until it
/// is closed: idle ones and tunnels count too. Worker thread only; the counts are shared.
class ConnectionPlace {
 public:
  ConnectionPlace() = default;
  ConnectionPlace(const ConnectionPlace&) = delete;
  ConnectionPlace& operator=(const ConnectionPlace&) = delete;
  ConnectionPlace(ConnectionPlace&& from) noexcept
      : pool_(std::exchange(from.pool_, nullptr)), endpoint_(std::move(from.endpoint_)) {}
  ConnectionPlace& operator=(ConnectionPlace&& from) noexcept {
    give_back();
    pool_ = std::exchange(from.pool_, nullptr);
    endpoint_ = std::move(from.endpoint_);
    return *this;
  }
  ~ConnectionPlace() { give_back(); }

  enum class Taken : std::uint8_t { Yes, PoolFull, EndpointFull };
  /// Nothing is taken when one of the ceilings is reached.
  Taken take(const model::Pool& pool, const model::Endpoint& endpoint,
             const model::CircuitBreaker& breakers) {
    DEBUG_ENSURE(pool_ == nullptr, "one place for one connection");
    if (!core::take_place(pool.cell->connections, model::most(breakers.pool.connections)))
      return Taken::PoolFull;
    if (!core::take_place(endpoint.cell->connections, model::most(breakers.endpoint.connections))) {
      pool.cell->connections.fetch_sub(1, std::memory_order_relaxed);
      return Taken::EndpointFull;
    }
    pool_ = pool.cell;
    endpoint_ = endpoint.cell;
    return Taken::Yes;
  }
  /// Of one that was full, and where this worker had none to close: the next connection that could
  /// be kept, of whatever worker, gives its place up instead.
  static void want(Taken full, const model::Pool& pool, const model::Endpoint& endpoint) {
    if (full == Taken::PoolFull) pool.cell->wants_place.store(true, std::memory_order_relaxed);
    if (full == Taken::EndpointFull)
      endpoint.cell->wants_place.store(true, std::memory_order_relaxed);
  }
  /// Whether one more could be taken now.
  static bool is_left(const model::Pool& pool, const model::Endpoint& endpoint,
                      const model::CircuitBreaker& breakers) {
    return pool.cell->connections.load(std::memory_order_relaxed) <
               model::most(breakers.pool.connections) &&
           endpoint.cell->connections.load(std::memory_order_relaxed) <
               model::most(breakers.endpoint.connections);
  }
  /// Whether somebody has found the pool full; whoever is told gives up its place.
  bool is_wanted() { return pool_ != nullptr && take_note(pool_->wants_place); }
  /// The same, or the endpoint.
  bool is_wanted_while_idle() {
    return pool_ != nullptr && (take_note(pool_->wants_place) || take_note(endpoint_->wants_place));
  }
  void give_back() {
    if (pool_ == nullptr) return;
    std::exchange(pool_, nullptr)->connections.fetch_sub(1, std::memory_order_relaxed);
    std::exchange(endpoint_, nullptr)->connections.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  static bool take_note(std::atomic<bool>& note) {
    return note.load(std::memory_order_relaxed) && note.exchange(false, std::memory_order_relaxed);
  }

  model::PoolCell* pool_ = nullptr;
  std::shared_ptr<model::EndpointCell> endpoint_;
};

}  // namespace sluice::proxy
