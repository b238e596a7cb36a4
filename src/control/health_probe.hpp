#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "net/connector.hpp"
#include "net/loop.hpp"
#include "sluice/http/chunked.hpp"
#include "sluice/http/head_scanner.hpp"
#include "sluice/http/message.hpp"
#include "sluice/model/snapshot.hpp"
#include "sluice/policy/health.hpp"

namespace sluice::control {

class ProbeEvents {
 public:
  /// Once per check, never from inside start(). The probe may be started again from here.
  virtual void on_probe_ended(policy::CheckResult result) = 0;

 protected:
  ~ProbeEvents() = default;
};

/// One health check after the other of one endpoint, each on a connection of its own: a reused one
/// would say nothing about whether the endpoint accepts. Reads no more than a response head and
/// kHealthBodyMax of a body. Control thread only.
class HealthProbe final : net::ConnectEvents, net::TransportEvents {
 public:
  /// All borrowed, and outliving this.
  HealthProbe(net::Loop& loop, net::Connector& connector, ProbeEvents& events);
  HealthProbe(const HealthProbe&) = delete;
  HealthProbe& operator=(const HealthProbe&) = delete;
  ~HealthProbe();

  /// Requires: no check runs; `check` and `endpoint` outlive it, or cancel() comes before they go.
  void start(const policy::HealthCheck& check, const model::Endpoint& endpoint,
             core::PoolName pool);
  bool is_running() const { return state_ != State::Idle; }
  /// No event follows. Idempotent.
  void cancel();

 private:
  //   Idle --start()--> Connecting --tcp: connected-------------------.
  //                         '---- http: request sent ---> Head --> Body --> Idle
  //   and from any of them by a failure or the time
  enum class State : std::uint8_t { Idle, Connecting, Head, Body };

  void on_connected(net::Transport& transport) override;
  void on_connect_failed(net::ConnectError error) override;
  void on_read(std::string_view bytes) override;
  void on_eof() override;
  void on_drained() override {}
  void on_error(net::TransportError error) override;
  void on_timeout();

  void send_request();
  void read_heads();
  void take_head(const http::ResponseHead& head);
  void read_body(std::string_view bytes);
  void read_chunks(std::string_view bytes);
  void add_to_body(std::string_view bytes);
  void end_answer();
  void fail(std::string why);
  void end(policy::CheckResult result);

  net::Loop& loop_;
  net::Connector& connector_;
  ProbeEvents& events_;
  State state_ = State::Idle;

  // Of the check that runs
  const policy::HealthCheck* check_ = nullptr;
  const model::Endpoint* endpoint_ = nullptr;
  core::PoolName pool_ = core::PoolName::Blue;
  net::PendingConnect* connecting_ = nullptr;
  net::Transport* transport_ = nullptr;
  std::string received_;  // the head as far as it is there
  http::HeadEnd head_end_;
  unsigned informational_ = 0;
  std::uint16_t status_ = 0;
  unsigned report_lines_ = 0;
  std::string report_;
  http::Framing framing_;
  http::ChunkDecoder chunks_;
  std::uint64_t body_left_ = 0;  // of a body with a length
  std::string body_;
  net::MemberTimer<HealthProbe, &HealthProbe::on_timeout> timer_{*this};
};

}  // namespace sluice::control
