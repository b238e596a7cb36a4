#include "support/control_fakes.hpp"

#include <algorithm>
#include <utility>

#include "sluice/core/ensure.hpp"
#include "support/fake_transport.hpp"

namespace sluice::test {

void FakeStore::write(std::string bytes, control::OldState old, Done done) {
  ++writes;
  olds.push_back(old);
  waiting.push_back({std::move(bytes), old, std::move(done)});
  if (mode != Mode::Hangs) answer(mode);
}

void FakeStore::append_audit(control::ChangeRecord record) {
  audit.push_back(std::move(record));
}

void FakeStore::read_audit(std::size_t lines, AuditDone done) {
  audit_asked.push_back(lines);
  loop_.mailbox().post([done = std::move(done), tail = audit_tail] { done(tail); });
}

void FakeStore::answer(Mode how) {
  Write write = std::move(waiting.front());
  waiting.pop_front();
  control::WriteResult result;
  if (how == Mode::Lands) {
    result.landing = control::Landing::Landed;
    on_disk = control::decode_state(write.bytes).value();
  } else {
    result.landing =
        how == Mode::Uncertain ? control::Landing::Uncertain : control::Landing::NotWritten;
    result.error = core::Error{core::ErrorCode::Io, "state.json", "No space left on device"};
  }
  loop_.mailbox().post([done = std::move(write.done), result] { done(result); });
}

FakeWorker::FakeWorker(std::size_t number, model::Publication& publication, net::Loop& control,
                       std::size_t services)
    : block(services), number_(number), publication_(publication), control_(control) {}

void FakeWorker::count_leases(model::LeaseQuery query,
                              std::function<void(model::LeaseReport)> done) {
  work_.push_back([this, query, done = std::move(done)] {
    model::LeaseReport report;
    for (const Lease& lease : leases) {
      if (lease.pool == query.pool && lease.epoch < query.below)
        ++(lease.is_tunnel ? report.tunnels : report.requests);
    }
    control_.mailbox().post([done, report] { done(report); });
  });
}

void FakeWorker::cut_leases(model::CutOrder order, std::function<void(model::CutReport)> done) {
  orders.push_back(order);
  work_.push_back([this, order, done = std::move(done)] {
    const model::CutReport report = cut(order);
    control_.mailbox().post([done, report] { done(report); });
  });
}

model::CutReport FakeWorker::cut(const model::CutOrder& order) {
  model::CutReport report;
  for (std::size_t i = leases.size(); i-- > 0;) {
    const Lease lease = leases[i];
    if (lease.pool != order.whose.pool || !(lease.epoch < order.whose.below)) continue;
    const bool spares = lease.is_tunnel ? order.what == model::CutWhat::RequestsOnly
                                        : order.what == model::CutWhat::TunnelsOnly;
    if (spares) {
      report.tunnels_kept += lease.is_tunnel ? 1 : 0;
      continue;
    }
    ++(lease.is_tunnel ? report.tunnels_cut : report.requests_cut);
    end_lease(i);
  }
  return report;
}

void FakeWorker::take_lease(const model::Pool& pool, bool is_tunnel) {
  leases.push_back({pool.id, publication_.adopted(number_), is_tunnel});
  auto& count = pool.cell->leases[number_].count;
  count.store(count.load() + 1);
  cells_[pool.id.raw] = pool.cell;
}

void FakeWorker::end_lease(std::size_t position) {
  const Lease lease = leases[position];
  leases.erase(leases.begin() + static_cast<std::ptrdiff_t>(position));
  auto& count = cells_.at(lease.pool.raw)->leases[number_].count;
  count.store(count.load() - 1);
}

void FakeWorker::turn() {
  if (is_hanging) return;
  ++turns_;
  const core::Epoch active = publication_.active();
  if (adopted != active) {
    adopted = active;
    model::Edition edition = publication_.take(number_, active);
    snapshot = std::move(edition.snapshot);
    lists = std::move(edition.lists);
    publication_.set_adopted(number_, active);
  }
  std::deque<std::function<void()>> work;
  work.swap(work_);
  for (const auto& each : work) each();
}

struct FakeConnector::Attempt final : net::PendingConnect {
  void cancel() override { events = nullptr; }
  net::ConnectEvents* events = nullptr;
  FakeTransport transport;
};

FakeConnector::FakeConnector(net::Loop& loop) : loop_(loop) {}
FakeConnector::~FakeConnector() = default;

net::PendingConnect* FakeConnector::connect(const core::SocketAddress& address, core::Nanos,
                                            net::ConnectEvents& events) {
  Attempt& attempt = *attempts_.emplace_back(std::make_unique<Attempt>());
  attempt.events = &events;
  open_most = std::max(open_most, open());
  ++attempted[address.port];
  const auto found = modes.find(address.port);
  const Mode mode = found == modes.end() ? Mode::Accepts : found->second;
  if (mode != Mode::Silent) loop_.mailbox().post([&attempt, mode] { answer(attempt, mode); });
  return &attempt;
}

std::size_t FakeConnector::open() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      attempts_, [](const auto& attempt) { return attempt->events != nullptr; }));
}

void FakeConnector::answer(Attempt& attempt, Mode mode) {
  net::ConnectEvents* events = std::exchange(attempt.events, nullptr);
  if (events == nullptr) return;
  if (mode == Mode::Accepts) return events->on_connected(attempt.transport);
  events->on_connect_failed(net::ConnectError::Refused);
}

void FakeResolver::lookup(const std::string& host, Done done) {
  ++asked[host];
  ENSURE(!waiting.contains(host), "one look-up per name at a time");
  waiting.emplace(host, std::move(done));
  const auto known = answers.find(host);
  if (known != answers.end()) tell(host, known->second);
}

void FakeResolver::answer(const std::string& host, const std::vector<std::string>& addresses) {
  tell(host, addresses_of(addresses));
}

void FakeResolver::fail(const std::string& host, const std::string& why) {
  tell(host, core::Error{core::ErrorCode::Io, host, why});
}

std::vector<core::IpAddress> FakeResolver::addresses_of(const std::vector<std::string>& texts) {
  std::vector<core::IpAddress> addresses;
  for (const std::string& text : texts) addresses.push_back(*core::IpAddress::parse(text));
  return addresses;
}

void FakeResolver::tell(const std::string& host, Answer answer) {
  auto node = waiting.extract(host);
  ENSURE(!node.empty(), "nobody asked");
  loop_.mailbox().post(
      [done = std::move(node.mapped()), answer = std::move(answer)] { done(answer); });
}

}  // namespace sluice::test
