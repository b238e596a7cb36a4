#include "cli/change_view.hpp"

#include <fmt/format.h>

#include "cli/status_view.hpp"

namespace sluice::cli {
namespace {

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string candidate_of(const ChangeAnswer& change) {
  return change.live == "blue" ? "green" : "blue";
}

std::string endpoint_is(const ChangeAnswer& change) {
  if (change.endpoint_state == "up") return change.endpoint + " takes requests";
  return change.endpoint + " is " + change.endpoint_state;
}

std::string what_is_true(Verb verb, const ChangeAnswer& change) {
  const std::string candidate = candidate_of(change);
  if (!change.changed) {
    switch (verb) {
      case Verb::Switch:
        return fmt::format("{} is live already, nothing to do", change.live);
      case Verb::Split:
        return fmt::format("{} has {} of the users already, nothing to do", candidate,
                           percent_text(change.split_basis_points));
      case Verb::Rollback:
        return fmt::format("nothing to roll back, {} stays live", change.live);
      case Verb::EndpointDrain:
      case Verb::EndpointEnable:
      case Verb::EndpointDisable:
        return endpoint_is(change) + " already, nothing to do";
    }
  }
  switch (verb) {
    case Verb::Switch:
      return fmt::format("{} is live, {} is closed", change.live, candidate);
    case Verb::Split:
      return fmt::format("{} gets {} of the users", candidate,
                         percent_text(change.split_basis_points));
    case Verb::Rollback:
      return fmt::format("rolled back: {} is live, {} is closed", change.live, candidate);
    case Verb::EndpointDrain:
    case Verb::EndpointDisable:
      return endpoint_is(change) + ": no new requests; what runs there ends by itself";
    case Verb::EndpointEnable:
      return endpoint_is(change) + " again";
  }
  return "";
}

std::string what_would_be(Verb verb, const ChangeAnswer& change) {
  const std::string candidate = change.would_live == "blue" ? "green" : "blue";
  if (verb == Verb::Split) {
    return fmt::format("{} would get {} of the users", candidate,
                       percent_text(change.would_split_basis_points));
  }
  return fmt::format("{} would be live, {} closed", change.would_live, candidate);
}

std::string dry_run_text(Verb verb, const ChangeAnswer& change, const Dress& dress) {
  const std::string note = tinted(Tint::Faint, "(dry run, nothing has changed)", dress);
  const std::string service = tinted(Tint::Strong, change.service, dress);
  if (!change.would_change) {
    return fmt::format("{}: {} {}\n", service, what_is_true(verb, change), note);
  }
  std::string text = fmt::format("{}: {} {}\n", service, what_would_be(verb, change), note);
  text += fmt::format("  {} of all users would change pools, pins apart\n",
                      percent_text(change.moved_basis_points));
  if (change.users_seen > 0) {
    text += fmt::format("  about {} of {} seen in the last minute would\n", change.users_moved,
                        counted(change.users_seen, "user"));
  }
  if (!change.would_drain.empty()) {
    text += fmt::format("  {} would drain: {} and {} are in progress there now\n",
                        change.would_drain, counted(change.requests_there, "request"),
                        counted(change.tunnels_there, "tunnel"));
  }
  return text;
}

std::string drain_text(const ChangeAnswer& change, std::optional<core::Millis> waited) {
  // A drain always concerns the pool that is not live
  const std::string pool = candidate_of(change);
  const std::string time =
      waited ? fmt::format(" after {:.1f} s", std::chrono::duration<double>(*waited).count())
             : std::string();
  const std::string kept = change.tunnels_kept > 0
                               ? fmt::format(", {} kept", counted(change.tunnels_kept, "tunnel"))
                               : "";
  const std::string cut = fmt::format("{} and {} cut{}", counted(change.requests_cut, "request"),
                                      counted(change.tunnels_cut, "tunnel"), kept);
  switch (change.drain) {
    case DrainOutcome::None:
      return "";
    case DrainOutcome::Running:
      return fmt::format("  {} drains; `sluice status` shows what is left\n", pool);
    case DrainOutcome::Drained:
      if (change.requests_cut + change.tunnels_cut > 0)
        return fmt::format("  {} is drained{}: {}\n", pool, time, cut);
      return fmt::format("  {} is drained{}, nothing was cut{}\n", pool, time, kept);
    case DrainOutcome::Deadline:
      return fmt::format("  {} reached its deadline{}: {}\n", pool, time, cut);
    case DrainOutcome::Superseded:
      return fmt::format("  the drain was superseded{}: its pool is live again, nothing was cut\n",
                         time);
  }
  return "";
}

}  // namespace

std::string change_text(Verb verb, const ChangeAnswer& change, std::optional<core::Millis> waited,
                        const Dress& dress) {
  if (change.is_dry_run) return dry_run_text(verb, change, dress);
  std::string text = fmt::format(
      "{}: {} {}\n", tinted(Tint::Strong, change.service, dress), what_is_true(verb, change),
      tinted(Tint::Faint, fmt::format("(generation {})", change.generation), dress));
  if (!change.changed) return text;
  text += fmt::format("  on {} of {} after {:.2f} ms, {:.2f} ms to disk\n", change.workers_adopted,
                      counted(change.workers_total, "worker"),
                      static_cast<double>(change.flip_us + change.adopted_us) / 1000,
                      static_cast<double>(change.persist_us) / 1000);
  return text + drain_text(change, waited);
}

std::string change_warnings(const ChangeAnswer& change) {
  std::string text;
  for (const std::string& warning : change.warnings) {
    text += fmt::format("warning: {}: {}\n", harmless(change.service), harmless(warning));
  }
  if (change.is_dry_run) return text;  // the rest would be about the change before
  if (!change.is_durable) {
    text +=
        "warning: in force, but not on disk yet: after a crash an older state would come back\n";
  }
  if (!change.workers_missing.empty()) {
    text += "warning: not yet adopted by worker";
    for (const unsigned worker : change.workers_missing) text += fmt::format(" {}", worker);
    text += "; its next request adopts it\n";
  }
  return text;
}

}  // namespace sluice::cli
