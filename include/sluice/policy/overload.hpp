#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sluice/core/clock.hpp"
#include "sluice/core/limits.hpp"

/// When the proxy itself has too much to do, and whom it refuses then (docs/guide/overload.md).
/// Pure: what was measured and the time come from outside.
namespace sluice::policy {

/// A value that is too high from `enter` on, and not any more below `leave`. It is high at once,
/// and for `least` at least, so that what swings around a mark is not told again and again.
struct MarkRule {
  std::int64_t enter;
  std::int64_t leave;  // below `enter`
  core::Millis least;
};
struct Mark {
  bool is_high = false;
  core::Instant since{};
  friend bool operator==(const Mark&, const Mark&) = default;
};
Mark after_value(Mark mark, std::int64_t value, core::Instant now, const MarkRule& rule);

/// How much is refused: 0 nothing, up to kNew a share of those that nobody knows yet, from there to
/// kAll also a share of the users that are known.
using Strain = std::uint32_t;
/// As long as anything is refused: of a thousand new ones, one.
inline constexpr Strain kStrainLeast = 1;
inline constexpr Strain kStrainNew = 1000;
inline constexpr Strain kStrainAll = 2000;

/// Memory is counted in thousandths of its limit.
inline constexpr MarkRule kMemoryHigh{850, 800, core::Millis{2000}};      // connections end
inline constexpr MarkRule kMemoryShedding{920, 890, core::Millis{2000}};  // requests are refused
/// From here on everything is refused: what is left is for requests that run.
inline constexpr std::int64_t kMemoryFull = 980;
/// Used thousandths, rounded down; 0 when there is no limit. Any values.
std::int64_t memory_thousandths(std::uint64_t used, std::uint64_t limit);
Strain memory_strain(std::int64_t thousandths);

/// How long an event waits for its loop, in milliseconds.
inline constexpr MarkRule kLoopSlow{200, 100, core::Millis{2000}};
inline constexpr std::int64_t kLoopFull = 1000;
Strain loop_strain(core::Nanos lag);

/// What a loop has had at each of the last looks. One long turn is no overload: the least of them
/// counts (as CoDel judges a queue: RFC 8289 §3.1).
class StandingLag {
 public:
  static constexpr std::size_t kLooks = 5;
  void see(core::Nanos lag);
  core::Nanos standing() const;

 private:
  std::array<core::Nanos, kLooks> seen_{};
  std::size_t next_ = 0;
};

/// Strain rises at once and falls from all to nothing within a second: what was refused comes back
/// piece by piece, and its effect is seen before more comes.
struct HeldStrain {
  Strain strain = 0;
  core::Instant at{};
};
HeldStrain after_strain(HeldStrain held, Strain target, core::Instant now);

/// Whether requests are refused, and how many: the mark is high exactly as long as the strain is
/// not 0, so what is told is what is done. Between `leave` and `enter` the least is refused.
struct Shedding {
  Mark mark;
  HeldStrain held;
  Strain strain() const { return held.strain; }
};
/// `target`: what the value asks for by itself, at least kStrainLeast from `rule.enter` on and 0
/// below.
Shedding after_look(const Shedding& shedding, std::int64_t value, Strain target, core::Instant now,
                    const MarkRule& rule);

/// When what the heap holds and nobody uses is given back to the kernel next. That looks through
/// all of it with its locks held, so where little is gained the pauses grow.
struct TrimPace {
  core::Nanos pause{0};  // 0: at once
  core::Instant last{};
};
inline constexpr core::Nanos kTrimFirst = core::limits::kTrimEvery;
inline constexpr core::Nanos kTrimMost = std::chrono::minutes(1);
/// No longer than this while requests are refused: what their end waits for may have been freed.
inline constexpr core::Nanos kTrimMostShedding = std::chrono::seconds(5);
/// As little as this part of the limit is no gain.
inline constexpr std::uint64_t kTrimGainPart = 100;

enum class Refusing : std::uint8_t { No, Yes };
bool is_trim_due(const TrimPace& pace, Refusing refusing, core::Instant now);
/// `gained` bytes, negative when more is used than before, of a limit.
TrimPace after_trim(const TrimPace& pace, std::int64_t gained, std::uint64_t limit,
                    core::Instant now);

enum class OverloadCause : std::uint8_t { Memory, Loop };
std::string_view text(OverloadCause cause);
/// What those are told who are refused for it.
std::string_view refusal_of(OverloadCause cause);

/// What a worker does about it, as one word that only the control thread writes. 0: nothing
/// special.
class OverloadWord {
 public:
  struct Parts {
    Strain strain = 0;
    OverloadCause cause = OverloadCause::Memory;  // of the strain
    bool ends_connections = false;                // answers say Connection: close
  };
  constexpr explicit OverloadWord(std::uint32_t word = 0) : word_(word) {}
  static OverloadWord of(const Parts& parts);

  constexpr std::uint32_t word() const { return word_; }
  constexpr bool is_normal() const { return word_ == 0; }
  constexpr bool ends_connections() const { return (word_ & kEndsConnections) != 0; }
  constexpr Strain strain() const { return word_ & kStrainMask; }
  OverloadCause cause() const;

 private:
  static constexpr std::uint32_t kStrainMask = 0xFFF;
  static constexpr std::uint32_t kLoopBit = 1U << 12U;
  static constexpr std::uint32_t kEndsConnections = 1U << 13U;
  static_assert(kStrainAll <= kStrainMask);
  std::uint32_t word_;
};

/// Who asks. The order in which they are refused: nobody who is known is, as long as one who is not
/// gets in.
enum class Standing : std::uint8_t { New, Known };
/// Of a thousand of them, how many are refused.
Strain refused_of_thousand(Strain strain, Standing standing);
/// `draw`: anywhere in 0..2^32-1, alike likely; of a known user always the same for a while, so
/// that few users are refused everything instead of all users something.
bool is_shed(Strain strain, Standing standing, std::uint32_t draw);

/// Of a known user, by the hash of the identity: the same on all workers for kShedTurn.
std::uint32_t shed_draw(std::uint32_t identity_hash, core::Instant now);
/// How long the same users are refused.
inline constexpr core::Nanos kShedTurn = std::chrono::minutes(1);

/// Of the places of a queue this part is kept for users who are known.
inline constexpr std::uint32_t kKeptPart = 5;
/// How many of the places may be taken when one comes who asks so. All of fewer than kKeptPart.
constexpr std::uint32_t places_for(Standing standing, std::uint32_t places) {
  return standing == Standing::Known ? places : places - places / kKeptPart;
}

/// Seconds of Retry-After, 1 to 5, so that those who were refused together do not return together.
inline constexpr std::uint32_t kShedRetryMost = 5;

}  // namespace sluice::policy
