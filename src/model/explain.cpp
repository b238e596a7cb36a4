#include "sluice/model/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "sluice/core/hash.hpp"
#include "sluice/http/h1_parser.hpp"
#include "sluice/http/target.hpp"
#include "sluice/model/decision.hpp"

namespace sluice::model {

namespace {

/// One request on its way through the decisions, in the order of the data path. Each step returns
/// whether the next one is taken.
class Walk {
  using Standing = Explanation::AskedLimit::Standing;

 public:
  Walk(const Edition& edition, const ExplainInput& input, core::Rng& rng)
      : snapshot_(*edition.snapshot), lists_(*edition.lists), input_(input), rng_(rng) {}

  Explanation run() {
    if (read_head() && find_service() && keep_limits() && identify_user()) {
      ask_overload();
      choose();
    }
    return std::move(out_);
  }

 private:
  bool refuse(const http::Refusal& refusal) {
    out_.answer = refusal;
    return false;
  }

  bool read_head() {
    const http::HeadLimits& limits = snapshot_.head_limits;
    http::HeadEnd end;
    const auto size = end.find(input_.bytes);
    switch (http::head_progress(size, input_.bytes.size(), limits)) {
      case http::HeadProgress::Partial:
        return refuse(kHeadTimeout);
      case http::HeadProgress::Oversized:
        return refuse(http::oversized_request_head(input_.bytes.substr(0, limits.head_bytes)));
      case http::HeadProgress::Whole:
        break;
    }
    head_bytes_ = *size;
    const auto refusal = http::parse_request_head(input_.bytes.substr(0, *size), limits, head_);
    out_.method = head_.method_text;
    out_.host = head_.host;
    out_.path = head_.path;
    if (refusal) return refuse(*refusal);
    who_ = http::find_client(head_.fields, input_.peer, snapshot_.trusts_unix,
                             snapshot_.trusted_proxies);
    out_.client = who_.address;
    return true;
  }

  bool find_service() {
    std::array<char, core::limits::kRequestHeadMax> scratch;
    std::string_view path;
    // Refused whatever the service: segments look at the path too.
    if (const auto refusal = matching_path(head_, scratch, path)) return refuse(*refusal);
    const Route found = route(snapshot_, input_.listener, head_);
    if (const auto place = snapshot_.table->locate(input_.listener, head_.host, path)) {
      out_.routing = {place->service, std::string(place->host), std::string(place->path_prefix),
                      place->names_listeners};
    }
    out_.service = input_.named != nullptr ? input_.named : found.service;
    return out_.service != nullptr || refuse(*found.refusal);
  }

  bool keep_limits() {
    if (const auto refusal = check_limits(settings(), head_, head_bytes_)) return refuse(*refusal);
    if (const auto own = last_hop(head_)) return refuse(*own);
    return true;
  }

  bool identify_user() {
    if (input_.user) {
      take_given_user();
    } else {
      const policy::Identity found = identify(settings(), head_, who_, rng_, buffers_);
      out_.source = found.source;
      out_.was_too_long = found.was_too_long;
      out_.would_mint = found.mint != nullptr;
      if (!out_.would_mint) out_.identity = found.octets;
    }
    return true;
  }

  bool is_known() const { return !out_.would_mint && !out_.identity.empty(); }

  void ask_overload() {
    using policy::Standing;
    const policy::Strain strain = input_.overload.strain();
    const Standing standing = is_known() ? Standing::Known : Standing::New;
    const policy::Strain refused = policy::refused_of_thousand(strain, standing);
    // A new one is drawn for each request.
    const std::uint32_t draw =
        is_known() ? policy::shed_draw(core::murmur3_x86_32(out_.identity), input_.now)
                   : std::numeric_limits<std::uint32_t>::max();
    out_.overload = {.word = input_.overload,
                     .standing = standing,
                     .of_thousand = refused,
                     .refuses = policy::is_shed(strain, standing, draw)};
    if (out_.overload->refuses) refuse({503, policy::refusal_of(input_.overload.cause())});
  }

  /// By the same rules about what counts as absent; only where it comes from is left open.
  void take_given_user() {
    const std::array<policy::IdentitySource, 1> given{{{policy::IdentityKind::Header, "", {}}}};
    const policy::Identity found =
        policy::choose_identity(std::span<const policy::IdentitySource>(given),
                                [this](const policy::IdentitySource&) { return input_.user; });
    out_.identity = found.octets;
    out_.was_too_long = found.was_too_long;
    out_.is_identity_given = true;
  }

