#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "net/reaper.hpp"
#include "net/timer_wheel.hpp"
#include "net/transport.hpp"
#include "proxy/admission.hpp"
#include "proxy/client_stream.hpp"
#include "proxy/context.hpp"
#include "proxy/tunnel_limit.hpp"
#include "proxy/upstream_stream.hpp"

namespace sluice::proxy {

/// What a tunnel needs to know of the exchange that it grew from. Borrowed for the call.
struct TunnelStart {
  const model::ServiceSettings& settings;
  core::PoolName pool;
  const std::shared_ptr<model::EndpointCell>& cell;  // counts this tunnel already
  LogRecord record;
  LimitTickets& limit_tickets;     // the tunnel takes them: it counts until it ends
  std::string_view from_client;    // bytes that came behind the request
  std::string_view from_endpoint;  // bytes that came behind the 101
  core::Instant started;
  TunnelPlace& place;  // taken over
};

/// Bytes both ways after a 101, without HTTP: half-close is relayed, each direction pauses its
/// source by the watermarks. It holds a pool lease but no snapshot, because it can live for hours
/// (architecture.md §5). Owns both connections; frees itself through the reaper. Worker thread
/// only.
///
///   Relaying ──both ended, error, idle──► Finished
///      │ cut (deadline, policy `close` after its delay)
///      ▼
///   Cutting: FIN both ways ──both ended, or 1 s──► RST, Finished
class Tunnel final : public LeaseHolder, public net::Reapable, public core::ListNode<TunnelTag> {
 public:
  static void start(Context& context, const TunnelStart& start, PoolLease& lease,
                    ClientStream& client, UpstreamStream& upstream);

  bool is_tunnel() const override { return true; }
  void cut(model::CutCause cause, core::Nanos delay) override;
  model::TunnelPolicy tunnel_policy() const override { return policy_; }
  /// Ends it at once, with RST.
  void give_up();
  void reap() override { delete this; }

 private:
  enum class State : std::uint8_t { Relaying, Cutting, Finished };

  /// One end: what is read here is written to the other.
  class Side final : public net::TransportEvents {
   public:
    Side(Tunnel& tunnel, net::Transport& transport) : tunnel_(tunnel), transport_(&transport) {
      transport.set_events(*this);
    }
    void on_read(std::string_view bytes) override;
    void on_eof() override;
    void on_drained() override;
    void on_error(net::TransportError error) override;

    Tunnel& tunnel_;
    net::Transport* transport_;
    Side* other_ = nullptr;
    std::uint64_t bytes_read_ = 0;
    bool has_ended_ = false;
  };

  Tunnel(Context& context, const TunnelStart& start, PoolLease& lease, ReleasedClient client,
         ReleasedUpstream released);
  ~Tunnel() = default;

  void touch();
  void begin_cut();
  void finish_if_both_ended();
  void finish_idle();
  void finish(std::string_view why);
  void finish_broken(std::string_view why);
  void on_timer();

  Context& context_;
  State state_ = State::Relaying;
  ConnectionTicket ticket_;
  PoolLease lease_;
  LimitTickets limit_tickets_;
  const TunnelPlace place_;
  const ConnectionPlace connection_place_;
  const std::shared_ptr<model::EndpointCell> cell_;  // a tunnel outlives its snapshot
  metrics::ServiceCounters& counters_;
  const std::size_t pool_;
  const model::TunnelPolicy policy_;
  const core::Millis idle_timeout_;
  const core::Instant started_;
  OwnedLogRecord record_;
  std::optional<core::Instant> cut_at_;  // policy `close`: spread over a second
  std::string_view cut_cause_;
  net::MemberTimer<Tunnel, &Tunnel::on_timer> timer_{*this};
  Side client_;
  Side endpoint_;
};

}  // namespace sluice::proxy
