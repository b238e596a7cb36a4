#pragma once
#include <bitset>
#include <cstdint>
#include <optional>

#include "net/byte_queue.hpp"
#include "net/connector.hpp"
#include "net/timer_wheel.hpp"
#include "proxy/admission.hpp"
#include "proxy/client_stream.hpp"
#include "proxy/context.hpp"
#include "proxy/guard.hpp"
#include "proxy/origin.hpp"
#include "proxy/tunnel_limit.hpp"
#include "proxy/upstream_stream.hpp"
#include "sluice/model/decision.hpp"
#include "sluice/policy/balance.hpp"
#include "sluice/policy/pace.hpp"
#include "sluice/policy/retry.hpp"

namespace sluice::proxy {

/// The life of one request with its answer, top to bottom: the only class that knows both sides.
///
///   Reading ──whole head──► Deciding ──404, 400, 413...──────────────┐
///                              │ hold, route, identify, admit         │
///                              ▼                                      │
///            ┌───────────► Connecting ──no endpoint left: 503─────────┤
///            │ retry           │ idle or fresh connection             │
///            │ fallback        ▼                                      ▼
///            └──────────── Forwarding ──answer complete, 502, 504, ► Finished
///                              │         client gone, cut by a drain
///                              └─101──► the Tunnel goes on ─────────► Finished
///
/// One worker, one loop thread. Owned by its client stream, which also reaps it after
/// is_finished(). Holds a snapshot from the whole head on, a pool lease from admission on, and
/// gives back both when it finishes. It allocates nothing in steady state.
class Exchange final : public UpstreamEvents, public net::ConnectEvents, public LeaseHolder {
 public:
  Exchange(Context& context, ClientStream& client, const Origin& origin);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();

  /// Filled by the client stream before on_request_head(); its views must stay valid until the
  /// exchange has finished.
  http::RequestHead head;
  /// The connection ends with this request's answer, whatever the client wants
  /// (`limits.requests_per_connection`).
  bool is_last_of_connection = false;

  bool is_finished() const { return state_ == State::Finished; }
  /// How slowly the client may take the answer; `idle` 0: as it likes. Of the service, until the
  /// exchange ends.
  policy::PaceRule download_rule() const {
    if (service_ == nullptr)
      return {model::Timeouts{}.response_body_idle, model::MinRates::kDefault};
    return {settings().timeouts.response_body_idle, settings().min_rates.response};
  }

  // ---- from the client stream ----
  void on_request_head(std::size_t head_bytes);
  void on_refused_head(const http::Refusal& refusal);
  void on_head_timeout();
  void on_request_body(std::string_view bytes);
  /// What arrived is handed on and flushed: the moment to compare queues with watermarks.
  void on_request_flushed();
  void on_request_end(const http::HeaderBlock* trailers);
  void on_request_broken(std::string_view reason);
  void on_client_drained();
  void on_client_gone();

  // ---- from the endpoint side ----
  void on_connected(net::Transport& transport) override;
  void on_connect_failed(net::ConnectError error) override;
  void on_response_head(const http::ResponseHead& response) override;
  void on_response_body(std::string_view bytes) override;
  void on_response_flushed() override;
  void on_response_end(const http::HeaderBlock* trailers) override;
  void on_upstream_lost(UpstreamLoss loss, std::string_view reason) override;
  void on_upstream_drained() override;
  void on_upstream_deadline() override;

  // ---- from drains ----
  bool is_tunnel() const override { return false; }
  void cut(model::CutCause cause, core::Nanos delay) override;

 private:
  enum class State : std::uint8_t { Reading, Connecting, Forwarding, Finished };
  enum class Upload : std::uint8_t { None, Waiting, Flowing, Ended };
  enum class Answer : std::uint8_t { None, HeadSent, Complete };
  enum class Next : std::uint8_t { GoOn, Answered };
  enum class AssetAsk : std::uint8_t { None, Open, Ended };
  enum class Because : std::uint8_t { NoEndpoint, NoRoom };

  // The decisions, in order; each but the last may answer instead.
  Next find_service(std::size_t head_bytes);
  Next identify_user();
  Next admit();
  Next pass_breaker();
  void sample_latency(std::uint16_t status);
  bool shed(policy::OverloadWord overload);
  std::optional<std::string_view> known_user() const {
    return identity_.mint == nullptr ? identity_.value() : std::nullopt;
  }
  policy::Standing standing() const {
    return known_user() ? policy::Standing::Known : policy::Standing::New;
  }
  Next ask_limits(const model::RateLimits& limits);
  void connect();