  void choose() {
    std::optional<std::string_view> identity;
    if (!out_.identity.empty()) identity = out_.identity;
    const PinnedRequest request{.head = head_, .client = who_.address, .identity = identity};
    const auto hit = find_pin(settings().pins, lists_, request);
    if (out_.would_mint && !hit) return;  // by the bucket of an identity that does not exist yet
    const policy::PoolChoice choice =
        policy::choose_pool(out_.service->split_state(), hit, identity);
    if (hit) note_pin(*hit, request, choice);
    out_.choice = choice;
    if (out_.answer) return;
    if (settings().rate_limits != nullptr) ask_limits(*settings().rate_limits);
    if (!out_.answer) ask_breakers();
    if (!out_.answer) find_endpoint();
  }

  void ask_limits(const RateLimits& limits) {
    const LimitedRequest::Parts parts{
        .head = head_,
        .client = who_.address,
        .identity = is_known() ? std::optional<std::string_view>(out_.identity) : std::nullopt,
        .service = settings().name,
        .pool = out_.choice->pool,
        .is_candidate = out_.choice->pool != out_.service->live};
    LimitedRequest request(parts);
    for (const RateLimit& limit : limits.list) {
      if (!request.is_matched(limit.rule)) continue;
      out_.limits.push_back(asked(limit, request));
      if (limit.rule.mode == LimitMode::Enforce && out_.limits.back().standing == Standing::Refuses)
        note_refusal(out_.limits.size() - 1);
    }
    if (!out_.refused_by) return;
    const bool is_by_rate = refusal_wait(out_.limits[*out_.refused_by]) > core::Nanos::zero();
    refuse({429, is_by_rate ? kRateUsedUp : kTooManyAtATime});
  }

  /// As Admission: a rate before a bound at a time, and of rates the one that takes longest.
  void note_refusal(std::size_t position) {
    if (!out_.refused_by ||
        refusal_wait(out_.limits[position]) > refusal_wait(out_.limits[*out_.refused_by]))
      out_.refused_by = position;
  }

  /// Zero: it is not the rate that refuses.
  static core::Nanos refusal_wait(const Explanation::AskedLimit& asked) {
    if (!asked.rate || asked.rate->is_admitted) return core::Nanos::zero();
    return asked.rate->until_more;
  }

  Explanation::AskedLimit asked(const RateLimit& limit, LimitedRequest& request) {
    Explanation::AskedLimit asked{.limit = &limit, .is_candidate = request.is_candidate()};
    asked.key = request.key_text(limit.rule);
    const auto hash = request.key_hash(limit.rule, limit.cell->hash_key);
    if (request.is_exempt(limit.rule)) {
      asked.standing = Standing::Exempt;
    } else if (!hash) {
      asked.standing = Standing::Keyless;
    } else {
      look_up(*hash, asked);
    }
    return asked;
  }

  void look_up(std::uint64_t hash, Explanation::AskedLimit& asked) {
    const Allowance& allowance = asked.limit->rule.allowance(asked.is_candidate);
    LimitTables& tables = asked.limit->cell->tables(asked.is_candidate);
    bool admits = true;
    if (allowance.rate) {
      const auto look =
          tables.rate->look(*allowance.rate, hash, allowance.rate->tick_at(input_.now));
      asked.rate = allowance.rate->standing(look.step);
      admits = asked.rate->is_admitted;
    }
    if (allowance.in_flight_max != 0) {
      asked.in_flight = tables.in_flight->in_flight(hash);
      admits = admits && asked.in_flight < allowance.in_flight_max;
    }
    asked.standing = admits ? Standing::Admits : Standing::Refuses;
  }

  void note_pin(const policy::PinHit& hit, const PinnedRequest& request,
                const policy::PoolChoice& choice) {
    const std::span<const Pin> pins(settings().pins);
    std::size_t number = 1;
    while (!find_pin(pins.first(number), lists_, request)) ++number;
    out_.pin = {.number = number,
                .name = name_of(pins[number - 1]),
                .target = hit.target,
                .pool = policy::pool_of(hit.target, out_.service->live),
                .is_ignored = choice.reason == policy::Reason::PinClosed};
  }

  static std::string name_of(const Pin& pin) {
    if (const auto* value = std::get_if<ValuePin>(&pin))
      return (value->field == ValuePin::Field::Header ? "header " : "cookie ") + value->name;
    return std::holds_alternative<ListPin>(pin) ? "identity list" : "segment";
  }

  void ask_breakers() {
    if (takes_it()) return;
    const core::PoolName live = out_.service->live;
    if (out_.choice->pool != live && fallback_of_breaker() == BreakerFallback::Live) {
      fall_back();
      if (takes_it()) return;
    }
    refuse({503, "its pool takes no more requests now"});
  }

  /// In the order in which a request asks.
  bool takes_it() { return is_below_ceilings() && admits_by_breaker(); }

