#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/controller.hpp"
#include "control/name_watcher.hpp"
#include "support/control_fakes.hpp"
#include "support/manual_clock.hpp"

/// A controller between fakes, driven by hand: time moves when told.
namespace sluice::test {

config::Endpoint endpoint_of(const std::string& host, std::uint16_t port);
config::Service service_of(const std::string& name, std::uint16_t blue_port);
config::Config config_of(const std::vector<std::string>& names);
std::vector<control::KnownService> known_of(const config::Config& config,
                                            const config::ResolvedNames& names = {});

struct ControlRig {
  struct Options {
    std::vector<std::string> services{"shop"};
    std::size_t workers = 2;
    // Absent: what the configuration starts with
    std::optional<model::TrafficState> state = std::nullopt;
    model::TunnelPolicy tunnels = model::TunnelPolicy::Drain;
    // Host names in pool blue of the first service, port 9001, instead of its address
    std::vector<std::string> hosts{};
    // What they resolve to at the start; a name that is missing here gets no answer
    std::map<std::string, std::vector<std::string>> addresses{};
    std::string listens_on{};  // empty: nowhere
  };

  ControlRig();
  explicit ControlRig(Options options);
  ~ControlRig();

  /// One turn of control's loop and of every worker's.
  void turn();
  /// Turns until nothing moves any more, without time passing.
  void settle();
  void advance(core::Nanos time);

  /// A call to the controller and what came of it.
  struct Call {
    std::optional<control::ChangeOutcome> outcome;
    bool is_answered() const { return outcome.has_value(); }
    const control::ChangeAnswer& answer() const;
    const control::Refusal& refusal() const;
    bool is_refused() const;
  };
  std::shared_ptr<Call> submit(control::ChangeRequest request);
  std::shared_ptr<Call> done(control::ChangeRequest request);

  const model::Pool& pool(core::PoolName name, std::size_t service = 0) const;
  control::ServiceView view(std::size_t service = 0) const;
  model::Service routed(std::size_t worker = 0, std::size_t service = 0) const;

  ManualClock clock;
  net::Loop loop{clock, 1, [] {}};
  FakeStore store{loop};
  FakeConnector connector{loop};
  config::Config config;
  config::CellRegistry cells;
  config::StaticParts parts;
  std::vector<std::string> notices;
  FakeResolver resolver{loop};
  std::vector<core::IpAddress> machine;  // its addresses
  control::NameWatcher names;
  model::Publication publication;
  std::vector<std::unique_ptr<FakeWorker>> workers;
  std::unique_ptr<control::Controller> controller;
};

control::ChangeRequest switch_to(core::PoolName pool, const std::string& service = "shop");
control::ChangeRequest split_to(std::int64_t basis_points, const std::string& service = "shop");
control::ChangeRequest endpoint_to(model::EndpointMode mode, const std::string& endpoint,
                                   const std::string& service = "shop");
control::ChangeRequest rollback(const std::string& service = "shop");

}  // namespace sluice::test
