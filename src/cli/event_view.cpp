#include "cli/event_view.hpp"

#include <fmt/format.h>

#include "cli/wire.hpp"

namespace sluice::cli {
namespace {

Tint tint_of(std::string_view kind) {
  if (kind == "problem" || kind == "lost") return Tint::Bad;
  if (kind == "solved") return Tint::Good;
  if (kind == "change") return Tint::Strong;
  return Tint::Warn;
}

std::string kind_text(std::string_view kind, const Dress& dress) {
  constexpr std::size_t kWidth = 9;
  const std::string shown = harmless(kind);
  return tinted(tint_of(kind), shown, dress) +
         std::string(shown.size() < kWidth ? kWidth - shown.size() : 1, ' ');
}

}  // namespace

std::string event_text(std::string_view json, const Dress& dress) {
  const core::Result<EventAnswer> event = read_event(json);
  if (!event) return tinted(Tint::Bad, "no event: ", dress) + harmless(json) + "\n";
  if (event->kind == "lost") {
    return kind_text(event->kind, dress) + " " +
           (event->lost
                ? fmt::format("{} events came and went before they were read\n", *event->lost)
                : "the proxy was started anew; what it did before is not here\n");
  }
  return fmt::format("{}  {} {}\n", harmless(event->time), kind_text(event->kind, dress),
                     harmless(event->text));
}

}  // namespace sluice::cli
