#include "proxy/tunnel.hpp"

namespace sluice::proxy {

void Tunnel::start(Context& context, const TunnelStart& start, PoolLease& lease,
                   ClientStream& client, UpstreamStream& upstream) {
  // Copied to the queues before the streams give up their buffers.
  auto* tunnel =
      new Tunnel(context, start, lease, client.release_transport(), upstream.release_transport());
  context.tunnels.push_back(*tunnel);
}

Tunnel::Tunnel(Context& context, const TunnelStart& start, PoolLease& lease, ReleasedClient client,
               ReleasedUpstream released)
    : context_(context),
      ticket_(std::move(client.ticket)),
      place_(std::move(start.place)),
      connection_place_(std::move(released.place)),
      cell_(start.cell),
      counters_(context.metrics.services[start.settings.id.raw]),
      pool_(core::index(start.pool)),
      policy_(start.settings.tunnels),
      idle_timeout_(start.settings.timeouts.tunnel_idle),
      started_(start.started),
      record_(start.record),
      client_(*this, client.transport),
      endpoint_(*this, released.transport) {
  net::Transport& upstream = released.transport;
  client_.other_ = &endpoint_;
  endpoint_.other_ = &client_;
  lease_.take_over(lease, context_.leases, *this);
  limit_tickets_.take_over(start.limit_tickets);
  counters_.tunnels[pool_].add();
  client_.bytes_read_ = start.from_client.size();
  endpoint_.bytes_read_ = start.from_endpoint.size();
  if (!start.from_client.empty()) upstream.write(start.from_client);
  if (!start.from_endpoint.empty()) client.transport.write(start.from_endpoint);
  client.transport.read(net::ReadMode::On);
  upstream.read(net::ReadMode::On);
  touch();
}

void Tunnel::Side::on_read(std::string_view bytes) {
  bytes_read_ += bytes.size();
  tunnel_.touch();
  other_->transport_->write(bytes);
  if (other_->transport_->queued() > core::limits::kHighWatermark)
    transport_->read(net::ReadMode::Off);
}

void Tunnel::Side::on_drained() {
  if (transport_->queued() > core::limits::kLowWatermark) return;
  tunnel_.touch();
  if (!other_->has_ended_) other_->transport_->read(net::ReadMode::On);
  tunnel_.finish_if_both_ended();
}

void Tunnel::Side::on_eof() {
  has_ended_ = true;
  transport_->read(net::ReadMode::Off);
  other_->transport_->shutdown_write();
  tunnel_.finish_if_both_ended();
}

void Tunnel::Side::on_error(net::TransportError) {
  tunnel_.finish_broken(this == &tunnel_.client_ ? "the client reset the tunnel"
                                                 : "the endpoint reset the tunnel");
}

void Tunnel::touch() {
  if (state_ != State::Relaying || cut_at_ || idle_timeout_ <= core::Millis::zero()) return;
  context_.loop.timers().arm(timer_, context_.loop.now() + idle_timeout_);
}

void Tunnel::finish_if_both_ended() {
  const bool is_done = client_.has_ended_ && endpoint_.has_ended_ &&
                       client_.transport_->queued() == 0 && endpoint_.transport_->queued() == 0;
  if (is_done) finish({});
}

void Tunnel::cut(model::CutCause cause, core::Nanos delay) {
  if (state_ != State::Relaying || cut_at_) return;
  switch (cause) {
    case model::CutCause::DrainDeadline:
      cut_cause_ = "cut at the drain deadline";
      break;
    case model::CutCause::TunnelPolicy:
      cut_cause_ = "closed by the tunnel policy";
      break;
    case model::CutCause::Stop:
      cut_cause_ = "cut: the proxy stopped";
      break;
  }
  counters_.cut_tunnels.add();
  if (delay <= core::Nanos::zero()) return begin_cut();
  cut_at_ = context_.loop.now() + delay;
  context_.loop.timers().arm(timer_, *cut_at_);
}

void Tunnel::give_up() {
  finish_broken("the proxy stopped");
}

/// FIN both ways; who has not ended after a second is reset. Sluice writes no WebSocket frames.
void Tunnel::begin_cut() {
  state_ = State::Cutting;
  client_.transport_->shutdown_write();
  endpoint_.transport_->shutdown_write();
  context_.loop.timers().arm(timer_, context_.loop.now() + core::limits::kTunnelCutGrace);
}

void Tunnel::on_timer() {
  switch (state_) {
    case State::Relaying:
      return cut_at_ ? begin_cut() : finish_idle();
    case State::Cutting:
      return finish_broken(cut_cause_);
    case State::Finished:
      return;
  }
}

/// After bytes that an end did not take a FIN would say that they were all.
void Tunnel::finish_idle() {
  constexpr std::string_view kWhy = "no byte for the tunnel's idle time";
  if (client_.transport_->queued() + endpoint_.transport_->queued() != 0)
    return finish_broken(kWhy);
  finish(kWhy);
}

void Tunnel::finish(std::string_view why) {
  if (state_ == State::Finished) return;
  state_ = State::Finished;
  context_.loop.timers().disarm(timer_);
  if (client_.transport_ != nullptr) client_.transport_->close();
  if (endpoint_.transport_ != nullptr) endpoint_.transport_->close();

  LogRecord& record = record_.record();
  record.bytes_in = client_.bytes_read_;
  record.bytes_out = endpoint_.bytes_read_;
  record.duration = context_.loop.now() - started_;
  record.error = cut_cause_.empty() ? why : cut_cause_;  // a peer may well reset what was cut
  if (!context_.log.write(record)) context_.metrics.log_lines_dropped.add();

  cell_->in_flight.fetch_sub(1, std::memory_order_relaxed);
  counters_.tunnels[pool_].subtract();
  lease_.release();
  core::ListNode<TunnelTag>::unlink();
  context_.loop.retire(*this);
}

void Tunnel::finish_broken(std::string_view why) {
  if (state_ == State::Finished) return;
  std::exchange(client_.transport_, nullptr)->reset();
  std::exchange(endpoint_.transport_, nullptr)->reset();
  finish(why);
}

}  // namespace sluice::proxy
