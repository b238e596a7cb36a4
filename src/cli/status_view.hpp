#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "cli/console.hpp"
#include "cli/frame.hpp"
#include "cli/wire.hpp"
#include "sluice/core/clock.hpp"

namespace sluice::cli {

/// What `sluice status` shows a person, at most 80 columns wide as long as names are of ordinary
/// length. Pure. `now` tells how long a drain still has.
std::string status_text(const StatusAnswer& status, const Dress& dress, core::WallTime now);

/// What `sluice status --watch` knows.
struct WatchView {
  std::optional<StatusAnswer> status;  // the newest that was seen
  core::WallTime seen{};               // when
  std::string trouble;  // why there is no newer one: `no proxy answers at ...`; empty: it is new
};

/// One frame of it for a terminal (frame.hpp). With trouble that comes first, and what is below is
/// said to be old. Pure.
std::string watch_frame(const WatchView& view, Screen screen, const Dress& dress,
                        core::WallTime now);

/// `2026-01-31T12:00:00.000Z`; nullopt for anything else.
std::optional<core::WallTime> parse_rfc3339(std::string_view text);

/// `12.5 %`
std::string percent_text(unsigned basis_points);

}  // namespace sluice::cli