  /// Of the pool that is chosen now.
  bool is_below_ceilings() {
    const core::PoolName pool = out_.choice->pool;
    const PoolCell& cell = *settings().pool(pool).cell;
    const auto is_reached = [](const std::atomic<std::uint32_t>& counted, std::uint32_t most) {
      return most != 0 && counted.load(std::memory_order_relaxed) >= most;
    };
    if (is_reached(cell.requests, settings().breakers.pool.requests)) {
      out_.reached.push_back({.pool = pool, .key = "max_requests"});
      return false;
    }
    const std::uint32_t limit = cell.adaptive.limit.load(std::memory_order_relaxed);
    if (settings().adaptive.is_on && is_reached(cell.adaptive.in_flight, limit)) {
      out_.reached.push_back({.pool = pool, .key = "adaptive_concurrency"});
      return false;
    }
    return true;
  }

  const RouteBreaker* route_of_request() {
    const auto refusal = http::normalize_path(head_.path, path_scratch_, path_);
    return refusal ? nullptr : settings().breakers.route_of(path_);
  }

  BreakerFallback fallback_of_breaker() {
    const RouteBreaker* const route = route_of_request();
    return route != nullptr ? route->fallback : settings().breakers.fallback;
  }

  /// Of the pool that is chosen now.
  bool admits_by_breaker() {
    const RouteBreaker* const route = route_of_request();
    const BreakerRule& rule = route != nullptr ? route->rule : settings().breakers.rule;
    if (!rule.is_on) return true;
    const core::PoolName pool = out_.choice->pool;
    const policy::BreakerCell& cell = route != nullptr ? route->cell->breakers[core::index(pool)]
                                                       : settings().pool(pool).cell->breaker;
    const auto breaker = policy::Breaker::from_word(cell.word.load(std::memory_order_relaxed));
    const bool admits = policy::admit(breaker, input_.now, rule.policy).admit;
    out_.breakers.push_back({.pool = pool,
                             .route = route != nullptr ? route->path_prefix : std::string(),
                             .state = breaker.state,
                             .admits = admits});
    return admits;
  }

  void fall_back() {
    out_.before_fallback = out_.choice;
    out_.choice->pool = out_.service->live;
    out_.choice->reason = policy::Reason::Fallback;
  }

  bool has_endpoint(core::PoolName name) {
    const std::vector<Endpoint>& endpoints = settings().pool(name).endpoints;
    return policy::pick_endpoint(
               endpoints.size(), [&](std::size_t i) { return view_of(endpoints[i]); },
               role_of(*out_.service, name), input_.now, rng_)
        .has_value();
  }

  void find_endpoint() {
    const core::PoolName live = out_.service->live;
    if (has_endpoint(out_.choice->pool)) return;
    if (out_.choice->pool != live) {
      if (settings().on_pool_down == OnPoolDown::Fail) {
        refuse({503, kNoCandidateLeft});
        return;
      }
      fall_back();
      if (!admits_by_breaker()) {
        refuse({503, "the circuit breaker is open"});
        return;
      }
      if (has_endpoint(live)) return;
    }
    refuse({503, kNoEndpointLeft});
  }

  const ServiceSettings& settings() const { return *out_.service->settings; }

