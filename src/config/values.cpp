#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/names.hpp"
#include "config/utf8.hpp"
#include "sluice/core/duration.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::config {

namespace {

constexpr std::uint64_t kPortMax = 65'535;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_whole_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}

// The two slips of the pen with durations and sizes that have an answer of their own.
std::string_view unit_hint(std::string_view text) {
  if (text == "0") return "; 0 switches nothing off";
  return is_whole_number(text) ? "; the unit is missing" : "";
}

bool is_within(Range range, std::uint64_t number) {
  return number >= range.least && number <= range.most;
}

bool looks_like_host_name(std::string_view text) {
  const std::string_view host = text.substr(0, text.rfind(':'));
  const bool is_word = std::ranges::all_of(host, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
  });
  return is_word && std::ranges::any_of(host, [](char c) { return !is_digit(c) && c != '.'; });
}

// Without quotes YAML reads `unix:` as a map with one empty value; nothing else could be meant by
// it.
bool is_unix_word(Value item) {
  const Node& node = *item.node;
  const bool is_unquoted = node.kind == Node::Kind::Map && node.children.size() == 1 &&
                           node.children[0].key == "unix" &&
                           node.children[0].kind == Node::Kind::Null;
  return is_unquoted || item.is("unix:");
}

// Of 10.0.0.1/8 the parser of networks says which one is perhaps meant: only that is of use here.
std::string hint_of(const core::Error& error) {
  const std::size_t at = error.what.find("it has bits behind the prefix");
  return at == std::string::npos ? "" : "; " + error.what.substr(at);
}

std::string_view hint_of_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() > core::limits::kHostNameMax) return "; a host name has at most 253 bytes";
  const std::string_view last = name.substr(name.rfind('.') + 1);
  if (last.starts_with("0x") || last.starts_with("0X") || is_whole_number(last))
    return "; a host name does not end in a number";
  return "; a label of a host name is 1 to 63 letters, digits or hyphens, with no hyphen at "
         "either end";
}

void report_bad_address(Reader& in, Value value) {
  const std::string_view text = value.text();
  if (text.starts_with("unix:")) {
    in.report(
        *value.node,
        fmt::format("Unix sockets in '{}' are not supported by this version: use an IP address",
                    value.key->name));
  } else if (looks_like_host_name(text)) {
    in.report(
        *value.node,
        fmt::format("host name '{}' in '{}' is not supported by this version: use an IP address",
                    shown(text), value.key->name));
  } else {
    report_bad(in, value);
  }
}

}  // namespace

std::optional<std::uint64_t> parse_whole_number(std::string_view text) {
  constexpr std::size_t kDigitsMax = 18;  // below 2^63
  if (!is_whole_number(text) || text.size() > kDigitsMax) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : text) number = number * 10 + static_cast<std::uint64_t>(c - '0');
  return number;
}

bool read_number(Reader& in, Value value, std::uint32_t& target) {
  const auto number = value.is_scalar() ? parse_whole_number(value.text()) : std::nullopt;
  if (!number || !is_within(value.key->range, *number)) {
    report_bad(in, value);
    return false;
  }
  target = static_cast<std::uint32_t>(*number);
  return true;
}

bool read_number_or_word(Reader& in, Value value, std::optional<std::uint32_t>& target) {
  if (value.is_word()) {
    target = std::nullopt;
    return true;
  }
  std::uint32_t number = 0;
  if (!read_number(in, value, number)) return false;
  target = number;
  return true;
}

bool read_duration(Reader& in, Value value, core::Millis& target) {
  if (value.is_word()) {
    target = core::Millis{0};
    return true;
  }
  if (!value.is_scalar()) {
    report_bad(in, value);
    return false;
  }
  const auto duration = core::parse_duration(value.text(), "");
  if (!duration || !is_within(value.key->range, static_cast<std::uint64_t>(duration->count()))) {
    report_bad(in, value, unit_hint(value.text()));
    return false;
  }
  target = *duration;
  return true;
}

bool read_size(Reader& in, Value value, std::uint64_t& target) {
  if (!value.is_scalar()) {
    report_bad(in, value);
    return false;
  }
  const auto size = core::parse_size(value.text(), "");
  if (!size || !is_within(value.key->range, *size)) {
    report_bad(in, value, unit_hint(value.text()));
    return false;
  }
  target = *size;
  return true;
}

bool read_data_rate(Reader& in, Value value, std::uint32_t& target) {
  if (value.is_word()) {
    target = 0;
    return true;
  }
  constexpr std::string_view kPerSecond = "/s";
  std::string_view size_text = value.is_scalar() ? std::string_view(value.text()) : "";
  if (!size_text.ends_with(kPerSecond)) {
    report_bad(in, value, value.is_scalar() ? "; a rate ends in /s" : "");
    return false;
  }
  size_text.remove_suffix(kPerSecond.size());
  const auto size = core::parse_size(size_text, "");
  if (!size || !is_within(value.key->range, *size)) {
    report_bad(in, value, unit_hint(size_text));
    return false;
  }
  target = static_cast<std::uint32_t>(*size);
  return true;
}

bool read_on_off(Reader& in, Value value, bool& target) {
  if (!value.is_word()) {
    report_bad_word(in, value);
    return false;
  }
  target = value.is("on");
  return true;
}

bool read_percent(Reader& in, Value value, core::BasisPoints& target) {
  if (value.is_scalar()) {
    if (const auto percent = core::BasisPoints::parse_percent(value.text(), "")) {
      target = *percent;
      return true;
    }
  }
  report_bad(in, value);
  return false;
}

