#include "proxy/worker.hpp"

namespace sluice::proxy {

Worker::Worker(net::Loop& loop, net::Connector& connector, model::Publication& publication,
               SnapshotSlot::GiveBack give_back, const WorkerOptions& options)
    : loop_(loop),
      options_(options),
      metrics_(options.services),
      log_(options.log, options.log_format),
      date_(loop),
      slot_(publication, options.number, std::move(give_back)),
      context_{.worker = options.number,
               .loop = loop,
               .connector = connector,
               .slot = slot_,
               .upstreams = upstreams_,
               .gather = gather_,
               .date = date_,
               .log = log_,
               .metrics = metrics_,
               .leases = leases_,
               .tunnels = tunnels_,
               .tunnel_limit = options.tunnel_limit,
               .on_breaker = options.on_breaker,
               .overload_word =
                   options.overload != nullptr ? &options.overload->word : &kNeverOverloaded},
      upstreams_(context_) {}

Worker::~Worker() {
  ENSURE(home_.sessions.in_use() == 0 && upstreams_.in_use() == 0 && tunnels_.empty(),
         "give_up_all() and a turn of the loop come before the end of a worker");
}

void Worker::on_accept(net::Transport& transport, const net::Peer& peer, std::size_t listener) {
  metrics_.connections_accepted.add();
  if (options_.address_limit != nullptr && peer.ip && !options_.address_limit->admit(*peer.ip)) {
    metrics_.connections_refused.add();
    transport.close();
    return;
  }
  metrics_.connections_open.add();
  H1Session* session = home_.sessions.make(
      context_, home_, transport,
      ConnectionTicket(*this, Origin(peer, static_cast<std::uint16_t>(listener))));
  if (context_.is_stopping) session->begin_stop();
  if (metrics_.connections_open.read() < options_.connections_max) return;
  make_room();
  if (metrics_.connections_open.read() >= options_.connections_max && acceptor_ != nullptr) {
    is_accepting_paused_ = true;
    acceptor_->pause();
    loop_.timers().arm(eviction_timer_, loop_.now() + core::limits::kIdleEvictionAge);
  }
}

/// Connections that were fresh when accepting paused have become old enough to make room since.
void Worker::on_accepting_paused() {
  make_room();
  if (is_accepting_paused_)
    loop_.timers().arm(eviction_timer_, loop_.now() + core::limits::kIdleEvictionAge);
}

/// At the connection limit idle keep-alive connections make room, then those that have begun a head
/// and not ended it (behaviour.md §4); at most a handful per accept.
void Worker::make_room() {
  for (unsigned evicted = 0; evicted < core::limits::kAcceptsPerEvent; ++evicted) {
    const auto is_old = [this](const H1Session* session) {
      return session != nullptr &&
             loop_.now() - session->waits_since() > core::limits::kIdleEvictionAge;
    };
    if (H1Session* idle = home_.idle.front(); is_old(idle)) {
      idle->close_idle();
    } else if (H1Session* slow = home_.slow_heads.front(); is_old(slow)) {
      slow->refuse_slow_head();
    } else {
      return;
    }
  }
}

void Worker::let_idle_go() {
  const EventScope scope(gather_);
  for (unsigned closed = 0; closed < core::limits::kIdleLetGoMax; ++closed) {
    H1Session* const idle = home_.idle.front();
    if (idle == nullptr || loop_.now() - idle->waits_since() <= core::limits::kIdleEvictionAge)
      return;
    idle->close_idle();
  }
}

void Worker::on_connection_ended(const net::Peer& peer) {
  metrics_.connections_open.subtract();
  if (options_.address_limit != nullptr && peer.ip) options_.address_limit->leave(*peer.ip);
  if (is_accepting_paused_ && metrics_.connections_open.read() < options_.connections_max &&
      !context_.is_stopping) {
    is_accepting_paused_ = false;
    loop_.timers().disarm(eviction_timer_);
    acceptor_->resume();
  }
  report_if_empty();
}

void Worker::adopt() {
  slot_.refresh();
  upstreams_.keep_only(slot_.peek());
}

model::LeaseReport Worker::count_leases(const model::LeaseQuery& query) {
  model::LeaseReport report;
  leases_.for_each([&](PoolLease& lease) {
    if (!lease.is_whose(query)) return;
    ++(lease.holder().is_tunnel() ? report.tunnels : report.requests);
  });
  return report;
}

model::CutReport Worker::cut_leases(const model::CutOrder& order) {
  using model::CutWhat;
  model::CutReport report;
  const auto is_cut = [&](PoolLease& lease) {
    const bool is_tunnel = lease.holder().is_tunnel();
    if (!lease.is_whose(order.whose)) return false;
    return order.what == CutWhat::RequestsAndTunnels ||
           is_tunnel == (order.what == CutWhat::TunnelsOnly);
  };
  const bool keeps_apply = order.cause != model::CutCause::Stop;
  const auto is_kept = [&](PoolLease& lease) {
    return keeps_apply && lease.holder().is_tunnel() &&
           lease.holder().tunnel_policy() == model::TunnelPolicy::Keep;
  };
  leases_.for_each([&](PoolLease& lease) {
    if (!is_cut(lease)) return;
    if (is_kept(lease)) {
      ++report.tunnels_kept;
    } else {
      ++(lease.holder().is_tunnel() ? report.tunnels_cut : report.requests_cut);
    }
  });
  std::uint32_t tunnel = 0;
  leases_.for_each([&](PoolLease& lease) {
    if (!is_cut(lease) || is_kept(lease)) return;
    const core::Nanos delay = lease.holder().is_tunnel() && report.tunnels_cut != 0
                                  ? order.tunnel_spread * tunnel++ / report.tunnels_cut
                                  : core::Nanos::zero();
    lease.holder().cut(order.cause, delay);
  });
  return report;
}

void Worker::begin_stop(std::function<void()> on_empty) {
  on_empty_ = std::move(on_empty);
  if (acceptor_ != nullptr) acceptor_->stop();  // accepts what waits first
  context_.is_stopping = true;
  loop_.timers().disarm(eviction_timer_);
  home_.idle.for_each([](H1Session& session) { session.begin_stop(); });
  upstreams_.close_idle();
  report_if_empty();
}

void Worker::give_up_all() {
  const EventScope scope(gather_);
  while (H1Session* session = home_.busy.front()) session->give_up();
  while (H1Session* session = home_.slow_heads.front()) session->give_up();
  while (H1Session* session = home_.idle.front()) session->give_up();
  tunnels_.for_each([](Tunnel& tunnel) { tunnel.give_up(); });
  upstreams_.close_idle();
}

void Worker::report_if_empty() {
  if (!on_empty_ || metrics_.connections_open.read() != 0) return;
  loop_.mailbox().post(std::exchange(on_empty_, nullptr));  // not on the stack of what just ended
}

Worker::Load Worker::load() {
  return {.sessions = home_.sessions.in_use(),
          .requests = home_.requests.in_use(),
          .tunnels = tunnels_.size(),
          .leases = leases_.size(),
          .holds = slot_.holds(),
          .endpoint_connections = upstreams_.in_use(),
          .chunks = loop_.chunks().in_use()};
}

}  // namespace sluice::proxy
