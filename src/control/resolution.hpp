#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sluice/config/endpoints.hpp"
#include "sluice/core/clock.hpp"
#include "sluice/core/result.hpp"

namespace sluice::control {

/// Which addresses host names have, and when they are asked for again (behaviour.md §4 "Endpoint
/// names"). Pure: look-ups and time come from outside. Of one name:
///
///   due --take_due()--> asked --answer--> due kResolveEvery later, the addresses are replaced
///                         '-----failure--> due kResolveRetry later, the addresses stay
class Resolution {
 public:
  using Answer = core::Result<std::vector<core::IpAddress>>;

  enum class Outcome : std::uint8_t { None, Found, Failed };
  struct Name {
    Outcome newest = Outcome::None;
    std::string error;                    // of the newest failure
    std::uint64_t found = 0, failed = 0;  // look-ups
    std::optional<core::WallTime> last_found;
    core::Instant due{};
    bool is_asked = false;
  };
  /// What an answer changed.
  struct News {
    bool changed = false;  // in_force()
    bool turned = false;   // from found to failed or back; also the first failure
  };

  /// All are due at once. `hosts`: each once.
  Resolution(const std::vector<std::string>& hosts, core::Instant now);

  /// Those to be looked up now, longest due first; at most `room` of them.
  std::vector<std::string> take_due(core::Instant now, std::size_t room);
  /// When take_due() has more; nullopt: when an answer has come.
  std::optional<core::Instant> next_due() const;
  std::size_t asked() const { return asked_; }
  /// A name has had no answer and no failure yet.
  bool has_unanswered() const;

  /// Requires: `host` was taken and has not been answered.
  News on_answer(const std::string& host, const Answer& answer, core::Instant now,
                 core::WallTime wall);

  const config::ResolvedNames& in_force() const { return in_force_; }
  const std::map<std::string, Name, std::less<>>& names() const { return names_; }

 private:
  std::map<std::string, Name, std::less<>> names_;
  config::ResolvedNames in_force_;
  std::size_t asked_ = 0;
};

}  // namespace sluice::control
