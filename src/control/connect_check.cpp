#include "control/connect_check.hpp"

#include <algorithm>

#include "sluice/core/limits.hpp"

namespace sluice::control {

namespace limits = core::limits;

namespace {

/// A connection that only proved that it could be made.
class NoEvents final : public net::TransportEvents {
 public:
  void on_read(std::string_view) override {}
  void on_eof() override {}
  void on_drained() override {}
  void on_error(net::TransportError) override {}
};

}  // namespace

struct ConnectCheck::Attempt final : net::ConnectEvents {
  Attempt(ConnectCheck& the_check, std::size_t the_pool) : check(the_check), pool(the_pool) {}

  void on_connected(net::Transport& transport) override {
    static NoEvents nobody;
    transport.set_events(nobody);
    transport.close();
    check.on_ended(*this, std::nullopt);
  }
  void on_connect_failed(net::ConnectError error) override { check.on_ended(*this, error); }

  ConnectCheck& check;
  std::size_t pool;  // position in pools_
  net::PendingConnect* pending = nullptr;
};

ConnectCheck::ConnectCheck(net::Loop& loop, net::Connector& connector)
    : loop_(loop), connector_(connector) {}

ConnectCheck::~ConnectCheck() {
  cancel();
}

void ConnectCheck::start(std::vector<Target> targets, Done done) {
  ENSURE(!done_, "one check at a time");
  done_ = std::move(done);
  pools_.clear();
  for (Target& target : targets) pools_.push_back({.target = std::move(target)});
  loop_.timers().arm(deadline_, loop_.now() + limits::kConnectCheckWait);
  loop_.defer(settle_);
}

void ConnectCheck::cancel() {
  done_ = nullptr;
  deadline_.unlink();
  settle_.unlink();
  drop_attempts();
  pools_.clear();
}

// Round by round over the pools, so that one large pool can't take all sockets from the others.
void ConnectCheck::fill() {
  bool has_started = true;
  while (has_started && attempts_.size() < limits::kConnectChecksMax) {
    has_started = false;
    for (PoolState& pool : pools_) {
      if (attempts_.size() < limits::kConnectChecksMax) has_started |= start_next(pool);
    }
  }
}

bool ConnectCheck::start_next(PoolState& pool) {
  if (pool.is_reachable || pool.open == limits::kConnectChecksPerPoolMax) return false;
  const auto& endpoints = pool.target.pool->endpoints;
  while (pool.has_more() && !endpoints[pool.next].is_usable()) {
    const model::Endpoint& passed = endpoints[pool.next++];
    if (passed.is_disabled || pool.is_tried) continue;
    pool.last_error = "has no usable endpoint: " + passed.text + ": " +
                      (passed.why_down.empty() ? "its health has taken it out" : passed.why_down);
  }
  if (!pool.has_more()) return false;
  const model::Endpoint& endpoint = endpoints[pool.next++];
  ++pool.open;
  pool.is_tried = true;
  const auto position = static_cast<std::size_t>(&pool - pools_.data());
  Attempt& attempt = *attempts_.emplace_back(std::make_unique<Attempt>(*this, position));
  attempt.pending = connector_.connect(endpoint.address, limits::kConnectCheckWait, attempt);
  return true;
}

void ConnectCheck::on_ended(Attempt& attempt, std::optional<net::ConnectError> error) {
  PoolState& pool = pools_[attempt.pool];
  --pool.open;
  if (error) {
    pool.last_error = "does not answer: " + std::string(net::text(*error));
  } else {
    pool.is_reachable = true;
  }
  // The attempt is on the stack: it goes when the turn ends.
  attempt.pending = nullptr;
  loop_.defer(settle_);
}

void ConnectCheck::settle() {
  std::erase_if(attempts_, [](const auto& attempt) { return attempt->pending == nullptr; });
  fill();
  if (std::ranges::all_of(pools_, &PoolState::is_decided)) finish();
}

void ConnectCheck::on_time_is_up() {
  for (PoolState& pool : pools_) {
    if (!pool.is_reachable && pool.open > 0) pool.last_error = "did not answer in time";
  }
  finish();
}

void ConnectCheck::finish() {
  const auto silent = std::ranges::find(pools_, false, &PoolState::is_reachable);
  std::optional<std::string> unreachable;
  if (silent != pools_.end()) {
    unreachable = "pool " + std::string(core::text(silent->target.pool->name)) + " of service " +
                  silent->target.service + " " + silent->last_error;
  }
  const Done done = std::move(done_);
  cancel();
  done(std::move(unreachable));
}

void ConnectCheck::drop_attempts() {
  for (const auto& attempt : attempts_) {
    if (attempt->pending != nullptr) attempt->pending->cancel();
  }
  attempts_.clear();
}

}  // namespace sluice::control
