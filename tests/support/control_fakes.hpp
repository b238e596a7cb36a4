#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/state_file.hpp"
#include "control/state_store.hpp"
#include "net/connector.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"
#include "sluice/metrics/block.hpp"
#include "sluice/model/publication.hpp"
#include "sluice/model/worker_port.hpp"

/// What control talks to, as a test has it: no sockets, no threads, no disk.
namespace sluice::test {

/// A disk that lands, fails or hangs as told.
class FakeStore final : public control::StateWriter {
 public:
  enum class Mode { Lands, Fails, Uncertain, Hangs };
  struct Write {
    std::string bytes;
    control::OldState old;
    Done done;
  };

  explicit FakeStore(net::Loop& loop) : loop_(loop) {}

  void write(std::string bytes, control::OldState old, Done done) override;
  void append_audit(control::ChangeRecord record) override;
  void read_audit(std::size_t lines, AuditDone done) override;
  std::size_t audit_waiting() const override { return audit_left; }

  /// The oldest waiting write ends.
  void answer(Mode how);

  Mode mode = Mode::Lands;
  std::size_t writes = 0;
  std::deque<Write> waiting;
  std::vector<control::OldState> olds;
  std::vector<control::ChangeRecord> audit;
  core::Result<control::AuditTail> audit_tail = control::AuditTail{};
  std::vector<std::size_t> audit_asked;
  std::size_t audit_left = 0;
  std::optional<control::StateImage> on_disk;

 private:
  net::Loop& loop_;
};

/// A worker that adopts and answers in its own turn, or hangs.
class FakeWorker final : public model::WorkerPort {
 public:
  struct Lease {
    core::PoolId pool;
    core::Epoch epoch;
    bool is_tunnel = false;
  };

  FakeWorker(std::size_t number, model::Publication& publication, net::Loop& control,
             std::size_t services);

  void count_leases(model::LeaseQuery query, std::function<void(model::LeaseReport)> done) override;
  void cut_leases(model::CutOrder order, std::function<void(model::CutReport)> done) override;
  void recycle(core::EndpointId endpoint) override { recycled.push_back(endpoint); }
  void wake() override { ++wakes; }
  std::uint64_t turns() const override { return turns_; }
  const metrics::Block& metrics() const override { return block; }
  void ask_lag(core::Instant) override { ++lags_asked; }
  core::Nanos lag(core::Instant) const override { return waits; }
  void let_idle_go() override { ++idle_let_go; }

  /// A request or tunnel that is routed now, by the snapshot this worker has adopted.
  void take_lease(const model::Pool& pool, bool is_tunnel = false);
  void end_lease(std::size_t position);
  void turn();

  bool is_hanging = false;
  std::size_t wakes = 0;
  core::Nanos waits{0};  // what events wait for its loop
  std::size_t lags_asked = 0;
  std::size_t idle_let_go = 0;
  std::vector<Lease> leases;
  std::vector<model::CutOrder> orders;
  std::vector<core::EndpointId> recycled;
  core::Epoch adopted;
  std::shared_ptr<const model::Snapshot> snapshot;
  std::shared_ptr<const model::IdentityLists> lists;
  metrics::Block block;

 private:
  model::CutReport cut(const model::CutOrder& order);

  std::size_t number_;
  model::Publication& publication_;
  net::Loop& control_;
  std::deque<std::function<void()>> work_;
  std::map<std::uint32_t, model::PoolCell*> cells_;
  std::uint64_t turns_ = 0;
};

/// Endpoints that accept, refuse or stay silent, by port.
class FakeConnector final : public net::Connector {
 public:
  enum class Mode { Accepts, Refuses, Silent };

  explicit FakeConnector(net::Loop& loop);
  ~FakeConnector();

  net::PendingConnect* connect(const core::SocketAddress& address, core::Nanos,
                               net::ConnectEvents& events) override;
  std::size_t open() const;

  std::map<std::uint16_t, Mode> modes;          // by port; else Accepts
  std::map<std::uint16_t, unsigned> attempted;  // by port
  std::size_t open_most = 0;

 private:
  struct Attempt;
  static void answer(Attempt& attempt, Mode mode);

  net::Loop& loop_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
};

/// Answers at once what `answers` says; what is not there waits for answer() or fail().
class FakeResolver final : public net::Resolver {
 public:
  explicit FakeResolver(net::Loop& loop) : loop_(loop) {}

  void lookup(const std::string& host, Done done) override;
  void answer(const std::string& host, const std::vector<std::string>& addresses);
  void fail(const std::string& host, const std::string& why = "Name or service not known");
  static std::vector<core::IpAddress> addresses_of(const std::vector<std::string>& texts);

  std::map<std::string, Answer> answers;  // by host
  std::map<std::string, unsigned> asked;  // by host
  std::map<std::string, Done> waiting;    // by host

 private:
  void tell(const std::string& host, Answer answer);

  net::Loop& loop_;
};

}  // namespace sluice::test