bool read_pool_name(Reader& in, Value value, core::PoolName& target) {
  for (const core::PoolName pool : {core::PoolName::Blue, core::PoolName::Green}) {
    if (!value.is(core::text(pool))) continue;
    target = pool;
    return true;
  }
  static constexpr std::array<std::string_view, 2> kPoolNames{"blue", "green"};
  report_bad_word(in, value, kPoolNames);  // not the key's words: `values` of a pin has none
  return false;
}

bool read_text(Reader& in, Value value, std::string& target) {
  const bool is_text = value.is_scalar() && is_within(value.key->range, value.text().size()) &&
                       is_printable(value.text());
  if (!is_text) {
    report_bad(in, value);
    return false;
  }
  target = value.text();
  return true;
}

bool read_address(Reader& in, Value value, PortRange ports, core::SocketAddress& target) {
  if (!value.is_scalar()) {
    const bool looks_v6 =
        value.node->kind == Node::Kind::List || value.node->kind == Node::Kind::Map;
    report_bad(in, value, looks_v6 ? "; write an IPv6 address in quotes: \"[::1]:8080\"" : "");
    return false;
  }
  const auto address = core::SocketAddress::parse(value.text(), "");
  const bool is_ip = address && !address->is_unix();
  if (!is_ip) {
    report_bad_address(in, value);
    return false;
  }
  if (address->port == 0 && ports == PortRange::RealPort) {
    report_bad(in, value, "; 0 is no port");
    return false;
  }
  target = *address;
  return true;
}

bool read_address_or_path(Reader& in, Value value, PortRange ports, core::SocketAddress& target) {
  const std::uint64_t path_max = value.key->range.most;
  constexpr std::string_view kScheme = "unix:";
  const bool is_path = value.is_scalar() && value.text().starts_with(kScheme);
  if (value.is_scalar() && value.text().starts_with('/')) {
    report_bad(in, value, "; a Unix socket is written as unix:/path");
    return false;
  }
  if (!is_path) return read_address(in, value, ports, target);
  const auto address = core::SocketAddress::parse(value.text(), "");
  if (!address || address->unix_path.size() > path_max || !is_printable(value.text())) {
    report_bad(in, value,
               fmt::format("; the path of a Unix socket begins with / and has at most {} bytes",
                           path_max));
    return false;
  }
  target = *address;
  return true;
}

bool read_endpoint_address(Reader& in, Value value, core::SocketAddress& target,
                           std::string& host) {
  const bool is_name =
      value.is_scalar() && !value.text().starts_with("unix:") && looks_like_host_name(value.text());
  if (!is_name) return read_address_or_path(in, value, PortRange::RealPort, target);
  const std::string_view text = value.text();
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) {
    report_bad(in, value, "; the port is missing");
    return false;
  }
  const auto port = parse_whole_number(text.substr(colon + 1));
  if (!port || *port == 0 || *port > kPortMax) {
    report_bad(in, value, "; a port is 1 to 65535");
    return false;
  }
  const auto name = normal_lookup_name(text.substr(0, colon));
  if (!name) {
    report_bad(in, value, hint_of_name(text.substr(0, colon)));
    return false;
  }
  target.port = static_cast<std::uint16_t>(*port);
  host = *name;
  return true;
}

bool read_pin_target(Reader& in, Value value, policy::PinTarget& target) {
  using policy::PinTarget;
  for (const PinTarget known :
       {PinTarget::Blue, PinTarget::Green, PinTarget::Live, PinTarget::Candidate}) {
    if (!value.is(policy::text(known))) continue;
    target = known;
    return true;
  }
  report_bad_word(in, value);
  return false;
}

std::optional<policy::Rate> parse_rate(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::chrono::seconds period;
  };
  static constexpr std::array<Unit, 4> kUnits{{{"s", std::chrono::seconds(1)},
                                               {"min", std::chrono::minutes(1)},
                                               {"h", std::chrono::hours(1)},
                                               {"d", std::chrono::hours(24)}}};
  const std::size_t slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto unit = std::ranges::find(kUnits, text.substr(slash + 1), &Unit::name);
  const auto count = parse_whole_number(text.substr(0, slash));
  const bool is_rate =
      unit != kUnits.end() && count && *count > 0 && *count <= core::limits::kRateMax;
  if (!is_rate) return std::nullopt;
  return policy::Rate{static_cast<std::uint32_t>(*count), unit->period};
}

bool read_rate(Reader& in, Value value, policy::Rate& target) {
  const auto rate = value.is_scalar() ? parse_rate(value.text()) : std::nullopt;
  if (!rate) {
    report_bad(in, value,
               value.is_scalar() && is_whole_number(value.text()) ? "; the unit is missing" : "");
    return false;
  }
  target = *rate;
  return true;
}

bool read_mode(Reader& in, Value value, unsigned& target) {
  constexpr unsigned kModeMax = 0777;
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  const bool is_number = value.is_scalar() && value.text().size() >= 3 &&
                         value.text().size() <= 4 && std::ranges::all_of(value.text(), is_octal);
  unsigned mode = 0;
  if (is_number) {
    for (const char c : value.text()) mode = mode * 8 + static_cast<unsigned>(c - '0');
  }
  if (!is_number || mode > kModeMax) {
    report_bad(in, value);
    return false;
  }
  target = mode;
  return true;
}

model::ClientSet read_networks(Reader& in, Value list) {
  model::ClientSet out;
  for (const Value item : items_of(in, list)) {
    if (is_unix_word(item)) {
      out.has_unix = true;
      continue;
    }
    const auto network = item.is_scalar() ? core::Network::parse(item.text(), "")
                                          : core::Result<core::Network>(core::Error{});
    if (network) {
      out.networks.push_back(*network);
    } else {
      report_bad(in, item, hint_of(network.error()));
    }
  }
  return out;
}

}  // namespace sluice::config
