#include "proxy/exchange.hpp"

#include <algorithm>
#include <charconv>

#include "proxy/tunnel.hpp"
#include "proxy/upstream_pool.hpp"
#include "sluice/core/hash.hpp"

namespace sluice::proxy {

using metrics::Refusal;

namespace {

metrics::IdentityLabel identity_label(const policy::Identity& identity) {
  using metrics::IdentityLabel;
  if (identity.mint != nullptr) return IdentityLabel::Minted;
  if (identity.source == nullptr) return IdentityLabel::None;
  // Same order (asserted below): one number instead of a switch on the path of each request.
  return static_cast<IdentityLabel>(identity.source->kind);
}
static_assert(static_cast<int>(metrics::IdentityLabel::Cookie) ==
              static_cast<int>(policy::IdentityKind::Cookie));
static_assert(static_cast<int>(metrics::IdentityLabel::MintCookie) ==
              static_cast<int>(policy::IdentityKind::MintCookie));
static_assert(policy::kReasons <= metrics::kReasonsMax);
static_assert(policy::kAllFailures.size() <= metrics::kFailuresMax);
static_assert(policy::kAllAssetOutcomes.size() <= metrics::kAssetOutcomesMax);

}  // namespace

Exchange::Exchange(Context& context, ClientStream& client, const Origin& origin)
    : context_(context),
      client_(client),
      origin_(origin),
      started_(context.loop.now()),
      guard_(context, head),
      held_(context.loop.chunks()) {}

Exchange::~Exchange() {
  DEBUG_ENSURE(connecting_ == nullptr && upstream_ == nullptr && endpoint_ == nullptr,
               "an exchange finishes before it dies");
}

// ================ the request, top to bottom ================

void Exchange::on_request_head(std::size_t head_bytes) {
  // Everything below reads this one snapshot: no request sees half of a change. The steps up to the
  // lease do not wait for anything, so a pool is chosen only under the snapshot that is adopted now
  // (architecture.md §5).
  hold_ = context_.slot.hold();
  upload_ = head.framing.kind == http::BodyKind::None ? Upload::Ended : Upload::Waiting;
  if (find_service(head_bytes) == Next::Answered) return;
  if (identify_user() == Next::Answered) return;
  if (admit() == Next::Answered) return;
  connect();
}

Exchange::Next Exchange::find_service(std::size_t head_bytes) {
  who_ =
      http::find_client(head.fields, origin_.peer.ip, hold_->trusts_unix, hold_->trusted_proxies);
  const auto given_id = head.fields.find(http::FieldId::XRequestId);
  request_id_ = who_.peer_is_trusted && given_id && http::is_sane_request_id(*given_id)
                    ? *given_id
                    : http::make_request_id(context_.loop.rng(), request_id_buffer_);

  const model::Route found = model::route(*hold_, origin_.listener, head);
  if (found.refusal) {
    refuse(*found.refusal);
    return Next::Answered;
  }
  service_ = found.service;
  counters_ = &context_.metrics.services[settings().id.raw];
  if (const auto refusal = model::check_limits(settings(), head, head_bytes)) {
    refuse(*refusal);
    return Next::Answered;
  }
  if (const auto own = model::last_hop(head)) {
    answer_as_last_hop(*own);
    return Next::Answered;
  }
  return Next::GoOn;
}

Exchange::Next Exchange::identify_user() {
  identity_ = model::identify(settings(), head, who_, context_.loop.rng(), identity_buffers_);
  const auto pin =
      model::find_pin(settings().pins, context_.slot.lists(),
                      {.head = head, .client = who_.address, .identity = identity_.value()});
  choice_ = policy::choose_pool(service_->split_state(), pin, identity_.value());
  metrics::ServiceCounters& counted = *counters_;
  counted.identities[static_cast<std::size_t>(identity_label(identity_))].add();
  if (identity_.was_too_long) counted.identities_too_long.add();
  if (choice_.is_by_hash()) counted.users.see(choice_.hash, context_.loop.now());
  return Next::GoOn;
}

/// A refusal takes no lease.
Exchange::Next Exchange::admit() {
  if (const policy::OverloadWord overload = context_.overload(); overload.strain() != 0)
      [[unlikely]] {
    if (shed(overload)) return Next::Answered;
  }
  if (TunnelLimit* const limit = context_.tunnel_limit; limit != nullptr && !head.upgrade.empty()) {
    if (!limit->enter()) {
      answer(503, "there are as many tunnels as there may be", Refusal::TunnelLimit);
      return Next::Answered;
    }
    tunnel_place_ = TunnelPlace(*limit);
  }
  if (const model::RateLimits* limits = settings().rate_limits.get()) {
    if (ask_limits(*limits) == Next::Answered) return Next::Answered;
  }
  if (settings().guards.pools && pass_breaker() == Next::Answered) return Next::Answered;
  lease_.take(context_.leases, pool(), hold_->epoch, context_.worker, *this);
  is_admitted_ = true;
  metrics::ServiceCounters& counted = *counters_;
  counted.in_flight[pool_label()].add();
  counted.choices[pool_label()][static_cast<std::size_t>(choice_.reason)].add();
  return Next::GoOn;
}

/// Users who are known are refused last, and each of them everything or nothing for a while: a page
/// of which a tenth is missing helps nobody.
bool Exchange::shed(policy::OverloadWord overload) {
  using policy::OverloadCause;
  const auto user = known_user();
  const auto draw = user ? policy::shed_draw(core::murmur3_x86_32(*user), context_.loop.now())
                         : static_cast<std::uint32_t>(context_.loop.rng().next());
  if (!policy::is_shed(overload.strain(), standing(), draw)) return false;
  const OverloadCause cause = overload.cause();
  shed_ = policy::text(cause);
  answer(503, policy::refusal_of(cause),
         cause == OverloadCause::Memory ? Refusal::OverloadMemory : Refusal::OverloadLoop);
  return true;
}

Exchange::Next Exchange::ask_limits(const model::RateLimits& limits) {
  // Nobody can be told by an identity that nobody has seen before.
  const model::LimitedRequest::Parts parts{.head = head,
                                           .client = who_.address,
                                           .identity = known_user(),
                                           .service = settings().name,
                                           .pool = choice_.pool,
                                           .is_candidate = is_candidate()};
  model::LimitedRequest request(parts);
  if (admission_.ask(limits, request, context_.worker, context_.loop.clock())) return Next::GoOn;
  answer(429, admission_.detail(), Refusal::RateLimited);
  return Next::Answered;
}

void Exchange::connect() {
  state_ = State::Connecting;
  const auto picked = pick_endpoint();
  if (!picked) return no_endpoint_left();
  connect_to(*picked);
}

void Exchange::connect_to(std::size_t index) {
  if (!occupy(index)) return connect();  // another request was faster
  if (!needs_fresh_connection_) {
    if (H1Upstream* idle = context_.upstreams.take_idle(endpoint_->id)) {
      idle->attach(*this);
      return start_forwarding(*idle);
    }
  }
  begin_connecting();
}

void Exchange::on_connected(net::Transport& transport) {
  const EventScope scope(context_.gather);
  end_connecting();
  awaiting_since_ = {};  // of the request nothing was sent yet
  connect_time_ = context_.loop.now() - connect_started_;
  counters_->endpoint_connects[pool_label()].observe(*connect_time_);
  if (endpoint_->cell->penalty.load(std::memory_order_relaxed) != 0) {
    endpoint_->cell->penalty.store(0, std::memory_order_relaxed);
  }
  const core::Millis idle =
      is_endpoint_kept() ? settings().timeouts.endpoint_idle : core::Millis::zero();
  H1Upstream& upstream =
      context_.upstreams.adopt(transport, endpoint_->id, idle, std::move(connection_place_));
  upstream.attach(*this);
  start_forwarding(upstream);
}

void Exchange::start_forwarding(UpstreamStream& upstream) {
  state_ = State::Forwarding;
  upstream_ = &upstream;
  sent_ = context_.loop.now();
  upstream.send_head(head, request_forwarding());
  replay_held_body();
  if (upload_ == Upload::Ended) {
    upstream.finish(nullptr);
    await_response();
  } else if (head.expect == http::Expectation::Continue && !is_upload_open_) {
    upload_ = Upload::Waiting;  // for the endpoint's 100, or kExpectWait
    context_.loop.timers().arm(upload_timer_, context_.loop.now() + core::limits::kExpectWait);
  } else {
    start_upload();
  }
}

void Exchange::on_request_body(std::string_view bytes) {
  bytes_in_ += bytes.size();
  const auto& most = settings().body_bytes_max;
  if (most && bytes_in_ > *most)
    return answer(413, "the request body is too large", Refusal::TooLarge);
  hold_body(bytes);
  upload_deadline_ =
      policy::extended(upload_deadline_, upload_rule(), bytes.size(), context_.loop.now());
  arm_upload_timer();
  if (answer_ == Answer::HeadSent && !is_response_paused_) await_response_body();
  if (upstream_ != nullptr) upstream_->send_body(bytes);
}

void Exchange::on_request_flushed() {
  if (state_ != State::Forwarding || is_upload_paused_ || upload_ != Upload::Flowing) return;
  if (upstream_->queued() <= core::limits::kHighWatermark) return;
  is_upload_paused_ = true;
  arm_upload_timer();
  await_response();  // now it is the endpoint's turn: it must read or answer
  client_.open_upload(Flow::Pause);
}

void Exchange::on_upstream_drained() {
  if (!is_upload_paused_ || upstream_->queued() > core::limits::kLowWatermark) return;
  is_upload_paused_ = false;
  awaiting_since_ = {};
  if (answer_ == Answer::None) upstream_->set_deadline(core::Instant::max());
  upload_deadline_ = context_.loop.now() + settings().timeouts.request_body_idle;
  arm_upload_timer();
  client_.open_upload(Flow::Run);
}

void Exchange::on_request_end(const http::HeaderBlock* trailers) {
  upload_ = Upload::Ended;
  if (!is_backing_off_) context_.loop.timers().disarm(upload_timer_);
  if (trailers != nullptr) is_body_held_ = false;  // a replay would lose them
  if (upstream_ != nullptr) {
    upstream_->finish(trailers);
    await_response();
  }
}

void Exchange::on_response_head(const http::ResponseHead& response) {
  if (response.status == 101) return switch_protocols(response);
  if (response.status < 200) return forward_informational(response);
  forward_final_head(response);
}

void Exchange::forward_final_head(const http::ResponseHead& response) {
  if (settings().outliers.is_on()) note_answer(response.status);
  if (response.status >= 400) [[unlikely]] {
    if (is_unwanted(response.status)) return;
  }
  if (guard_.awaits_answer()) tell_breakers(response.status);
  if (guard_.samples_latency()) sample_latency(response.status);
  if (!head.upgrade.empty()) [[unlikely]]
    tunnel_place_ = {};  // it was not granted
  note_first_byte();
  answer_ = Answer::HeadSent;
  status_sent_ = response.status;
  client_.send_head(response, response_forwarding(response));
}

void Exchange::on_response_body(std::string_view bytes) {
  bytes_out_ += bytes.size();
  client_.send_body(bytes);
}

/// Of an answer that goes on: one that came whole needs no more time.
void Exchange::on_response_flushed() {
  await_response_body();
  if (is_response_paused_ || client_.queued() <= core::limits::kHighWatermark) return;
  is_response_paused_ = true;
  untaken_ = client_.untaken();
  upstream_->pause_response(Flow::Pause);
}

void Exchange::on_client_drained() {
  if (state_ != State::Forwarding || !is_response_paused_ ||
      client_.queued() > core::limits::kLowWatermark)
    return;
  is_response_paused_ = false;
  await_response_body();
  upstream_->pause_response(Flow::Run);
}

void Exchange::on_response_end(const http::HeaderBlock* trailers) {
  answer_ = Answer::Complete;
  client_.finish(trailers);
  // Early final answer: the rest of the request is not wanted, and its connection can't be used
  // again.
  UpstreamStream* const upstream = std::exchange(upstream_, nullptr);
  if (upload_ == Upload::Ended) {
    upstream->release();
  } else {
    upstream->abort();
  }
  finish(status_sent_);
}

// ================ request side ================

http::RequestForwarding Exchange::request_forwarding() {
  core::Rng& rng = context_.loop.rng();
  return {.client = who_,
          .peer = origin_.peer.ip,
          .peer_text = origin_.peer_text(),
          .scheme = "http",
          .request_id = request_id_,
          .pool = core::text(choice_.pool),
          .upgrade = head.upgrade,
          .default_host = endpoint_->text,
          .adds_via = settings().adds_via,
          .span_id = rng.next() | 1U,
          .trace_high = rng.next(),
          .trace_low = rng.next() | 1U};
}

void Exchange::start_upload() {
  upload_ = Upload::Flowing;
  is_upload_open_ = true;
  is_upload_paused_ = false;
  upload_deadline_ = context_.loop.now() + settings().timeouts.request_body_idle;
  probe_until_ = context_.loop.now() + core::limits::kProbeUploadMax;
  arm_upload_timer();
  client_.open_upload(Flow::Run);
}

/// Keeps what was sent of a request that may be repeated, as long as it is small.
void Exchange::hold_body(std::string_view bytes) {
  if (!is_body_held_) return;
  if (repeatable() != policy::Repeatable::Never &&
      held_.size() + bytes.size() <= core::limits::kReplayBodyMax) {
    held_.append(bytes);
    return;
  }
  is_body_held_ = false;
  held_.clear();
}

void Exchange::replay_held_body() {
  if (held_.empty()) return;
  // One more than its bytes fill: the first chunk may begin anywhere.
  std::array<std::string_view, core::limits::kReplayBodyMax / core::limits::kChunkSize + 1> parts;
  const std::size_t count = held_.front(parts);
  for (std::size_t i = 0; i < count; ++i) upstream_->send_body(parts[i]);
}

void Exchange::on_request_broken(std::string_view reason) {
  if (answer_ != Answer::None) return break_answer(reason);
  refuse({400, reason});
}

void Exchange::on_refused_head(const http::Refusal& refusal) {
  hold_ = context_.slot.hold();
  upload_ = Upload::Waiting;  // where its body would begin is not known
  refuse(refusal);
}

void Exchange::on_head_timeout() {
  on_refused_head(model::kHeadTimeout);
}

// ================ response side ================

void Exchange::forward_informational(const http::ResponseHead& response) {
  if (++informational_ > core::limits::kInformationalMax) {
    note_failure(policy::FailureKind::Broken);
    return answer(502, "the endpoint sent too many informational answers",
                  Refusal::EndpointProtocol);
  }
  if (head.version == http::Version::Http11)
    client_.send_informational(response, {.adds_via = settings().adds_via});
  if (response.status == 100 && upload_ == Upload::Waiting) start_upload();
}

bool Exchange::closes_client() const {
  return !head.keep_alive || upload_ != Upload::Ended || is_last_of_connection ||
         context_.is_stopping || context_.overload().ends_connections();
}

http::ResponseForwarding Exchange::response_forwarding(const http::ResponseHead& response) {
  using http::BodyCoding;
  using http::BodyKind;
  http::ResponseForwarding with;
  switch (response.framing.kind) {
    case BodyKind::None:
      with.coding = BodyCoding::None;
      break;
    case BodyKind::Length:
      with.coding = BodyCoding::Length;
      break;
    case BodyKind::Chunked:
    case BodyKind::UntilClose:
      with.coding =
          head.version == http::Version::Http11 ? BodyCoding::Chunked : BodyCoding::UntilClose;
      break;
  }
  with.length = response.framing.length;
  with.keep_content_length = head.method == http::Method::Head || response.status == 304;
  if (with.keep_content_length) with.head_length = http::content_length(response);
  with.closes = closes_client() || with.coding == BodyCoding::UntilClose;
  with.says_keep_alive = head.version == http::Version::Http10 && !with.closes;
  with.adds_via = settings().adds_via;
  with.date = context_.date.value();
  with.request_id = request_id_;
  with.forbids_storing = forbids_storing_;
  if (identity_.mint != nullptr && response.status != 304) with.set_cookie = minted_cookie();
  add_exposed(with);
  admission_.announce(with, response.status);
  return with;
}

/// Unsigned: stickiness is promised to clients that return it (behaviour.md §2). The writer copies
/// it at once.
std::string_view Exchange::minted_cookie() const {
  thread_local std::array<char, 1024> buffer;
  http::HeadWriter cookie(buffer);
  cookie.put(identity_.mint->name);
  cookie.put("=");
  cookie.put(identity_.octets);
  cookie.put("; Path=/; Max-Age=");
  cookie.put(static_cast<std::uint64_t>(identity_.mint->max_age.count()));
  cookie.put("; HttpOnly; SameSite=Lax");
  ENSURE(!cookie.overflowed(), "cookie names are bounded by the configuration");
  return cookie.written();
}

void Exchange::switch_protocols(const http::ResponseHead& response) {
  const bool was_asked = !head.upgrade.empty() && http::iequals(response.upgrade, head.upgrade);
  if (!was_asked || upload_ != Upload::Ended) {
    note_failure(policy::FailureKind::Broken);
    return answer(502, "the endpoint switched to a protocol that was not asked for",
                  Refusal::EndpointProtocol);
  }
  note_first_byte();
  tell_breakers(response.status);
  if (settings().outliers.is_on()) note_answer(response.status);
  http::ResponseForwarding with{.adds_via = settings().adds_via,
                                .date = context_.date.value(),
                                .request_id = request_id_,
                                .upgrade = head.upgrade};
  add_exposed(with);
  answer_ = Answer::Complete;
  status_sent_ = 101;
  client_.send_head(response, with);
  context_.gather.flush();

  const TunnelStart start{.settings = settings(),
                          .pool = choice_.pool,
                          .cell = endpoint_->cell,
                          .record = log_record(101),
                          .limit_tickets = admission_.tickets_for_tunnel(settings().rate_limits),
                          .from_client = client_.unread(),
                          .from_endpoint = upstream_->unread(),
                          .started = started_,
                          .place = tunnel_place_};
  guard_.leave_endpoint(attempt(), *endpoint_);
  endpoint_ = nullptr;  // the tunnel counts in the cell from now on
  Tunnel::start(context_, start, lease_, client_, *std::exchange(upstream_, nullptr));
  finish(101);
}

void Exchange::add_exposed(http::ResponseForwarding& with) {
  const model::Expose& expose = settings().expose;
  if (!expose.any()) return;
  thread_local http::ResponseForwarding::Exposed shown;
  shown = {};
  // The writer copies these at once, so one buffer for each number will do.
  thread_local std::array<char, 24> generation;
  thread_local std::array<char, 8> bucket;
  const auto digits = [](auto& buffer, auto number) {
    const auto end = std::to_chars(buffer.begin(), buffer.end(), number).ptr;
    return std::string_view(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  };
  if (expose.pool) shown.pool = core::text(choice_.pool);
  if (expose.generation) shown.generation = digits(generation, hold_->generation.raw);
  if (expose.reason) shown.reason = policy::text(choice_.reason);
  if (expose.bucket && choice_.bucket) shown.bucket = digits(bucket, *choice_.bucket);
  if (expose.endpoint) shown.endpoint = endpoint_->text;
  if (expose.rescued && rescued_from_) shown.rescued = core::text(*rescued_from_);
  with.exposed = &shown;
}

}  // namespace sluice::proxy
