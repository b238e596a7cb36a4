#include "cli/config_view.hpp"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "sluice/core/duration.hpp"

namespace sluice::cli {
namespace {

/// A double-quoted YAML scalar: for keys, where nothing is substituted.
std::string yaml_key(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

/// The same for values: `$` is doubled, or reading it again would substitute.
std::string yaml_text(std::string_view text) {
  std::string doubled;
  for (const char c : text) doubled.append(c == '$' ? 2 : 1, c);
  return yaml_key(doubled);
}

template <typename List, typename Write>
std::string flow(const List& list, Write write) {
  std::string out = "[";
  for (const auto& entry : list) out += (out.size() > 1 ? ", " : "") + write(entry);
  return out + "]";
}

std::string names(const std::vector<std::string>& list) {
  return flow(list, yaml_text);
}

std::string network(const core::Network& value) {
  return yaml_text(value.text());
}

std::string networks(const std::vector<core::Network>& list, bool has_unix) {
  std::string out = flow(list, network);
  if (!has_unix) return out;
  out.pop_back();
  return out + (list.empty() ? "" : ", ") + "\"unix:\"]";
}

std::string duration_or_off(core::Millis value) {
  return value == core::Millis::zero() ? "off" : core::format_duration(value);
}

std::string identity_source(const policy::IdentitySource& source) {
  switch (source.kind) {
    case policy::IdentityKind::ClientAddress:
      return "client_address";
    case policy::IdentityKind::MintCookie:
      return fmt::format("mint_cookie: {{name: {}, max_age: {}}}", yaml_text(source.name),
                         core::format_duration(source.max_age));
    case policy::IdentityKind::Cookie:
    case policy::IdentityKind::Header:
    case policy::IdentityKind::Query:
      break;
  }
  return fmt::format("{}: {}", policy::text(source.kind), yaml_text(source.name));
}

std::string pin(const model::HeaderPin& value) {
  std::string values = "{";
  for (const auto& [text, pool] : value.values) {
    values +=
        fmt::format("{}{}: {}", values.size() > 1 ? ", " : "", yaml_key(text), core::text(pool));
  }
  return fmt::format("{{header: {}, values: {}}}, from: {}}}", yaml_text(value.header), values,
                     networks(value.from, value.from_unix));
}

std::string exposed(const model::Expose& expose) {
  std::vector<std::string_view> words;
  if (expose.pool) words.push_back("pool");
  if (expose.generation) words.push_back("generation");
  if (expose.reason) words.push_back("reason");
  if (expose.bucket) words.push_back("bucket");
  if (expose.endpoint) words.push_back("endpoint");
  return flow(words, [](std::string_view word) { return std::string(word); });
}

std::string timeouts(const model::Timeouts& t) {
  std::string out = "    timeouts:\n";
  const std::pair<std::string_view, core::Millis> all[] = {
      {"connect", t.connect},
      {"request_header", t.request_header},
      {"request_body_idle", t.request_body_idle},
      {"response_header", t.response_header},
      {"response_body_idle", t.response_body_idle},
      {"keep_alive_idle", t.keep_alive_idle},
      {"endpoint_idle", t.endpoint_idle},
      {"tunnel_idle", t.tunnel_idle}};
  for (const auto& [name, value] : all)
    out += fmt::format("      {}: {}\n", name, duration_or_off(value));
  return out;
}

std::string pool(std::string_view name, const config::Pool& value) {
  const auto endpoint = [](const config::Endpoint& e) {
    return yaml_text(e.text.empty() ? e.address.text() : e.text);
  };
  return fmt::format("      {}: {{endpoints: {}}}\n", name, flow(value.endpoints, endpoint));
}

std::string service(const config::Service& s) {
  std::string out = fmt::format(
      "  - name: {}\n    hosts: {}\n    path_prefix: {}\n    listeners: {}\n    salt: {}\n",
      yaml_text(s.name), names(s.hosts), yaml_text(s.path_prefix), names(s.listeners),
      yaml_text(s.salt));
  out += "    identity:\n";
  for (const auto& source : s.identity) out += fmt::format("      - {}\n", identity_source(source));
  out += "    pools:\n" + pool("blue", s.pools[0]) + pool("green", s.pools[1]);
  out += fmt::format("    initial: {{live: {}, split: {}}}\n", core::text(s.initial_live),
                     s.initial_split.percent());
  out += fmt::format("    drain: {{deadline: {}, websockets: {}}}\n",
                     core::format_duration(s.drain_deadline), model::text(s.tunnels));
  if (s.pins.empty()) out += "    pins: []\n";
  if (!s.pins.empty()) out += "    pins:\n";
  for (const auto& entry : s.pins) out += fmt::format("      - {}\n", pin(entry));
  out += fmt::format("    via: {}\n    expose: {}\n", s.adds_via ? "on" : "off", exposed(s.expose));
  out += timeouts(s.timeouts);
  out += fmt::format(
      "    limits: {{header_bytes: {}, header_count: {}, target_bytes: {}, body_bytes: {}}}\n",
      core::format_size(s.head_limits.head_bytes), s.head_limits.field_count,
      core::format_size(s.head_limits.target_bytes),
      s.body_bytes_max ? core::format_size(*s.body_bytes_max) : "unlimited");
  return out;
}

template <typename Number>
std::string number_or(const std::optional<Number>& value, std::string_view otherwise) {
  return value ? std::to_string(*value) : std::string(otherwise);
}

std::string note(const config::Service& wanted, const nlohmann::json& saved) {
  const std::string live = saved.value("live", "");
  const unsigned split = saved.value("split_basis_points", 0U);
  const std::string salt = saved.value("salt", "");
  if (live == core::text(wanted.initial_live) && split == wanted.initial_split.count() &&
      salt == wanted.salt)
    return "";
  const auto percent = core::BasisPoints::make(split, "split");
  return fmt::format(
      "note: {}: the saved state rules: live {}, split {}, salt {}; `initial` and `salt` of the "
      "file do not count\n",
      wanted.name, live, percent ? percent->percent() : "?", salt);
}

}  // namespace

std::string config_text(const config::Config& config) {
  std::string out = fmt::format("workers: {}\n", number_or(config.workers, "auto"));
  out += fmt::format("limits: {{connections: {}, connections_per_address: {}}}\n",
                     number_or(config.connections, "auto"),
                     number_or(config.connections_per_address, "off"));
  out += "listeners:\n";
  for (const auto& listener : config.listeners) {
    out += fmt::format("  - {{name: {}, bind: {}}}\n", yaml_text(listener.name),
                       yaml_text(listener.bind.text()));
  }
  out += fmt::format("admin:\n  socket: {{path: {}, mode: \"{:04o}\"}}\n",
                     yaml_text(config.admin_socket.path), config.admin_socket.mode);
  if (config.admin_http)
    out += fmt::format("  http: {{bind: {}}}\n", yaml_text(config.admin_http->text()));
  out += fmt::format("state_dir: {}\n", yaml_text(config.state_dir));
  if (config.access_log) {
    out += fmt::format("access_log: {{path: {}, format: json}}\n", yaml_text(*config.access_log));
  } else {
    out += "access_log: off\n";
  }
  out += fmt::format("trusted_proxies: {}\n", networks(config.trusted_proxies, config.trusts_unix));
  out += "services:\n";
  for (const auto& entry : config.services) out += service(entry);
  return out;
}

std::string state_notes(const config::Config& config) {
  std::ifstream file(config.state_dir + "/state.json");
  std::stringstream bytes;
  bytes << file.rdbuf();
  std::string notes;
  try {
    const auto state = nlohmann::json::parse(bytes.str());
    for (const auto& saved : state.at("services")) {
      for (const config::Service& wanted : config.services) {
        if (saved.value("name", "") == wanted.name) notes += note(wanted, saved);
      }
    }
  } catch (const nlohmann::json::exception&) {
    return "";  // no state yet, or one that `run` will judge
  }
  return notes;
}

}  // namespace sluice::cli