  // Connecting
  void connect_to(std::size_t index);
  void begin_connecting();
  bool is_endpoint_kept() const;
  void note_given_up_connect();
  void end_connecting();
  std::optional<std::size_t> pick_endpoint();
  policy::EndpointView view_endpoint(std::size_t index) const;
  [[nodiscard]] bool occupy(std::size_t index);
  void vacate();
  void make_room_or_refuse();
  void punish(const model::Endpoint& endpoint);
  void note_failure(policy::FailureKind kind);
  void note_loss(UpstreamLoss loss);
  void note_answer(std::uint16_t status);
  void no_endpoint_left();
  void fall_back_to_live(Because why);
  Next move_to_live(policy::Reason why);
  Next move_to(Hold fresh, core::PoolName pool, policy::Reason why);

  // Circuit breakers and ceilings: what guard_ says
  Guard::Scope scope() const { return {&settings(), choice_.pool}; }
  Guard::Attempt attempt() const {
    return {.has_failed = has_attempt_failed_,
            .awaited_since = is_endpoints_turn() ? awaiting_since_ : core::Instant{}};
  }
  bool is_endpoints_turn() const { return upload_ != Upload::Flowing || is_upload_paused_; }
  void leave_pool();
  void tell_breakers(std::uint16_t status);
  bool may_overflow_to_live() const;
  bool takes_more(core::PoolName name) const {
    return guard_.takes_more({&settings(), name}, standing());
  }
  bool has_room(const model::Endpoint& endpoint) const {
    return guard_.has_room(scope(), endpoint, retries_ > 0);
  }
  std::optional<metrics::Refusal> full_endpoint() const;
  void pass_over(metrics::Refusal why);
  void no_room(metrics::Refusal why);
  void answer_no_room(metrics::Refusal why);

  // Forwarding
  void start_forwarding(UpstreamStream& upstream);
  http::RequestForwarding request_forwarding();
  void start_upload();
  void hold_body(std::string_view bytes);
  void replay_held_body();

  // When an attempt has failed
  policy::Repeatable repeatable() const {
    return http::is_safe(head.method) ? policy::Repeatable::Safe : repeatable_by_key();
  }
  policy::Repeatable repeatable_by_key() const;
  policy::FailedAttempt failed_attempt(policy::Failure failure) const;
  bool is_unwanted(std::uint16_t status);
  bool begins_another_for(std::uint16_t status);
  bool try_again(policy::Failure failure, std::string_view why);
  bool may_retry_now(const policy::FailedAttempt& attempt);
  bool has_room_for_retry() const;
  bool may_rescue_now(const policy::FailedAttempt& attempt);
  void discard_answer();
  void leave_attempt();
  void retry(const policy::FailedAttempt& attempt);
  void rescue(policy::Failure failure);
  bool is_last_attempt() const;
  void count_failed_attempt(policy::Failure failure);
  void give_up_repeated(const policy::FailedAttempt& attempt);

  // When a pool has no such file
  bool is_asset() const;
  bool asks_other_pool();
  bool gives_assets(const model::Service& service, core::PoolName pool) const;
  void ask_for_asset(Hold fresh, core::PoolName other);
  bool is_no_asset(std::uint16_t status);
  void answer_missing_asset(std::string_view why);
  void end_asset_ask(policy::AssetOutcome outcome);
  void count_asset(core::PoolName missed_by, policy::AssetOutcome outcome);

  // The answer
  void forward_informational(const http::ResponseHead& response);
  void forward_final_head(const http::ResponseHead& response);
  http::ResponseForwarding response_forwarding(const http::ResponseHead& response);
  void add_exposed(http::ResponseForwarding& with);
  std::string_view minted_cookie() const;
  void switch_protocols(const http::ResponseHead& response);

  // Ends
  void answer(std::uint16_t status, std::string_view detail, std::optional<metrics::Refusal> why,
              std::string_view error = {});
  void refuse(const http::Refusal& refusal);
  void answer_as_last_hop(const http::Refusal& own);
  void break_answer(std::string_view why);
  void drop_upstream();
  void finish(std::uint16_t status);
  void count(std::uint16_t status);
  void count_refusal(metrics::Refusal why);
  void note_first_byte();
  LogRecord log_record(std::uint16_t status) const;

  // Timers
  void arm_until(net::Timer& timer, core::Instant deadline);
  core::Instant after(core::Millis timeout) const;
  void await_response();
  void await_response_body();
  core::Instant response_end() const;
  policy::PaceRule upload_rule() const;
  void arm_upload_timer();
  void on_asset_timeout();
  void on_download_timeout();
  void on_upload_timeout();

