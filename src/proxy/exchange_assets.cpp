#include <algorithm>

#include "proxy/exchange.hpp"
#include "sluice/core/take_place.hpp"

// A file that only the other version has: its 404 is tried on the other pool, once. A part of
// exchange.cpp, which reads top to bottom where there is no 404.
namespace sluice::proxy {

using policy::AssetOutcome;

bool Exchange::is_asset() const {
  const std::vector<policy::PathPattern>& patterns = settings().repeats.assets;
  if (patterns.empty()) return false;
  std::array<char, core::limits::kRequestHeadMax> scratch;
  std::string_view path;
  if (model::matching_path(head, scratch, path)) return false;
  return std::ranges::any_of(patterns, [path](const auto& each) { return each.matches(path); });
}

/// A 404. True: the other pool is asked, and this answer is not wanted.
bool Exchange::asks_other_pool() {
  if (!is_asset()) return false;
  // Whatever becomes of it: tomorrow the file may be there.
  forbids_storing_ = true;
  const bool is_held = upload_ == Upload::Ended && is_body_held_;
  const policy::MissedAsset missed{
      .is_safe = http::is_safe(head.method),
      .is_held = is_held,
      .is_upgrade = !head.upgrade.empty(),
      .answer_sent = answer_ != Answer::None || informational_ != 0,
      .changed_pool = rescued_from_.has_value() || choice_.reason == policy::Reason::Fallback};
  if (!policy::may_ask_other_pool(missed)) return false;
  // A pool is chosen only under the snapshot that is adopted now (architecture.md §5).
  Hold fresh = context_.slot.hold();
  const core::PoolName other = core::other(choice_.pool);
  if (!gives_assets(fresh->service(settings().id), other)) {
    count_asset(choice_.pool, AssetOutcome::Unavailable);
    return false;
  }
  std::atomic<std::uint32_t>& asks = settings().pool(other).cell->asset_asks;
  if (!core::take_place(asks, core::limits::kAssetAsksMax)) {
    count_asset(choice_.pool, AssetOutcome::OverLimit);
    return false;
  }
  rescued_in_ = &asks;
  ask_for_asset(std::move(fresh), other);
  return true;
}

/// A closed candidate gets nothing new, unless the service says so for its assets. Looked at before
/// the answer of the first pool is given up: as long as nobody can be asked, that one is passed on.
bool Exchange::gives_assets(const model::Service& service, core::PoolName pool) const {
  const bool is_open = pool == service.live || service.is_candidate_open ||
                       settings().repeats.asks_closed_for_assets;
  if (!is_open || settings().on_pool_down == model::OnPoolDown::Fail) return false;
  if (!takes_more(pool)) return false;
  const std::vector<model::Endpoint>& endpoints = service.settings->pool(pool).endpoints;
  const auto view = [&](std::size_t index) { return model::view_of(endpoints[index]); };
  return policy::pick_endpoint(endpoints.size(), view, model::role_of(service, pool),
                               context_.loop.now(), context_.loop.rng())
      .has_value();
}

void Exchange::ask_for_asset(Hold fresh, core::PoolName other) {
  tell_breakers(404);  // it has answered
  rescued_from_ = choice_.pool;
  asset_ask_ = AssetAsk::Open;
  forbids_storing_ = false;
  discard_answer();
  leave_attempt();
  failed_.reset();
  needs_fresh_connection_ = false;
  leave_pool();
  const core::Millis whole = settings().timeouts.response_header;
  const core::Millis longest = core::limits::kAssetWaitMax;
  context_.loop.timers().arm(
      asset_timer_,
      context_.loop.now() + (whole > core::Millis::zero() ? std::min(whole, longest) : longest));
  if (move_to(std::move(fresh), other, policy::Reason::Asset) == Next::GoOn) connect();
}

/// What the pool that was asked has answered, 400 or more. True: that is no answer that counts, and
/// the 404 has been sent.
bool Exchange::is_no_asset(std::uint16_t status) {
  const AssetOutcome outcome = policy::judge_asset_answer(status);
  if (outcome == AssetOutcome::Failed) {
    tell_breakers(status);
    discard_answer();
    answer_missing_asset("the other pool has answered with an error");
    return true;
  }
  forbids_storing_ = outcome == AssetOutcome::Missing;
  end_asset_ask(outcome);
  return false;
}

/// The 404 that the client would have got. Its pool's own is gone: nothing of it was kept.
void Exchange::answer_missing_asset(std::string_view why) {
  end_asset_ask(AssetOutcome::Failed);
  error_ = why;
  answer(404, "there is no such file", std::nullopt);
}

/// Shorter than an endpoint's own time, the connect included: no failure of it.
void Exchange::on_asset_timeout() {
  if (answer_ != Answer::None) return;  // its head has come: the body has times of its own
  const EventScope scope(context_.gather);
  answer_missing_asset("the endpoint did not answer in time");
}

void Exchange::end_asset_ask(AssetOutcome outcome) {
  asset_ask_ = AssetAsk::Ended;
  context_.loop.timers().disarm(asset_timer_);
  count_asset(*rescued_from_, outcome);
}

void Exchange::count_asset(core::PoolName missed_by, AssetOutcome outcome) {
  counters_->asset_rescues[core::index(missed_by)][static_cast<std::size_t>(outcome)].add();
}

}  // namespace sluice::proxy
