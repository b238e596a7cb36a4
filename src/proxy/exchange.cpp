#include "proxy/exchange.hpp"

#include <algorithm>
#include <charconv>

#include "proxy/tunnel.hpp"
#include "proxy/upstream_pool.hpp"

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

}  // namespace

Exchange::Exchange(Context& context, ClientStream& client, const Origin& origin)
    : context_(context),
      client_(client),
      origin_(origin),
      started_(context.loop.now()),
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

/// Breakers join here; a refusal takes no lease.
Exchange::Next Exchange::admit() {
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
  lease_.take(context_.leases, pool(), hold_->epoch, context_.worker, *this);
  is_admitted_ = true;
  metrics::ServiceCounters& counted = *counters_;
  counted.in_flight[pool_label()].add();
  counted.choices[pool_label()][static_cast<std::size_t>(choice_.reason)].add();
  return Next::GoOn;
}

Exchange::Next Exchange::ask_limits(const model::RateLimits& limits) {
  // Nobody can be told by an identity that nobody has seen before.
  const bool is_known = identity_.mint == nullptr;
  const model::LimitedRequest::Parts parts{.head = head,
                                           .client = who_.address,
                                           .identity = is_known ? identity_.value() : std::nullopt,
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
  occupy(index);
  if (!needs_fresh_connection_) {
    if (H1Upstream* idle = context_.upstreams.take_idle(endpoint_->id)) {
      idle->attach(*this);
      return start_forwarding(*idle);
    }
  }
  begin_connecting();
}

/// As many as wait for connections of this pool already may be all that can wait.
void Exchange::begin_connecting() {
  const std::uint32_t most = settings().max_pending;
  if (!policy::take_place(pool().cell->pending, most == 0 ? UINT32_MAX : most)) {
    constexpr std::string_view kWhy = "as many requests wait for a connection to this pool as may";
    vacate();
    if (may_leave_candidate()) return no_endpoint_left();
    return answer(503, kWhy, Refusal::PendingLimit);
  }
  connect_started_ = context_.loop.now();
  connecting_ = context_.connector.connect(endpoint_->address, settings().timeouts.connect, *this);
}

void Exchange::end_connecting() {
  connecting_ = nullptr;
  pool().cell->pending.fetch_sub(1, std::memory_order_relaxed);
}

void Exchange::on_connected(net::Transport& transport) {
  const EventScope scope(context_.gather);
  end_connecting();
  connect_time_ = context_.loop.now() - connect_started_;
  counters_->endpoint_connects[pool_label()].observe(*connect_time_);
  if (endpoint_->cell->penalty.load(std::memory_order_relaxed) != 0) {
    endpoint_->cell->penalty.store(0, std::memory_order_relaxed);
  }
  H1Upstream& upstream =
      context_.upstreams.adopt(transport, endpoint_->id, settings().timeouts.endpoint_idle);
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
  if (answer_ == Answer::None) context_.loop.timers().disarm(response_timer_);
  upload_deadline_ = context_.loop.now() + settings().timeouts.request_body_idle;
  arm_upload_timer();
  client_.open_upload(Flow::Run);
}

void Exchange::on_request_end(const http::HeaderBlock* trailers) {
  upload_ = Upload::Ended;
  context_.loop.timers().disarm(upload_timer_);
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
  if (response.status >= 500) [[unlikely]] {
    if (begins_another_for(response.status)) return;
  }
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

// ================ choosing an endpoint ================

policy::EndpointView Exchange::view_endpoint(std::size_t index) const {
  policy::EndpointView view = model::view_of(pool().endpoints[index]);
  view.is_usable = view.is_usable && !tried_[index] && avoid_ != index;
  return view;
}

std::optional<std::size_t> Exchange::pick_endpoint() {
  const policy::PoolRole role = model::role_of(*service_, choice_.pool);
  const auto view = [this](std::size_t index) { return view_endpoint(index); };
  const auto pick = [&] {
    return policy::pick_endpoint(pool().endpoints.size(), view, role, context_.loop.now(),
                                 context_.loop.rng());
  };
  const auto picked = pick();
  if (picked || !avoid_) return picked;
  avoid_.reset();  // there is no other one: a fresh connection to the same
  return pick();
}

void Exchange::occupy(std::size_t index) {
  endpoint_ = &pool().endpoints[index];
  endpoint_->cell->in_flight.fetch_add(1, std::memory_order_relaxed);
}

void Exchange::vacate() {
  endpoint_->cell->in_flight.fetch_sub(1, std::memory_order_relaxed);
  endpoint_ = nullptr;
}

void Exchange::on_connect_failed(net::ConnectError error) {
  const EventScope scope(context_.gather);
  end_connecting();
  if (error == net::ConnectError::LocalResources) return make_room_or_refuse();
  error_ = net::text(error);
  note_failure(policy::FailureKind::Connect);
  punish(*endpoint_);
  tried_.set(static_cast<std::size_t>(endpoint_ - pool().endpoints.data()));
  vacate();
  count_failed_attempt(policy::Failure::Connect);
  // Nothing was sent: any method may be tried elsewhere at once.
  if (settings().repeats.retry.when.has(policy::Failure::Connect)) return connect();
  no_endpoint_left();
}

/// Ours, not the endpoint's fault (behaviour.md §4). Once per request, so that a shortage that no
/// idle connection causes does not cost all of them.
void Exchange::make_room_or_refuse() {
  vacate();
  if (!has_made_room_ && context_.upstreams.close_oldest_idle()) {
    has_made_room_ = true;
    return connect();
  }
  // Ports run out towards one address at a time: the live pool may have some.
  if (may_leave_candidate()) return no_endpoint_left();
  answer(503, "no connection could be opened: a local resource is exhausted",
         Refusal::LocalResources);
}

void Exchange::punish(const model::Endpoint& endpoint) {
  const policy::Penalty before(endpoint.cell->penalty.load(std::memory_order_relaxed));
  endpoint.cell->penalty.store(before.after_failure(context_.loop.now()).word(),
                               std::memory_order_relaxed);
}

/// Counted in the pool, and in the endpoint's own word, which passive health looks at.
void Exchange::note_failure(policy::FailureKind kind) {
  counters_->endpoint_failures[pool_label()].add();
  policy::report_failure(endpoint_->cell->failures, kind, settings().outliers);
}

/// A failure that is an answer is no failure of the pool's counters: those count what the endpoint
/// left undone.
void Exchange::note_answer(std::uint16_t status) {
  if (status >= 500) {
    policy::report_failure(endpoint_->cell->failures, policy::FailureKind::Status,
                           settings().outliers);
  } else {
    policy::report_success(endpoint_->cell->failures);
  }
}

/// What was sent already may go to the other pool only as a rescue: it may have had its effect.
void Exchange::no_endpoint_left() {
  if (failed_) return give_up_repeated(*failed_);
  if (may_leave_candidate()) return fall_back_to_live();
  answer(503, is_candidate() ? model::kNoCandidateLeft : model::kNoEndpointLeft,
         Refusal::NoEndpoint, error_.empty() ? "no usable endpoint" : error_);
}

/// The candidate can't serve: its user gets the live pool.
void Exchange::fall_back_to_live() {
  counters_->fallbacks.add();
  move_to_live(policy::Reason::Fallback);
  connect();
}

/// A pool is chosen only under the snapshot that is adopted now, so adopt first, then take the new
/// lease, then give back the old one (architecture.md §5).
void Exchange::move_to_live(policy::Reason why) {
  Hold fresh = context_.slot.hold();
  metrics::ServiceCounters& counted = *counters_;
  counted.in_flight[pool_label()].subtract();
  const core::PoolName failed = choice_.pool;
  admission_.stay_with(settings().rate_limits);  // judged once, for the pool that was chosen first
  service_ = &fresh->service(settings().id);
  choice_.pool = service_->live;
  choice_.reason = why;
  if (choice_.pool != failed) {
    tried_.reset();
    avoid_.reset();
  }  // else a switch made the failed pool the live one meanwhile: there a penalty only ranks
  lease_.move_to(context_.leases, pool(), fresh->epoch, context_.worker);
  // The identity, and what the limits said, point into the settings that they were read under.
  if (!first_hold_) first_hold_ = std::move(hold_);
  hold_ = std::move(fresh);
  give_back(repeats_in_);  // of the pool that it leaves
  retries_ = 0;
  counted.in_flight[pool_label()].add();
  counted.choices[pool_label()][static_cast<std::size_t>(choice_.reason)].add();
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
    return answer(502, "the endpoint sent too many informational answers",
                  Refusal::EndpointProtocol);
  }
  if (head.version == http::Version::Http11)
    client_.send_informational(response, {.adds_via = settings().adds_via});
  if (response.status == 100 && upload_ == Upload::Waiting) start_upload();
}

bool Exchange::closes_client() const {
  return !head.keep_alive || upload_ != Upload::Ended || is_last_of_connection ||
         context_.is_stopping;
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
    return answer(502, "the endpoint switched to a protocol that was not asked for",
                  Refusal::EndpointProtocol);
  }
  note_first_byte();
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

// ================ timers ================

namespace {
/// `off`: a deadline that never comes.
constexpr core::Instant kNever = core::Instant::max();
}  // namespace

core::Instant Exchange::after(core::Millis timeout) const {
  return timeout > core::Millis::zero() ? context_.loop.now() + timeout : kNever;
}

/// What was armed for another phase must not end this one.
void Exchange::arm_until(net::Timer& timer, core::Instant deadline) {
  if (deadline != kNever) {
    context_.loop.timers().arm(timer, deadline);
  } else {
    context_.loop.timers().disarm(timer);
  }
}

/// While the client still sends, the endpoint need not answer: its time runs from the last byte of
/// the request.
void Exchange::await_response() {
  if (answer_ != Answer::None) return;
  const core::Millis whole = settings().timeouts.response_header;
  const core::Millis one_try = settings().repeats.retry.per_try_timeout;
  const bool is_one_of_more = one_try > core::Millis::zero() && !is_last_attempt();
  response_deadline_ = after(whole);
  arm_until(response_timer_,
            is_one_of_more ? std::min(after(one_try), response_deadline_) : response_deadline_);
}

void Exchange::await_response_body() {
  arm_until(response_timer_,
            std::min(after(settings().timeouts.response_body_idle), response_end()));
}

core::Instant Exchange::response_end() const {
  const core::Millis whole = settings().timeouts.response_body;
  return whole > core::Millis::zero() ? started_ + *first_byte_time_ + whole : kNever;
}

/// Once the application answers while it still receives, the two talk at a pace of their own.
policy::PaceRule Exchange::upload_rule() const {
  return {settings().timeouts.request_body_idle,
          answer_ == Answer::None ? settings().min_rates.request : 0};
}

void Exchange::arm_upload_timer() {
  if (upload_ != Upload::Flowing) return;
  const model::Timeouts& timeouts = settings().timeouts;
  const bool is_client_asked = !is_upload_paused_ && timeouts.request_body_idle.count() > 0;
  const bool has_end = timeouts.request_body.count() > 0;
  arm_until(upload_timer_, std::min(is_client_asked ? upload_deadline_ : kNever,
                                    has_end ? started_ + timeouts.request_body : kNever));
}

void Exchange::on_response_timeout() {
  const EventScope scope(context_.gather);
  if (std::exchange(is_backing_off_, false)) return connect();
  if (answer_ == Answer::None) {
    constexpr std::string_view kWhy = "the endpoint did not answer in time";
    if (try_again(policy::Failure::TimedOut, kWhy)) return;
    // The time of one try is up, and nothing can follow it after all.
    if (context_.loop.now() < response_deadline_)
      return arm_until(response_timer_, response_deadline_);
    count_failed_attempt(policy::Failure::TimedOut);
    return answer(504, kWhy, Refusal::EndpointTimeout);
  }
  if (context_.loop.now() >= response_end())
    return break_answer("the answer took longer than it may");
  if (is_response_paused_) return on_download_timeout();
  break_answer("the endpoint stopped sending");
}

/// A slow client goes on for as long as it takes enough.
void Exchange::on_download_timeout() {
  const std::size_t before = std::exchange(untaken_, client_.untaken());
  const core::Nanos bought =
      policy::time_bought(download_rule(), before - std::min(before, untaken_));
  if (bought == core::Nanos::zero()) return break_answer("the client stopped reading");
  arm_until(response_timer_, std::min(context_.loop.now() + bought, response_end()));
}

void Exchange::on_upload_timeout() {
  const EventScope scope(context_.gather);
  if (upload_ == Upload::Waiting)
    return start_upload();  // no 100 came: RFC 9110 §10.1.1 allows to go on
  if (is_upload_paused_) {
    counters_->endpoint_failures[pool_label()].add();
    return answer(504, "the endpoint did not take the request body in time",
                  Refusal::EndpointTimeout);
  }
  answer(408, "the request body did not arrive in time", Refusal::RequestTimeout);
}

}  // namespace sluice::proxy
