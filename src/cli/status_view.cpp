#include "cli/status_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>

namespace sluice::cli {
namespace {

constexpr std::size_t kBarWidth = 30;
constexpr std::size_t kAddressWidth = 24;

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

Tint tint_of(std::string_view pool) {
  return pool == "green" ? Tint::Green : Tint::Blue;
}

/// A share above zero never looks empty, one below the whole never full.
std::string bar(unsigned basis_points, std::string_view pool, const Dress& dress) {
  std::size_t filled = (basis_points * kBarWidth + 5000) / 10'000;
  if (basis_points > 0) filled = std::max<std::size_t>(filled, 1);
  if (basis_points < 10'000) filled = std::min(filled, kBarWidth - 1);
  std::string on;
  std::string off;
  for (std::size_t i = 0; i < kBarWidth; ++i) {
    if (i < filled) {
      on += dress.has_blocks ? "█" : "#";
    } else {
      off += dress.has_blocks ? "░" : ".";
    }
  }
  return tinted(tint_of(pool), on, dress) + tinted(Tint::Faint, off, dress);
}

std::string headline(const StatusAnswer& status, const Dress& dress) {
  if (status.version.empty()) return "";
  std::string line = tinted(Tint::Strong, "sluice " + status.version, dress);
  line +=
      fmt::format("   generation {}   {}", status.generation, counted(status.workers, "worker"));
  std::size_t shown = 0;
  for (const std::string& address : status.listeners) {
    // Two fit beside the rest in 80 columns.
    if (shown++ < 2) line += "   " + address;
  }
  if (shown > 2) line += fmt::format(" (+{})", shown - 2);
  return line + "\n";
}

std::string role(const ServiceState& service, std::string_view pool) {
  if (pool == service.live) return "live";
  return service.is_candidate_open ? "candidate, open" : "candidate, closed";
}

std::string endpoint_line(const EndpointState& endpoint, const Dress& dress) {
  const Tint tint = endpoint.state == "up"     ? Tint::Good
                    : endpoint.state == "down" ? Tint::Bad
                                               : Tint::Warn;
  const std::size_t pad = endpoint.state.size() < 10 ? 10 - endpoint.state.size() : 1;
  const std::string note = endpoint.note.empty() ? "" : "   " + endpoint.note;
  return fmt::format("    {:<{}} {}{}{} in flight{}\n", endpoint.address, kAddressWidth,
                     tinted(tint, endpoint.state, dress), std::string(pad, ' '), endpoint.in_flight,
                     note);
}

std::string time_left(const std::string& deadline, core::WallTime now) {
  const auto end = parse_rfc3339(deadline);
  if (!end) return "";
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(*end - now).count();
  return left > 0 ? fmt::format(", cut in {} s", left) : ", being cut";
}

std::string drain_line(const DrainState& drain, const Dress& dress, core::WallTime now) {
  return fmt::format("  {} {} of generation {}: {}, {} left{}\n",
                     tinted(Tint::Warn, "draining", dress), drain.pool, drain.generation,
                     counted(drain.requests, "request"), counted(drain.tunnels, "tunnel"),
                     time_left(drain.deadline, now));
}

std::string budget_words(std::string_view name, const BudgetState& budget, const Dress& dress) {
  std::string text = fmt::format("{} {} of {}", name, budget.in_use, budget.most);
  if (budget.refused == 0) return text;
  return text + tinted(Tint::Warn, fmt::format(" ({} refused)", budget.refused), dress);
}

/// Requests that are sent again, and how many there may be. Files of the other pool are only shown
/// when somebody asks for them.
std::string budget_line(const PoolState& pool, const Dress& dress) {
  std::string text;
  const auto add = [&](std::string_view name, const std::optional<BudgetState>& budget) {
    if (budget) text += (text.empty() ? "    " : ", ") + budget_words(name, *budget, dress);
  };
  add("retries", pool.retries);
  add("rescues", pool.rescues);
  if (pool.assets && pool.assets->in_use + pool.assets->refused > 0) add("assets", pool.assets);
  return text.empty() ? "" : text + "\n";
}

std::string limit_lines(const LimitState& limit, const Dress& dress) {
  const bool is_shadow = limit.mode == "shadow";
  const std::string over = is_shadow ? fmt::format("{} would be refused", limit.shadowed)
                                     : fmt::format("{} refused", limit.refused);
  const std::string keys = limit.places == 0
                               ? counted(limit.keys, "key")
                               : fmt::format("{} of {} keys", limit.keys, limit.places);
  const bool is_over = limit.refused + limit.shadowed > 0;
  std::string text =
      fmt::format("  limit {} ({}{}): {}, {} admitted, {}\n", limit.name, limit.allows,
                  is_shadow ? ", shadow" : "", is_over ? tinted(Tint::Warn, over, dress) : over,
                  limit.admitted, keys);
  if (!limit.candidate_allows.empty())
    text += fmt::format("    on the candidate {}\n", limit.candidate_allows);
  return text;
}

/// What was measured, and what is done about it.
std::string overload_line(const OverloadState& overload, const Dress& dress) {
  constexpr double kMiB = 1024.0 * 1024.0;
  std::string text = "\n" + tinted(Tint::Bad, "warning", dress) + ": the proxy has too much to do";
  if (overload.memory_limit) {
    text += fmt::format("; {:.0f} of {:.0f} MiB of memory are used",
                        static_cast<double>(*overload.memory_used) / kMiB,
                        static_cast<double>(*overload.memory_limit) / kMiB);
  }
  if (overload.loop_wait_ms > 0) text += fmt::format("; events wait {} ms", overload.loop_wait_ms);
  if (overload.level == "no_keep_alive") return text + "; connections end with their answers\n";
  return text + fmt::format("; {} of the new users and {} of the known ones are refused\n",
                            percent_text(overload.new_refused_basis_points),
                            percent_text(overload.known_refused_basis_points));
}

std::string service_text(const ServiceState& service, const Dress& dress, core::WallTime now) {
  std::string text =
      fmt::format("\n{}   changed at generation {}   salt {}\n",
                  tinted(Tint::Strong, service.name, dress), service.generation, service.salt);
  for (const PoolState& pool : service.pools) {
    const bool is_live = pool.name == service.live;
    const unsigned share =
        is_live ? 10'000 - service.split_basis_points : service.split_basis_points;
    const bool is_seen = !is_live && service.observed_basis_points.has_value();
    text += fmt::format("  {}{} {:<17} {:>7}  {}{}\n", tinted(tint_of(pool.name), pool.name, dress),
                        std::string(pool.name.size() < 6 ? 6 - pool.name.size() : 0, ' '),
                        role(service, pool.name), percent_text(share), bar(share, pool.name, dress),
                        is_seen ? "  seen " + percent_text(*service.observed_basis_points) : "");
    if (!pool.note.empty()) text += "    " + tinted(Tint::Warn, pool.note, dress) + "\n";
    for (const EndpointState& endpoint : pool.endpoints) text += endpoint_line(endpoint, dress);
    if (!pool.endpoints.empty()) text += budget_line(pool, dress);
  }
  for (const std::string& note : service.route_notes)
    text += "  route " + tinted(Tint::Warn, note, dress) + "\n";
  for (const LimitState& limit : service.limits) text += limit_lines(limit, dress);
  for (const DrainState& drain : service.drains) text += drain_line(drain, dress, now);
  return text;
}

template <typename Number>
bool read_digits(std::string_view& text, std::size_t count, Number& out) {
  if (text.size() < count) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, out);
  if (error != std::errc{} || end != text.data() + count) return false;
  text.remove_prefix(count);
  return true;
}

bool skip(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string percent_text(unsigned basis_points) {
  const unsigned whole = basis_points / 100;
  const unsigned rest = basis_points % 100;
  if (rest == 0) return fmt::format("{} %", whole);
  if (rest % 10 == 0) return fmt::format("{}.{} %", whole, rest / 10);
  return fmt::format("{}.{:02} %", whole, rest);
}

std::optional<core::WallTime> parse_rfc3339(std::string_view text) {
  std::tm tm{};
  if (!read_digits(text, 4, tm.tm_year) || !skip(text, '-') || !read_digits(text, 2, tm.tm_mon) ||
      !skip(text, '-') || !read_digits(text, 2, tm.tm_mday) || !skip(text, 'T') ||
      !read_digits(text, 2, tm.tm_hour) || !skip(text, ':') || !read_digits(text, 2, tm.tm_min) ||
      !skip(text, ':') || !read_digits(text, 2, tm.tm_sec)) {
    return std::nullopt;
  }
  int millis = 0;
  if (skip(text, '.') && !read_digits(text, 3, millis)) return std::nullopt;
  if (text != "Z") return std::nullopt;
  tm.tm_year -= 1900;
  tm.tm_mon -= 1;
  const std::time_t seconds = timegm(&tm);
  return core::WallTime(std::chrono::seconds(seconds) + std::chrono::milliseconds(millis));
}

std::string status_text(const StatusAnswer& status, const Dress& dress, core::WallTime now) {
  std::string text = headline(status, dress);
  for (const ServiceState& service : status.services) text += service_text(service, dress, now);
  if (status.overload.level != "normal") text += overload_line(status.overload, dress);
  if (!status.is_durable) {
    text +=
        "\n" + tinted(Tint::Bad, "warning", dress) +
        ": the disk of state_dir does not answer; after a crash an older state would come back\n";
  }
  return text;
}

std::string watch_frame(const WatchView& view, Screen screen, const Dress& dress,
                        core::WallTime now) {
  std::string text;
  if (!view.trouble.empty()) {
    text = tinted(Tint::Bad, harmless(view.trouble), dress) + "\ntrying again";
    if (view.status) {
      const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - view.seen).count();
      text += fmt::format("; below is what was true {} s ago\n", age);
    }
    text += "\n";
  }
  if (view.status) text += status_text(*view.status, dress, now);
  return frame_of(text, screen);
}

}  // namespace sluice::cli
