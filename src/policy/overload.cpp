#include "sluice/policy/overload.hpp"

#include <algorithm>

#include "sluice/core/ensure.hpp"
#include "sluice/core/rng.hpp"

namespace sluice::policy {

namespace {

constexpr core::Nanos kFall = std::chrono::seconds(1);  // from kStrainAll to 0

/// 0 below `from`, kStrainAll from `to` on, at least kStrainLeast from `from` on.
Strain ramp(std::int64_t value, std::int64_t from, std::int64_t to) {
  if (value < from) return 0;
  if (value >= to) return kStrainAll;
  return std::max(kStrainLeast, static_cast<Strain>((value - from) * kStrainAll / (to - from)));
}

}  // namespace

Mark after_value(Mark mark, std::int64_t value, core::Instant now, const MarkRule& rule) {
  const bool turns =
      mark.is_high ? value < rule.leave && now - mark.since >= rule.least : value >= rule.enter;
  return turns ? Mark{!mark.is_high, now} : mark;
}

std::int64_t memory_thousandths(std::uint64_t used, std::uint64_t limit) {
  if (limit == 0) return 0;
  if (used >= limit) return 1000;  // above it by as much as may be: it is full
  // Sizes of memory have room for ten bits more; those that have not are halved first.
  while (used > UINT64_MAX / 1000) {
    used /= 2;
    limit /= 2;
  }
  return static_cast<std::int64_t>(std::min<std::uint64_t>(used * 1000 / limit, 999));
}

Strain memory_strain(std::int64_t thousandths) {
  return ramp(thousandths, kMemoryShedding.enter, kMemoryFull);
}

Strain loop_strain(core::Nanos lag) {
  return ramp(std::chrono::floor<core::Millis>(lag).count(), kLoopSlow.enter, kLoopFull);
}

void StandingLag::see(core::Nanos lag) {
  seen_[next_] = lag;
  next_ = (next_ + 1) % kLooks;
}

core::Nanos StandingLag::standing() const {
  return *std::ranges::min_element(seen_);
}

HeldStrain after_strain(HeldStrain held, Strain target, core::Instant now) {
  if (target >= held.strain) return {target, now};
  const core::Nanos past = std::clamp(now - held.at, core::Nanos{0}, kFall);
  const auto fallen = static_cast<Strain>(past * kStrainAll / kFall);
  const Strain left = held.strain - std::min(fallen, held.strain);
  if (left <= target) return {target, now};
  // What was rounded away is kept for the next look: many of them must not make it slower.
  return {left, held.at + kFall * fallen / kStrainAll};
}

Shedding after_look(const Shedding& shedding, std::int64_t value, Strain target, core::Instant now,
                    const MarkRule& rule) {
  const HeldStrain held = after_strain(shedding.held, target, now);
  // What is still on its way down holds the mark.
  const std::int64_t shown = held.strain > kStrainLeast ? std::max(value, rule.enter) : value;
  const Mark mark = after_value(shedding.mark, shown, now, rule);
  if (!mark.is_high) return {.mark = mark, .held = {0, now}};
  return {.mark = mark, .held = {std::max(held.strain, kStrainLeast), held.at}};
}

bool is_trim_due(const TrimPace& pace, Refusing refusing, core::Instant now) {
  const core::Nanos most = refusing == Refusing::Yes ? kTrimMostShedding : kTrimMost;
  return pace.pause == core::Nanos{0} || now - pace.last >= std::min(pace.pause, most);
}

TrimPace after_trim(const TrimPace& pace, std::int64_t gained, std::uint64_t limit,
                    core::Instant now) {
  const bool is_gain = gained > 0 && static_cast<std::uint64_t>(gained) > limit / kTrimGainPart;
  return {is_gain ? kTrimFirst : std::clamp(2 * pace.pause, kTrimFirst, kTrimMost), now};
}

std::string_view text(OverloadCause cause) {
  switch (cause) {
    case OverloadCause::Memory:
      return "memory";
    case OverloadCause::Loop:
      return "loop";
  }
  core::unreachable();
}

std::string_view refusal_of(OverloadCause cause) {
  switch (cause) {
    case OverloadCause::Memory:
      return "the proxy is short of memory: try again later";
    case OverloadCause::Loop:
      return "the proxy has more to do than it can: try again later";
  }
  core::unreachable();
}

OverloadWord OverloadWord::of(const Parts& parts) {
  std::uint32_t word = std::min(parts.strain, kStrainAll);
  if (word != 0 && parts.cause == OverloadCause::Loop) word |= kLoopBit;
  if (parts.ends_connections) word |= kEndsConnections;
  return OverloadWord(word);
}

OverloadCause OverloadWord::cause() const {
  return (word_ & kLoopBit) != 0 ? OverloadCause::Loop : OverloadCause::Memory;
}

Strain refused_of_thousand(Strain strain, Standing standing) {
  return standing == Standing::New ? std::min(strain, kStrainNew)
                                   : std::max(strain, kStrainNew) - kStrainNew;
}

bool is_shed(Strain strain, Standing standing, std::uint32_t draw) {
  const std::uint64_t drawn = (std::uint64_t{draw} * kStrainNew) >> 32U;  // 0..999
  return drawn < refused_of_thousand(strain, standing);
}

std::uint32_t shed_draw(std::uint32_t identity_hash, core::Instant now) {
  const auto turn = static_cast<std::uint64_t>(now.time_since_epoch() / kShedTurn);
  return static_cast<std::uint32_t>(core::Rng(turn << 32U | identity_hash).next() >> 32U);
}

}  // namespace sluice::policy