  const Snapshot& snapshot_;
  const IdentityLists& lists_;
  const ExplainInput& input_;
  core::Rng& rng_;
  http::RequestHead head_;
  std::size_t head_bytes_ = 0;
  http::ClientIdentity who_;
  IdentityBuffers buffers_;
  std::array<char, core::limits::kRequestHeadMax> path_scratch_{};
  std::string_view path_;
  Explanation out_;
};

// ---- in words ----

/// `the circuit breaker of green for /reports is open`
std::string breaker_words(const Explanation::AskedBreaker& asked) {
  const std::string where = asked.route.empty() ? "" : " for " + asked.route;
  const std::string_view state =
      asked.state == policy::Breaker::State::HalfOpen ? "has its probes out" : "is open";
  return fmt::format("the circuit breaker of {}{} {}", core::text(asked.pool), where, state);
}

/// Why a pool that was asked did not take it; nullopt: it would have.
std::optional<std::string> turned_away_words(const Explanation& e, core::PoolName pool) {
  for (const Explanation::Ceiling& each : e.reached) {
    if (each.pool == pool)
      return fmt::format("{} has as many requests in flight as {} allows", core::text(pool),
                         each.key);
  }
  for (const Explanation::AskedBreaker& each : e.breakers) {
    if (each.pool == pool && !each.admits) return breaker_words(each);
  }
  return std::nullopt;
}

/// `10 % of the known users are refused for want of memory, and this is one of them`
std::string overload_words(const Explanation::AskedOverload& asked) {
  const std::string_view want =
      asked.word.cause() == policy::OverloadCause::Memory ? "memory" : "time";
  if (asked.standing == policy::Standing::New)
    return fmt::format("users who are not known are refused for want of {}", want);
  return fmt::format("{} % of the known users are refused for want of {}, and this is one of them",
                     asked.of_thousand / 10.0, want);
}

std::string shortened(std::string_view text) {
  constexpr std::size_t kShownMax = 64;
  if (text.size() <= kShownMax) return std::string(text);
  return fmt::format("{}...", text.substr(0, kShownMax));
}

/// `12.5 %`
std::string percent(core::BasisPoints share) {
  std::string text = share.percent();
  text.insert(text.size() - 1, " ");
  return text;
}

std::string where_looked(const ServiceSettings& settings) {
  std::string text;
  for (const policy::IdentitySource& source : settings.identity) {
    text.append(text.empty() ? "" : ", ").append(policy::text(source.kind));
    if (!source.name.empty()) text.append(" ").append(source.name);
  }
  return text;
}

std::string why_no_identity(const Explanation& e) {
  const std::string looked =
      e.is_identity_given ? "" : " (" + where_looked(*e.service->settings) + ")";
  if (!e.was_too_long) return "the request has no identity" + looked;
  return fmt::format("the identity is longer than {} bytes and counts as absent{}",
                     core::limits::kIdentityMax, looked);
}

std::string why_chosen(const Explanation& e, const policy::PoolChoice& choice) {
  using policy::Reason;
  const std::string_view pool = core::text(choice.pool);
  const std::string_view candidate = core::text(core::other(e.service->live));
  const auto user_in_bucket = [&] {
    return fmt::format("{} is in bucket {} of {}", shortened(e.identity), choice.bucket.value_or(0),
                       policy::kBuckets);
  };
  switch (choice.reason) {
    case Reason::Split:
      return fmt::format("{}, below the split of {}, so {}", user_in_bucket(),
                         percent(e.service->split), pool);
    case Reason::Live:
      return fmt::format("{}, not below the split of {}, so {}, the live pool", user_in_bucket(),
                         percent(e.service->split), pool);
    case Reason::PinHeader:
    case Reason::PinCookie:
    case Reason::PinList:
    case Reason::PinSegment:
      return fmt::format("pin {} ({}) decides before the split, so {}{}", e.pin->number,
                         e.pin->name, pool,
                         choice.pool == e.service->live ? ", the live pool" : "");
    case Reason::PinClosed:
      return fmt::format(
          "pin {} ({}) asks for {}, which is closed until `sluice split` opens it, so {}, the live "
          "pool",
          e.pin->number, e.pin->name, candidate, pool);
    case Reason::NoIdentity:
      return fmt::format("{}, so {}, the live pool", why_no_identity(e), pool);
    case Reason::Fallback:
    case Reason::Rescue:
    case Reason::Asset:
      break;  // nothing chooses it at first
  }
  core::unreachable();
}

}  // namespace

std::string_view text(Explanation::AskedLimit::Standing standing) {
  using Standing = Explanation::AskedLimit::Standing;
  switch (standing) {
    case Standing::Admits:
      return "admits";
    case Standing::Refuses:
      return "refuses";
    case Standing::Exempt:
      return "exempt";
    case Standing::Keyless:
      return "no_key";
  }
  core::unreachable();
}

Explanation explain(const Edition& edition, const ExplainInput& input, core::Rng& rng) {
  return Walk(edition, input, rng).run();
}

std::string sentence_of(const Explanation& e) {
  if (!e.choice) {
    if (e.answer)
      return fmt::format("Sluice answers {} itself: {}", e.answer->status, e.answer->reason);
    return fmt::format(
        "the request has no identity yet, so a cookie {} is minted; {} of such new users get {}",
        e.source->name, percent(e.service->split), core::text(core::other(e.service->live)));
  }
  std::string text = why_chosen(e, e.before_fallback ? *e.before_fallback : *e.choice);
  if (e.before_fallback) {
    const core::PoolName before = e.before_fallback->pool;
    const std::string why = turned_away_words(e, before).value_or(
        fmt::format("no endpoint of {} can take it now", core::text(before)));
    text += fmt::format("; but {}, so {}, the live pool", why, core::text(e.choice->pool));
  }
  if (e.overload && e.overload->refuses) {
    text += fmt::format("; but {}, so Sluice answers {} itself", overload_words(*e.overload),
                        e.answer->status);
  } else if (e.answer && e.answer->status == 429) {
    const std::string_view why =
        e.answer->reason == kRateUsedUp ? "is used up" : "allows no more requests in progress";
    text += fmt::format("; but limit {} {}, so Sluice answers 429 itself",
                        e.limits[*e.refused_by].limit->rule.name, why);
  } else if (const auto why = turned_away_words(e, e.choice->pool); e.answer && why) {
    text += fmt::format("; but {}, so Sluice answers {} itself", *why, e.answer->status);
  } else if (e.answer) {
    text += fmt::format("; but no endpoint of {} is in use, so Sluice answers {} itself",
                        core::text(e.choice->pool), e.answer->status);
  }
  return text;
}

}  // namespace sluice::model
