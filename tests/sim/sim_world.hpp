#pragma once
#include <functional>
#include <memory>

#include "proxy/tunnel_limit.hpp"
#include "proxy/worker.hpp"
#include "sim/ledger.hpp"
#include "sim/sim_acceptor.hpp"
#include "sim/sim_client.hpp"
#include "sim/sim_connector.hpp"
#include "sim/sim_control.hpp"
#include "sim/sim_origin.hpp"

namespace sluice::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  std::size_t workers = 1;
  ServiceOptions service{};
  std::size_t connections_max = 1024;
  std::optional<std::uint32_t> tunnels_max{};  // nullopt: no limit
  bool has_chaos = true;
};

/// A whole run: workers with their loops, origins, clients, the operator, one scheduler, one clock.
class SimWorld final : public Network {
 public:
  explicit SimWorld(const WorldOptions& options);
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;
  ~SimWorld();

  Scheduler& scheduler() { return scheduler_; }
  core::Rng& rng() { return scheduler_.rng(); }
  Ledger& ledger() { return ledger_; }
  SimControl& control() { return control_; }
  SimOrigin& origin(std::size_t endpoint) { return *origins_[endpoint]; }
  std::size_t origins() const { return origins_.size(); }
  proxy::Worker& worker(std::size_t number = 0) { return *nodes_[number]->worker; }
  SimAcceptor& acceptor(std::size_t number = 0) { return *nodes_[number]->acceptor; }
  SimNode& node(std::size_t number = 0) { return nodes_[number]->shared; }
  std::size_t workers() const { return nodes_.size(); }
  core::Instant now() const { return clock_.now(); }
  bool is_stopping() const { return is_stopping_; }
  std::size_t workers_reported_empty() const { return reported_empty_; }
  std::size_t cut_tunnels() const { return cut_tunnels_; }
  std::size_t cut_requests() const { return cut_requests_; }
  std::uint32_t tunnels_max() const { return tunnels_max_; }
  proxy::TunnelLimit* tunnel_limit() { return tunnel_limit_ ? &*tunnel_limit_ : nullptr; }
  std::size_t kept_tunnels() const { return kept_tunnels_; }

  unsigned request(RequestPlan plan) { return ledger_.add(std::move(plan)); }
  SimClient& client(ClientPlan plan);
  const std::vector<std::unique_ptr<SimClient>>& clients() const { return clients_; }

  // ---- the operator: each is one whole command, flipped and posted to the workers
  void switch_to(core::PoolName pool, core::Nanos drain = std::chrono::seconds(30));
  void split(std::uint16_t basis_points);
  void rollback(core::Nanos drain = std::chrono::seconds(30));
  void disable(core::PoolName pool, std::uint64_t disabled);
  /// A name has other addresses: no command, but flipped and posted in the same way.
  void lose_addresses(core::PoolName pool, std::uint64_t gone);
  /// After a prepare() on control().
  void flip(core::Nanos drain);
  void adopt_everywhere();
  void begin_stop();
  void cut_all();
  void give_up_all();

  // ---- time
  /// Until nothing can happen without time.
  void settle();
  void run_for(core::Nanos duration);
  /// Until `done`; false: not within `limit`.
  bool run_until(const std::function<bool()>& done, core::Nanos limit = std::chrono::minutes(10));
  /// Until every client has finished and nothing is armed any more. Files the log. Complains when
  /// that does not happen. Eight clients, one place at the connection limit, and an hour until each
  /// of their tunnels is idle: that may take long.
  void run_to_end(core::Nanos limit = std::chrono::hours(10));
  void file_log();

  /// The most that was ever seen, after each step.
  struct GuardPeaks {
    std::uint32_t requests = 0;     // as leases say: neither tunnels nor what was turned away
    std::uint32_t connections = 0;  // open ones, as the pool counts them
    std::uint32_t probes = 0;       // of a half-open breaker: out, or gone well
    std::uint32_t in_flight = 0;    // now, as `requests`
    // One more came in while so many were there, and the limit that was found was lower.
    std::uint32_t beyond_adaptive = 0;
    std::uint32_t adaptive_least = 0;  // the lowest limit that one more came in under
  };
  const GuardPeaks& peaks(core::PoolName pool) const { return peaks_[core::index(pool)]; }
  const std::vector<model::BreakerNews>& breaker_news() const { return breaker_news_; }

  // Network
  ConnectFate decide(const core::SocketAddress& address) override;
  std::shared_ptr<Link> establish(const core::SocketAddress& address) override;

 private:
  /// A drain of the last switch or rollback, ended by its deadline.
  struct Drain {
    core::PoolName pool;
    core::Epoch below;
    core::Instant deadline;
    bool is_over = false;
  };
  /// Makes a woken loop turn.
  class Waker final : public Actor {
   public:
    explicit Waker(Scheduler& scheduler) : scheduler_(scheduler) { scheduler_.add(*this); }
    ~Waker() { scheduler_.remove(*this); }
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;
    bool is_ready() const override { return is_woken; }
    void step() override { is_woken = false; }
    net::Loop* loop() const override { return home; }
    bool is_woken = false;
    net::Loop* home = nullptr;

   private:
    Scheduler& scheduler_;
  };
  struct Node {
    Node(SimWorld& world, std::size_t number, const WorldOptions& options);
    Waker waker;
    net::Loop loop;
    SimNode shared;
    SimConnector connector;
    proxy::LogQueue log;
    std::unique_ptr<proxy::Worker> worker;
    std::unique_ptr<SimAcceptor> acceptor;
  };
  /// Ends drains at their deadlines.
  class Drainer final : public Actor {
   public:
    explicit Drainer(SimWorld& world) : world_(world) { world_.scheduler_.add(*this); }
    ~Drainer() { world_.scheduler_.remove(*this); }
    Drainer(const Drainer&) = delete;
    Drainer& operator=(const Drainer&) = delete;
    bool is_ready() const override;
    void step() override;
    std::optional<core::Instant> wakes_at() const override;

   private:
    SimWorld& world_;
  };

  /// Finds the limits of the pools, as control does.
  class Tuner final : public Actor {
   public:
    explicit Tuner(SimWorld& world);
    ~Tuner() { world_.scheduler_.remove(*this); }
    Tuner(const Tuner&) = delete;
    Tuner& operator=(const Tuner&) = delete;
    bool is_ready() const override;
    void step() override;
    std::optional<core::Instant> wakes_at() const override;

   private:
    bool has_anything_to_see() const;

    SimWorld& world_;
    core::Rng rng_;
    core::Instant next_;
    std::vector<policy::AdaptiveLimit> limits_;  // by core::index(PoolName)
  };

  bool is_quiet() const;
  void note_peaks();
  void note_admitted(core::PoolName name, std::uint32_t in_flight);
  void post_cut(const model::CutOrder& order);

  std::array<GuardPeaks, 2> peaks_;
  std::vector<model::BreakerNews> breaker_news_;
  std::uint32_t tunnels_max_ = 0;
  std::optional<proxy::TunnelLimit> tunnel_limit_;
  SimClock clock_;
  Scheduler scheduler_;
  Ledger ledger_;
  SimControl control_;
  std::vector<std::unique_ptr<SimOrigin>> origins_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::vector<Drain> drains_;
  std::unique_ptr<Drainer> drainer_;
  std::optional<Tuner> tuner_;
  bool is_stopping_ = false;
  std::size_t reported_empty_ = 0;
  std::size_t cut_tunnels_ = 0;
  std::size_t cut_requests_ = 0;
  std::size_t kept_tunnels_ = 0;
};

}  // namespace sluice::sim
