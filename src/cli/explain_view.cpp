#include "cli/explain_view.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/status_view.hpp"

namespace sluice::cli {
namespace {

std::string line(std::string_view name, std::string_view text) {
  return fmt::format("{:<10} {}\n", name, harmless(text));
}

std::string service_words(const ExplainAnswer& answer) {
  if (answer.service.empty()) return fmt::format("none (listener {})", answer.listener);
  if (!answer.is_routing_told) return answer.service;
  if (answer.routed_to == answer.service) {
    return fmt::format("{} (host {}, path {}, listener {})", answer.service,
                       answer.host.empty() ? "any" : answer.host, answer.path_prefix,
                       answer.listener);
  }
  return fmt::format("{} (as named; by host, path and listener {} it would go to {})",
                     answer.service, answer.listener,
                     answer.routed_to.empty() ? "no service" : answer.routed_to);
}

std::string identity_words(const ExplainAnswer& answer) {
  const std::string from =
      answer.identity_source + (answer.identity_name.empty() ? "" : " " + answer.identity_name);
  if (!answer.identity.empty()) return fmt::format("{} ({})", answer.identity, from);
  if (answer.identity_source == "minted")
    return fmt::format("none yet, a cookie {} is minted", answer.identity_name);
  if (answer.identity_source == "too_long") return "none, what was found is too long";
  return "none";
}

std::string pin_words(const ExplainAnswer& answer) {
  if (answer.pin_number == 0) return "none matches";
  return fmt::format("{} ({}) to {}{}", answer.pin_number, answer.pin_name, answer.pin_pool,
                     answer.is_pin_ignored ? ", ignored: it is closed" : "");
}

std::string split_words(const ExplainAnswer& answer) {
  return fmt::format("{} to {}, which is {}", percent_text(answer.split_basis_points),
                     answer.candidate, answer.is_candidate_open ? "open" : "closed");
}

std::string endpoint_words(const ExplainAnswer& answer, const ExplainAnswer::Endpoint& endpoint) {
  std::string state = endpoint.shown.state;
  if (endpoint.penalty_left_ms > 0)
    state += fmt::format(" ({:.1f} s left)", static_cast<double>(endpoint.penalty_left_ms) / 1000);
  // Without a pool yet both are listed.
  const std::string name =
      answer.pool.empty() ? endpoint.pool + "/" + endpoint.shown.address : endpoint.shown.address;
  const std::string note = endpoint.shown.note.empty() ? "" : "   " + endpoint.shown.note;
  return fmt::format("{:<24} {:<10} {} in flight{}", name, state, endpoint.shown.in_flight, note);
}

std::string limit_words(const ExplainAnswer::Limit& limit) {
  std::string text = fmt::format("{} ({}): ", limit.name, limit.allows);
  if (limit.standing == "exempt") return text + "the client is exempt";
  if (limit.standing == "no_key") return text + "the request has no key for it";
  if (limit.left) text += fmt::format("{} left", *limit.left);
  if (limit.in_flight)
    text += fmt::format("{}{} in progress", limit.left ? ", " : "", *limit.in_flight);
  text += " of " + limit.key;
  if (limit.wait_ms > 0)
    text += fmt::format(", next in {:.1f} s", static_cast<double>(limit.wait_ms) / 1000);
  if (limit.standing == "refuses")
    text += limit.mode == "shadow" ? "; would refuse it (shadow)" : "; refuses it";
  return text;
}

std::string breaker_words(const ExplainAnswer::Breaker& breaker) {
  return fmt::format("{}{}: {}{}", breaker.pool, breaker.route.empty() ? "" : " " + breaker.route,
                     breaker.state, breaker.admits ? "" : "; refuses it");
}

std::string overload_words(const ExplainAnswer::Overload& overload) {
  if (overload.level == "no_keep_alive") return "the connection ends with the answer";
  const std::string share = percent_text(overload.refused_basis_points);
  if (overload.users == "new")
    return fmt::format("{}: {} of the requests of new users are refused", overload.cause, share);
  if (overload.refused_basis_points == 0) return overload.cause + ": no known users are refused";
  return fmt::format("{}: {} of the known users are refused, {}", overload.cause, share,
                     overload.refuses ? "and this one is" : "this one is not");
}

std::string decision_lines(const ExplainAnswer& answer, const Dress& dress) {
  std::string text = line("identity", identity_words(answer));
  text += line("salt", answer.salt);
  if (answer.bucket) text += line("bucket", fmt::format("{} of 10000", *answer.bucket));
  text += line("pin", pin_words(answer));
  text += line("split", split_words(answer));
  if (!answer.pool.empty()) {
    const Tint tint = answer.pool == "green" ? Tint::Green : Tint::Blue;
    text += fmt::format("{:<10} {}, reason {}\n", "pool", tinted(tint, answer.pool, dress),
                        answer.reason);
  }
  if (answer.overload.level != "normal") text += line("overload", overload_words(answer.overload));
  std::string_view name = "limits";
  for (const ExplainAnswer::Limit& limit : answer.limits) {
    text += line(name, limit_words(limit));
    name = "";
  }
  for (const std::string& ceiling : answer.ceilings)
    text += line("ceiling", ceiling + ": reached; refuses it");
  name = "breakers";
  for (const ExplainAnswer::Breaker& breaker : answer.breakers) {
    text += line(name, breaker_words(breaker));
    name = "";
  }
  return text;
}

}  // namespace

std::string explain_text(const ExplainAnswer& answer, const Dress& dress) {
  std::string text = tinted(Tint::Strong, harmless(answer.explanation), dress) + "\n\n";
  text += line("service", service_words(answer));
  text += line("client", answer.client);
  // A request that Sluice answers by itself may have come to no decision.
  if (!answer.service.empty() && (answer.answer_status == 0 || !answer.pool.empty()))
    text += decision_lines(answer, dress);
  std::string_view name = "endpoints";
  for (const ExplainAnswer::Endpoint& endpoint : answer.endpoints) {
    text += line(name, endpoint_words(answer, endpoint));
    name = "";
  }
  return text;
}

std::string request_hint(std::string_view bytes, std::string_view file) {
  const std::size_t end = bytes.find('\n');
  if (end != std::string_view::npos && (end == 0 || bytes[end - 1] != '\r')) {
    return fmt::format(
        "lines of HTTP end with CR LF: sed 's/$/\\r/' {} | sluice explain --request -",
        file == "-" ? "FILE" : file);
  }
  const bool has_end = bytes.find("\r\n\r\n") != std::string_view::npos;
  return has_end ? "" : "a request head ends with an empty line";
}

}  // namespace sluice::cli
