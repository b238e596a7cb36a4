#include "sluice/policy/ejection.hpp"

#include <thread>
#include <vector>

#include "support/catch.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using policy::Ejection;
using policy::EjectVerdict;
using policy::FailureKind;
using policy::FailureRun;
using policy::OutlierPolicy;

namespace {

constexpr core::Instant kNow{1000s};

OutlierPolicy five() {
  OutlierPolicy policy;
  policy.consecutive_failures = 5;
  return policy;
}

}  // namespace

TEST_CASE("ejection: a run is full with as many failures as wanted, of whatever kind",
          "[policy][ejection]") {
  FailureRun run;
  for (int i = 0; i < 3; ++i) run = run.after_failure(FailureKind::Connect, 5);
  run = run.after_failure(FailureKind::Timeout, 5);
  CHECK_FALSE(run.is_full());
  CHECK(run.total() == 4);
  run = run.after_failure(FailureKind::Status, 5);
  CHECK(run.is_full());
  CHECK(run.count(FailureKind::Connect) == 3);
  CHECK(run.count(FailureKind::Timeout) == 1);
  CHECK(run.count(FailureKind::Broken) == 0);
  CHECK(run.count(FailureKind::Status) == 1);
  CHECK(FailureRun().after_failure(FailureKind::Broken, 1).is_full());
}

TEST_CASE("ejection: a success ends a run, but not one that is full", "[policy][ejection]") {
  const FailureRun four = FailureRun()
                              .after_failure(FailureKind::Status, 5)
                              .after_failure(FailureKind::Status, 5)
                              .after_failure(FailureKind::Status, 5)
                              .after_failure(FailureKind::Status, 5);
  CHECK(four.after_success().word() == 0);
  const FailureRun full = four.after_failure(FailureKind::Status, 5);
  CHECK(full.after_success().word() == full.word());
  CHECK(full.after_failure(FailureKind::Status, 5).word() == full.word());
}

TEST_CASE("ejection: the longest run does not run over into another kind", "[policy][ejection]") {
  FailureRun run;
  for (std::uint32_t i = 0; i < FailureRun::kMost; ++i) {
    CHECK_FALSE(run.is_full());
    run = run.after_failure(FailureKind::Connect, FailureRun::kMost);
  }
  CHECK(run.is_full());
  CHECK(run.count(FailureKind::Connect) == FailureRun::kMost);
  CHECK(run.count(FailureKind::Timeout) == 0);
}

TEST_CASE("ejection: four threads count every failure", "[policy][ejection]") {
  std::atomic<std::uint64_t> word{0};
  OutlierPolicy policy;
  policy.consecutive_failures = 1000;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < policy::kFailureKinds; ++i) {
    threads.emplace_back([&word, &policy, i] {
      for (int n = 0; n < 249; ++n)
        policy::report_failure(word, static_cast<FailureKind>(i), policy);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(FailureRun(word.load()).total() == 996);
  CHECK_FALSE(FailureRun(word.load()).is_full());
  policy::report_success(word);
  CHECK(word.load() == 0);
  OutlierPolicy off;
  policy::report_failure(word, FailureKind::Connect, off);
  CHECK(word.load() == 0);
}

TEST_CASE("ejection: the time doubles from 10 s to 5 min", "[policy][ejection]") {
  const OutlierPolicy policy = five();
  Ejection ejection;
  core::Instant now = kNow;
  for (const core::Millis length : {10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
    ejection = policy::eject(ejection, now, policy);
    CHECK(ejection.until - now == length);
    CHECK(ejection.is_out(ejection.until - 1ns));
    CHECK_FALSE(ejection.is_out(ejection.until));
    now = ejection.until;  // fails again as soon as it is back
  }
  CHECK(ejection.level == 6);
  CHECK(policy::ejection_time(UINT32_MAX, policy) == 300s);
}

TEST_CASE("ejection: a maximum below the base is the time", "[policy][ejection]") {
  OutlierPolicy policy = five();
  policy.max_time = 5s;
  CHECK(policy::eject({}, kNow, policy).until - kNow == 5s);
}

TEST_CASE("ejection: each level is forgotten after as much time in use", "[policy][ejection]") {
  const OutlierPolicy policy = five();
  const Ejection third{.level = 3, .until = kNow};
  CHECK(policy::forget(third, kNow + 40s - 1ns, policy).level == 3);
  CHECK(policy::forget(third, kNow + 40s, policy).level == 2);
  CHECK(policy::forget(third, kNow + 60s - 1ns, policy).level == 2);
  CHECK(policy::forget(third, kNow + 60s, policy).level == 1);
  CHECK(policy::forget(third, kNow + 70s - 1ns, policy).level == 1);
  CHECK(policy::forget(third, kNow + 70s, policy) == Ejection{});
  // In one step or in many: the same.
  const Ejection halfway = policy::forget(third, kNow + 45s, policy);
  CHECK(policy::forget(halfway, kNow + 60s, policy) == policy::forget(third, kNow + 60s, policy));
  CHECK(policy::eject(third, kNow + 40s, policy).until - (kNow + 40s) == 40s);
  CHECK(policy::eject(third, kNow + 70s, policy).until - (kNow + 70s) == 10s);
  // While it is out nothing is forgotten.
  CHECK(policy::forget(third, kNow - 1s, policy) == third);
}

TEST_CASE("ejection: never more of a pool than max_ejected, rounded down", "[policy][ejection]") {
  const OutlierPolicy policy = five();
  const auto verdict = [&](std::size_t endpoints, std::size_t ejected) {
    return policy::may_eject({endpoints, ejected, endpoints - ejected}, policy);
  };
  CHECK(verdict(1, 0) == EjectVerdict::MaxEjected);
  CHECK(verdict(2, 0) == EjectVerdict::Eject);
  CHECK(verdict(2, 1) == EjectVerdict::MaxEjected);
  CHECK(verdict(3, 1) == EjectVerdict::MaxEjected);
  CHECK(verdict(4, 1) == EjectVerdict::Eject);
  CHECK(verdict(4, 2) == EjectVerdict::MaxEjected);
  CHECK(verdict(256, 127) == EjectVerdict::Eject);
  CHECK(verdict(256, 128) == EjectVerdict::MaxEjected);
}

TEST_CASE("ejection: never the last one that is usable", "[policy][ejection]") {
  OutlierPolicy policy = five();
  CHECK(policy::may_eject({4, 0, 2}, policy) == EjectVerdict::Eject);
  CHECK(policy::may_eject({4, 0, 1}, policy) == EjectVerdict::LastUsable);
  CHECK(policy::may_eject({4, 0, 0}, policy) == EjectVerdict::LastUsable);
  policy.max_ejected = *core::BasisPoints::make(10'000, "");
  CHECK(policy::may_eject({2, 1, 1}, policy) == EjectVerdict::LastUsable);
  policy.max_ejected = *core::BasisPoints::make(0, "");
  CHECK(policy::may_eject({4, 0, 4}, policy) == EjectVerdict::MaxEjected);
}
