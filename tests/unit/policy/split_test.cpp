#include "sluice/policy/split.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "sluice/core/hash.hpp"
#include "sluice/core/limits.hpp"
#include "support/catch.hpp"

using namespace sluice;
using core::BasisPoints;
using core::PoolName;
using policy::PinTarget;
using policy::Reason;

namespace {

constexpr int kUsers = 100'000;

BasisPoints percent(std::string_view text) {
  return BasisPoints::parse_percent(text, "test").value();
}

policy::SplitState state_of(BasisPoints split, std::string_view salt = "shop-2026") {
  return {.live = PoolName::Blue, .split = split, .is_candidate_open = true, .salt = salt};
}

bool is_in_split(BasisPoints split, std::string_view salt, int user) {
  const std::string identity = "user-" + std::to_string(user);
  return policy::choose_pool(state_of(split, salt), std::nullopt, identity).pool == PoolName::Green;
}

}  // namespace

TEST_CASE("split: the published vectors", "[policy][split]") {
  struct Vector {
    std::string_view salt, identity;
    std::uint32_t hash;
    std::uint16_t bucket;
  };
  const Vector vectors[] = {
      {"shop-2026", "user-1", 3760960458, 8756},
      {"shop-2026", "user-2", 586260107, 1364},
      {"shop-2026", "42", 4243265309, 9879},
      {"shop", "192.0.2.7", 1669131230, 3886},
      {"shop", "2001:db8::1", 3887788936, 9051},
      {"shop", std::string_view("\xFF\x00", 2), 2990218742, 6962},
  };
  for (const Vector& v : vectors) {
    INFO(v.salt << ':' << v.identity);
    CHECK(core::murmur3_x86_32(std::string(v.salt) + ":" + std::string(v.identity)) == v.hash);
    CHECK(policy::bucket_of(v.salt, v.identity) == v.bucket);
  }
}

