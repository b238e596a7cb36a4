#include "sluice/policy/split.hpp"

#include <algorithm>
#include <array>

#include "sluice/core/ensure.hpp"
#include "sluice/core/hash.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::policy {

std::uint32_t split_hash(std::string_view salt, std::string_view identity) {
  using core::limits::kIdentityMax;
  using core::limits::kSaltMax;
  ENSURE(salt.size() <= kSaltMax, "a salt is bounded when it is set");
  ENSURE(identity.size() <= kIdentityMax, "an over-long identity counts as absent");
  std::array<char, kSaltMax + 1 + kIdentityMax> input;  // on the stack: every request comes by here
  char* end = std::copy(salt.begin(), salt.end(), input.data());
  *end++ = ':';
  end = std::copy(identity.begin(), identity.end(), end);
  return core::murmur3_x86_32({input.data(), static_cast<std::size_t>(end - input.data())});
}

std::string_view text(Reason reason) {
  switch (reason) {
    case Reason::Split:
      return "split";
    case Reason::Live:
      return "live";
    case Reason::PinHeader:
      return "pin_header";
    case Reason::PinCookie:
      return "pin_cookie";
    case Reason::PinList:
      return "pin_list";
    case Reason::PinSegment:
      return "pin_segment";
    case Reason::PinClosed:
      return "pin_closed";
    case Reason::NoIdentity:
      return "no_identity";
    case Reason::Fallback:
      return "fallback";
    case Reason::Rescue:
      return "rescue";
    case Reason::Asset:
      return "asset";
  }
  core::unreachable();
}

std::string_view text(PinTarget target) {
  switch (target) {
    case PinTarget::Blue:
      return "blue";
    case PinTarget::Green:
      return "green";
    case PinTarget::Live:
      return "live";
    case PinTarget::Candidate:
      return "candidate";
  }
  core::unreachable();
}

core::PoolName pool_of(PinTarget target, core::PoolName live) {
  switch (target) {
    case PinTarget::Blue:
      return core::PoolName::Blue;
    case PinTarget::Green:
      return core::PoolName::Green;
    case PinTarget::Live:
      return live;
    case PinTarget::Candidate:
      return core::other(live);
  }
  core::unreachable();
}

PoolChoice choose_pool(const SplitState& state, std::optional<PinHit> pin,
                       std::optional<std::string_view> identity) {
  PoolChoice choice{.pool = state.live, .reason = Reason::Live, .bucket = std::nullopt};
  if (identity) {
    choice.hash = split_hash(state.salt, *identity);
    choice.bucket = bucket_of(choice.hash);
  }
  if (pin) {
    const core::PoolName asked = pool_of(pin->target, state.live);
    const bool is_selectable = asked == state.live || state.is_candidate_open;
    choice.pool = is_selectable ? asked : state.live;
    choice.reason = is_selectable ? pin->reason : Reason::PinClosed;
    return choice;
  }
  if (!choice.bucket) {
    choice.reason = Reason::NoIdentity;
    return choice;
  }
  // Strictly below: with <= a split of 0 % would still admit the users of bucket 0.
  if (*choice.bucket < state.split.count()) {
    choice.pool = core::other(state.live);
    choice.reason = Reason::Split;
  }
  return choice;
}

}  // namespace sluice::policy