  const model::ServiceSettings& settings() const { return *service_->settings; }
  const model::Pool& pool() const { return settings().pool(choice_.pool); }
  bool is_candidate() const { return choice_.pool != service_->live; }
  /// Whether the live pool may take over what the candidate can't do.
  bool may_leave_candidate() const {
    return is_candidate() && settings().on_pool_down == model::OnPoolDown::Fallback &&
           asset_ask_ == AssetAsk::None;
  }
  bool guards_endpoints() const { return settings().guards.endpoints[core::index(choice_.pool)]; }
  bool closes_client() const;
  std::size_t pool_label() const;

  Context& context_;
  ClientStream& client_;
  const Origin& origin_;
  const core::Instant started_;
  State state_ = State::Reading;
  Upload upload_ = Upload::None;
  Answer answer_ = Answer::None;

  // The decision; views point into the snapshot, the head or the buffers below.
  Hold hold_;
  Hold first_hold_;  // of a request that the live pool took over: its identity points into that
  const model::Service* service_ = nullptr;
  metrics::ServiceCounters* counters_ = nullptr;  // of the service
  http::ClientIdentity who_;
  policy::Identity identity_;
  policy::PoolChoice choice_;
  model::IdentityBuffers identity_buffers_;
  std::string_view request_id_;
  std::array<char, 36> request_id_buffer_;
  Admission admission_;
  Guard guard_;
  PoolLease lease_;
  TunnelPlace tunnel_place_;  // of a request that asks for an upgrade

  // The attempt that runs
  net::PendingConnect* connecting_ = nullptr;
  ConnectionPlace connection_place_;  // of that connect
  UpstreamStream* upstream_ = nullptr;
  const model::Endpoint* endpoint_ = nullptr;  // occupied: counted in its cell
  // Not asked again for this request: their connects have failed, or they were full.
  std::bitset<core::limits::kEndpointsPerPoolMax> tried_;
  std::optional<std::size_t> avoid_;  // died under this request: another one first
  bool needs_fresh_connection_ = false;
  std::optional<metrics::Refusal> full_;  // a ceiling of an endpoint that was passed over for it
  bool has_made_room_ = false;  // an idle connection was closed for want of descriptors or ports
  bool is_admitted_ = false;    // counts in the pool, until it finishes
  std::uint8_t retries_ = 0;    // of the pool that it is in now ...
  std::uint8_t retries_of_all_ = 0;  // ... and with those of the pool that it was rescued from
  Place repeat_;                     // among the repeated ones of its pool, until its end
  Place rescue_;                     // likewise, among the rescued ones
  bool has_attempt_failed_ = false;
  bool has_connect_failed_ = false;  // at least one, in the pool that it is in now
  bool is_backing_off_ = false;  // the upload timer ends the pause: nothing is uploaded meanwhile
  std::optional<core::PoolName> rescued_from_;
  AssetAsk asset_ask_ = AssetAsk::None;  // of the other pool, for what rescued_from_ has not
  bool forbids_storing_ = false;         // the answer is a 404 for a path of `rescue.assets`
  std::optional<policy::FailedAttempt> failed_;  // the last that was sent, in the pool it is in
  std::uint8_t informational_ = 0;
  bool is_response_paused_ = false;
  bool is_upload_paused_ = false;
  bool is_upload_open_ = false;  // the client stream was told to deliver
  net::ByteQueue held_;          // body of a repeatable request, while it is small
  bool is_body_held_ = true;     // all of it that was sent is still in held_

  // What the log and the metrics say
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::uint16_t status_sent_ = 0;
  core::Instant connect_started_{};
  core::Instant sent_{};            // the head of the attempt that runs
  core::Instant awaiting_since_{};  // since when it is the endpoint's turn; never: it is not
  std::optional<core::Nanos> connect_time_;
  std::optional<core::Nanos> first_byte_time_;
  std::string_view error_;  // static text
  std::string_view shed_;   // static text: what there was too much of; nullptr: it was not shed

  core::Instant probe_until_{};        // of an upload: till then it may be a breaker's probe
  core::Instant upload_deadline_{};    // moves with each byte of the body
  core::Instant response_deadline_{};  // of the head of the answer; a try may have less
  std::size_t untaken_ = 0;            // by a slow client, at the last check
  net::MemberTimer<Exchange, &Exchange::on_asset_timeout> asset_timer_{*this};
  net::MemberTimer<Exchange, &Exchange::on_upload_timeout> upload_timer_{*this};
};

}  // namespace sluice::proxy