TEST_CASE("split: the longest salt and identity still have a bucket", "[policy][split]") {
  const std::string salt(core::limits::kSaltMax, 's');
  const std::string identity(core::limits::kIdentityMax, 'i');
  const std::uint64_t hash = core::murmur3_x86_32(salt + ":" + identity);
  CHECK(policy::bucket_of(salt, identity) == static_cast<std::uint16_t>((hash * 10'000) >> 32U));
}

TEST_CASE("split: the share over 100,000 users is the configured one", "[policy][split]") {
  for (const std::string_view text : {"1%", "10%", "50%", "99%"}) {
    const BasisPoints split = percent(text);
    int in_split = 0;
    for (int user = 0; user < kUsers; ++user)
      in_split += is_in_split(split, "shop-2026", user) ? 1 : 0;
    const double p = split.count() / 10'000.0;
    const double sigma = std::sqrt(kUsers * p * (1 - p));
    INFO(text << ": " << in_split << " of " << kUsers);
    CHECK(std::abs(in_split - kUsers * p) < 4 * sigma);
  }
}

TEST_CASE("split: growing it never moves a user back", "[policy][split]") {
  const BasisPoints steps[] = {percent("0%"),  percent("0.01%"),  percent("1%"),  percent("10%"),
                               percent("50%"), percent("99.99%"), percent("100%")};
  for (int user = 0; user < kUsers; ++user) {
    bool was_in = false;
    for (const BasisPoints step : steps) {
      const bool is_in = is_in_split(step, "shop-2026", user);
      if (was_in && !is_in) FAIL("user-" << user << " left the split at " << step.percent());
      was_in = is_in;
    }
    if (!was_in) FAIL("user-" << user << " is not in the split at 100 %");
  }
}

TEST_CASE("split: another salt chooses independently", "[policy][split]") {
  const BasisPoints half = percent("50%");
  int both = 0;
  int first = 0;
  for (int user = 0; user < kUsers; ++user) {
    const bool a = is_in_split(half, "shop-2026", user);
    first += a ? 1 : 0;
    both += a && is_in_split(half, "shop-2027", user) ? 1 : 0;
  }
  // Of those in the first split half are in the second one, when the two know nothing of each
  // other.
  CHECK(std::abs(both - first * 0.5) < 4 * std::sqrt(first * 0.25));
}

TEST_CASE("split: the bucket is compared strictly", "[policy][split]") {
  // user-2 has bucket 1364: in from 1365 basis points on, and at 0 % nobody is.
  CHECK(policy::choose_pool(state_of(BasisPoints::make(1364, "").value()), std::nullopt, "user-2")
            .pool == PoolName::Blue);
  const auto in =
      policy::choose_pool(state_of(BasisPoints::make(1365, "").value()), std::nullopt, "user-2");
  CHECK(in.pool == PoolName::Green);
  CHECK(in.reason == Reason::Split);
  CHECK(in.bucket == 1364);
}

TEST_CASE("split: the candidate is the pool that is not live", "[policy][split]") {
  policy::SplitState state = state_of(percent("100%"));
  state.live = PoolName::Green;
  CHECK(policy::choose_pool(state, std::nullopt, "user-1").pool == PoolName::Blue);
  state.split = {};
  CHECK(policy::choose_pool(state, std::nullopt, "user-1").pool == PoolName::Green);
}

TEST_CASE("split: without identity the live pool answers, at any split", "[policy][split]") {
  const auto choice = policy::choose_pool(state_of(percent("100%")), std::nullopt, std::nullopt);
  CHECK(choice.pool == PoolName::Blue);
  CHECK(choice.reason == Reason::NoIdentity);
  CHECK_FALSE(choice.bucket);
}

TEST_CASE("split: a pin decides before the split", "[policy][split]") {
  const policy::PinHit to_blue{.target = PinTarget::Blue, .reason = Reason::PinHeader};
  const policy::PinHit to_green{.target = PinTarget::Green, .reason = Reason::PinCookie};
  const auto live = policy::choose_pool(state_of(percent("100%")), to_blue, "user-1");
  CHECK(live.pool == PoolName::Blue);
  CHECK(live.reason == Reason::PinHeader);
  CHECK(live.bucket == 8756);
  const auto candidate = policy::choose_pool(state_of(percent("0%")), to_green, std::nullopt);
  CHECK(candidate.pool == PoolName::Green);
  CHECK(candidate.reason == Reason::PinCookie);
  CHECK_FALSE(candidate.bucket);
}

TEST_CASE("split: a pin does not open a closed candidate", "[policy][split]") {
  policy::SplitState closed = state_of({});
  closed.is_candidate_open = false;
  const auto ignored =
      policy::choose_pool(closed, policy::PinHit{PinTarget::Green, Reason::PinHeader}, "user-1");
  CHECK(ignored.pool == PoolName::Blue);
  CHECK(ignored.reason == Reason::PinClosed);
  CHECK(ignored.bucket == 8756);
  const auto obeyed =
      policy::choose_pool(closed, policy::PinHit{PinTarget::Blue, Reason::PinHeader}, "user-1");
  CHECK(obeyed.pool == PoolName::Blue);
  CHECK(obeyed.reason == Reason::PinHeader);
}

TEST_CASE("split: a pin to live or candidate follows the switch", "[policy][split]") {
  const policy::PinHit to_live{.target = PinTarget::Live, .reason = Reason::PinSegment};
  const policy::PinHit to_candidate{.target = PinTarget::Candidate, .reason = Reason::PinList};
  for (const PoolName live : {PoolName::Blue, PoolName::Green}) {
    policy::SplitState state = state_of({});
    state.live = live;
    CHECK(policy::choose_pool(state, to_live, "user-1").pool == live);
    CHECK(policy::choose_pool(state, to_candidate, "user-1").pool == core::other(live));
    state.is_candidate_open = false;
    CHECK(policy::choose_pool(state, to_live, "user-1").reason == Reason::PinSegment);
    CHECK(policy::choose_pool(state, to_candidate, "user-1").pool == live);
    CHECK(policy::choose_pool(state, to_candidate, "user-1").reason == Reason::PinClosed);
  }
}

TEST_CASE("split: targets have the words of the configuration", "[policy][split]") {
  CHECK(policy::text(PinTarget::Blue) == "blue");
  CHECK(policy::text(PinTarget::Green) == "green");
  CHECK(policy::text(PinTarget::Live) == "live");
  CHECK(policy::text(PinTarget::Candidate) == "candidate");
}

TEST_CASE("split: reasons have the words of the access log", "[policy][split]") {
  CHECK(policy::text(Reason::Split) == "split");
  CHECK(policy::text(Reason::Live) == "live");
  CHECK(policy::text(Reason::PinHeader) == "pin_header");
  CHECK(policy::text(Reason::PinCookie) == "pin_cookie");
  CHECK(policy::text(Reason::PinList) == "pin_list");
  CHECK(policy::text(Reason::PinSegment) == "pin_segment");
  CHECK(policy::text(Reason::PinClosed) == "pin_closed");
  CHECK(policy::text(Reason::NoIdentity) == "no_identity");
  CHECK(policy::text(Reason::Fallback) == "fallback");
  CHECK(policy::text(Reason::Rescue) == "rescue");
  CHECK(policy::text(Reason::Asset) == "asset");
}
