#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/core/clock.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/core/rng.hpp"
#include "sluice/core/units.hpp"
#include "sluice/policy/self_report.hpp"

/// Active health checks: what is asked, what an answer means, and when an endpoint is up or down
/// (docs/guide/health.md). Pure: answers and time come from outside.
namespace sluice::policy {

/// How the endpoints of a service are checked. Defaults of a `health_check` section that is there.
struct HealthCheck {
  enum class Type : std::uint8_t { Http, Tcp };

  bool is_on = false;  // false: nobody asks, and every endpoint counts as up
  Type type = Type::Http;
  std::string method = "GET";
  std::string path = "/healthz";     // with its query
  std::string host = {};             // empty: the endpoint's own text
  std::uint16_t status_least = 200;  // both ends included
  std::uint16_t status_most = 299;
  std::string body = {};  // text that the answer's body contains; empty: any body
  core::Millis interval{5000};
  core::Millis fast_interval{1000};                        // while in doubt; never above `interval`
  core::BasisPoints jitter = core::BasisPoints::of(1000);  // of an interval, either way
  core::Millis timeout{2000};                              // of one check, the connect included
  std::uint32_t healthy_after = 2;    // passes in a row that bring an endpoint back
  std::uint32_t unhealthy_after = 3;  // failures in a row that take it out
  std::optional<core::BasisPoints> memory_limit = core::BasisPoints::of(9000);  // nullopt: off
  // Dependencies whose loss means new connections (`recycle_on`), as SelfReport names them
  std::vector<std::string> recycle_on = {};
  std::vector<std::string> hook = {};  // a program and its arguments; empty: none
  core::Millis hook_timeout{30'000};
};

/// What one check found.
enum class Finding : std::uint8_t {
  Pass,
  Fail,     // no answer, or not the expected one
  Drain,    // it asks for no new requests, or its memory is above the limit
  Down,     // it says itself that it is down
  Skipped,  // it could not be asked for want of something of ours: says nothing of it
};

/// Of one endpoint, and how often in a row the last finding came (at most as often as it matters).
///
///   Unknown --1 pass--> Up --unhealthy_after failures--> Down --healthy_after passes--> Up
///      '---- unhealthy_after failures --------------------^
///   any --Drain--> Draining --healthy_after passes--> Up;  any --Down--> Down
///
/// Unknown and Up get requests. Unknown is how an endpoint begins: it is used until it is proven
/// bad, so that a start does not begin with refusals.
struct Health {
  enum class State : std::uint8_t { Unknown, Up, Down, Draining };
  State state = State::Unknown;
  std::uint32_t passes = 0;
  std::uint32_t failures = 0;

  bool gets_requests() const { return state == State::Unknown || state == State::Up; }
  friend bool operator==(const Health&, const Health&) = default;
};
std::string_view text(Health::State state);

Health after_finding(Health health, Finding finding, const HealthCheck& check);
/// Whether the next finding may change the state: then it is asked for sooner.
bool is_in_doubt(const Health& health);
/// From the end of one check to the next: `interval`, or `fast_interval` in doubt, up to `jitter`
/// shorter or longer, each length alike likely. At least 1 ms.
core::Millis next_check_in(const Health& health, const HealthCheck& check, core::Rng& rng);
/// From the moment an endpoint is first known to its first check: within one `fast_interval`, so
/// that the endpoints of a large configuration are not all asked at once.
core::Millis first_check_in(const HealthCheck& check, core::Rng& rng);

/// One whole answer to an HTTP check.
struct CheckAnswer {
  std::uint16_t status = 0;
  unsigned report_lines = 0;     // fields `Sluice-Health`; one is read, more are unreadable
  std::string_view report = {};  // value of the first
  bool has_body_text = true;     // HealthCheck::body was found
};

struct CheckResult {
  Finding finding = Finding::Pass;
  std::string why = {};  // for a person; empty: it passed
  std::optional<SelfReport> report = std::nullopt;
  bool is_report_unreadable = false;  // it is ignored whole; status and body decide
};
/// An origin's own word counts whatever its status is: many answer 503 while they drain. `ready`
/// does not make a bad status good.
CheckResult judge(const HealthCheck& check, const CheckAnswer& answer);

/// What workers read of an endpoint's health, as one word that only the control thread writes. 0:
/// it gets its whole share.
class HealthWord {
 public:
  static constexpr std::uint32_t kWhole = 1000;

  constexpr explicit HealthWord(std::uint32_t word = 0) : word_(word) {}
  /// `share`: of a usable one, in thousandths, 1 to kWhole.
  static constexpr HealthWord usable(std::uint32_t share) {
    return HealthWord(share >= kWhole ? 0 : share);
  }
  static constexpr HealthWord out() { return HealthWord(kOut); }

  constexpr std::uint32_t word() const { return word_; }
  constexpr bool is_usable() const { return word_ != kOut; }
  constexpr std::uint32_t share() const { return word_ == 0 ? kWhole : word_; }

 private:
  static constexpr std::uint32_t kOut = UINT32_MAX;
  std::uint32_t word_;
};

/// The share of an endpoint that came back `back_for` ago: it grows evenly over `slow_start`, from
/// kSlowStartLeast on, so that what is cold when it returns is not flooded. 0: it has all at once.
std::uint32_t slow_start_share(core::Nanos back_for, core::Millis slow_start);

}  // namespace sluice::policy
