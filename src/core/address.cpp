#include "sluice/core/address.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

// Text forms are read and written here and not by inet_pton and inet_ntop: the client address is an
// identity that is hashed (behaviour.md §2), so its form may not depend on a C library (some write
// ::102:304 as ::1.2.3.4).
namespace sluice::core {
namespace {

constexpr std::size_t kGroups = 8;
constexpr std::size_t kUnixPathMax = 107;  // sun_path holds 108 with its NUL (unix(7))

using V4 = std::array<std::uint8_t, 4>;
using V6 = std::array<std::uint8_t, 16>;

/// 1–3 digits, no leading zero (it is octal to some readers), at most 255. Moves `text` behind it.
std::optional<std::uint8_t> take_octet(std::string_view& text) {
  unsigned value = 0;
  std::size_t digits = 0;
  while (digits < text.size() && digits < 4 && text[digits] >= '0' && text[digits] <= '9') {
    value = value * 10 + static_cast<unsigned>(text[digits++] - '0');
  }
  if (digits == 0 || digits > 3 || value > 255 || (digits > 1 && text.front() == '0')) return {};
  text.remove_prefix(digits);
  return static_cast<std::uint8_t>(value);
}

std::optional<V4> parse_v4(std::string_view text) {
  V4 octets{};
  for (std::size_t i = 0; i < octets.size(); ++i) {
    if (i > 0) {
      if (!text.starts_with('.')) return {};
      text.remove_prefix(1);
    }
    const std::optional<std::uint8_t> octet = take_octet(text);
    if (!octet) return {};
    octets[i] = *octet;
  }
  if (!text.empty()) return {};
  return octets;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// 1–4 hex digits; moves `text` behind them.
std::optional<std::uint16_t> take_group(std::string_view& text) {
  unsigned value = 0;
  std::size_t digits = 0;
  while (digits < text.size() && digits < 5 && hex_value(text[digits]) >= 0) {
    value = value << 4U | static_cast<unsigned>(hex_value(text[digits++]));
  }
  if (digits == 0 || digits > 4) return {};
  text.remove_prefix(digits);
  return static_cast<std::uint16_t>(value);
}

/// Groups of one side of "::" (or of the whole address).
struct Groups {
  std::array<std::uint16_t, kGroups> values{};
  std::size_t count = 0;
};

/// `a:b:c`, where the last two groups may be a dotted IPv4 address. Empty text is no group.
std::optional<Groups> parse_groups(std::string_view text) {
  Groups groups;
  if (text.empty()) return groups;
  while (true) {
    if (groups.count == kGroups) return {};
    if (const std::optional<V4> v4 = parse_v4(text)) {
      if (groups.count + 2 > kGroups) return {};
      const V4& o = *v4;
      groups.values[groups.count++] = static_cast<std::uint16_t>(o[0] << 8U | o[1]);
      groups.values[groups.count++] = static_cast<std::uint16_t>(o[2] << 8U | o[3]);
      return groups;
    }
    const std::optional<std::uint16_t> group = take_group(text);
    if (!group) return {};
    groups.values[groups.count++] = *group;
    if (text.empty()) return groups;
    if (!text.starts_with(':')) return {};
    text.remove_prefix(1);
  }
}

std::optional<V6> parse_v6(std::string_view text) {
  const std::size_t gap = text.find("::");
  const bool has_gap = gap != std::string_view::npos;
  const std::string_view before = text.substr(0, gap);
  // An IPv4 tail is allowed only at the very end of the address.
  if (has_gap && before.find('.') != std::string_view::npos) return {};
  const std::optional<Groups> head = parse_groups(before);
  const std::optional<Groups> tail =
      has_gap ? parse_groups(text.substr(gap + 2)) : std::optional<Groups>(Groups{});
  if (!head || !tail) return {};
  const std::size_t given = head->count + tail->count;
  if (has_gap ? given >= kGroups : given != kGroups) return {};

  std::array<std::uint16_t, kGroups> groups{};
  for (std::size_t i = 0; i < head->count; ++i) groups[i] = head->values[i];
  for (std::size_t i = 0; i < tail->count; ++i) {
    groups[kGroups - tail->count + i] = tail->values[i];
  }
  V6 octets{};
  for (std::size_t i = 0; i < kGroups; ++i) {
    octets[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8U);
    octets[2 * i + 1] = static_cast<std::uint8_t>(groups[i] & 0xFFU);
  }
  return octets;
}

/// Without to_chars: the client address is written for every request, and this is a third of the
/// instructions.
/// An octet in decimal and how many digits that takes. Looked up: each request carries the address
/// of its client, and divisions took twice the instructions.
struct Decimal {
  std::array<char, 4> text{};  // the digits and a dot: one load and one store
  std::uint8_t size = 0;       // of both
};

constexpr std::array<Decimal, 256> make_decimals() {
  std::array<Decimal, 256> table{};
  for (unsigned octet = 0; octet < 256; ++octet) {
    Decimal& entry = table[octet];
    for (const unsigned unit : {100U, 10U, 1U}) {
      if (octet < unit && unit > 1) continue;
      entry.text[entry.size++] = static_cast<char>('0' + octet / unit % 10);
    }
    entry.text[entry.size++] = '.';
  }
  return table;
}
constexpr std::array<Decimal, 256> kDecimals = make_decimals();

/// Needs room for sixteen characters.
char* write_v4(const V6& octets, char* at) {
  for (std::size_t i = 0; i < 4; ++i) {
    const Decimal& entry = kDecimals[octets[i]];
    std::memcpy(at, entry.text.data(), entry.text.size());
    at += entry.size;
  }
  return at - 1;  // without the last dot
}

struct ZeroRun {
  std::size_t begin = kGroups;
  std::size_t size = 0;
};

/// RFC 5952 §4.2: the longest run of at least two zero groups, the first of equally long ones.
ZeroRun longest_zero_run(const std::array<unsigned, kGroups>& groups) {
  ZeroRun best;
  for (std::size_t i = 0; i < kGroups;) {
    std::size_t end = i;
    while (end < kGroups && groups[end] == 0) ++end;
    if (end - i > best.size && end - i >= 2) best = {i, end - i};
    i = end == i ? i + 1 : end;
  }
  return best;
}

char* write_v6(const V6& octets, char* at, char* end) {
  std::array<unsigned, kGroups> groups{};
  for (std::size_t i = 0; i < kGroups; ++i) {
    groups[i] = static_cast<unsigned>(octets[2 * i]) << 8U | octets[2 * i + 1];
  }
  const ZeroRun run = longest_zero_run(groups);
  for (std::size_t i = 0; i < kGroups;) {
    if (i == run.begin) {
      *at++ = ':';
      *at++ = ':';
      i += run.size;
      continue;
    }
    if (i > 0 && i != run.begin + run.size) *at++ = ':';
    at = std::to_chars(at, end, groups[i++], 16).ptr;
  }
  return at;
}

Error bad_address(std::string_view text, std::string_view where, std::string_view wanted) {
  return {ErrorCode::BadInput, std::string(where),
          "'" + std::string(text) + "' is not " + std::string(wanted)};
}

/// Decimal digits only, at most `max`; nullopt otherwise.
std::optional<unsigned> parse_decimal(std::string_view digits, unsigned max) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || value > max) return {};
  return value;
}

}  // namespace

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& octets) {
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (std::equal(kMapped.begin(), kMapped.end(), octets.begin())) {
    return v4({octets[12], octets[13], octets[14], octets[15]});
  }
  IpAddress address;
  address.octets_ = octets;
  address.is_v6_ = true;
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (const std::optional<V4> octets = parse_v4(text)) return v4(*octets);
  if (const std::optional<V6> octets = parse_v6(text)) return v6(*octets);
  return {};
}

std::string IpAddress::text() const {
  std::array<char, 46> scratch{};
  return std::string(write(scratch));
}

std::string_view IpAddress::write(std::array<char, 46>& out) const {
  char* const begin = out.data();
  char* const end = begin + out.size();
  char* const stop = is_v6_ ? write_v6(octets_, begin, end) : write_v4(octets_, begin);
  return {begin, static_cast<std::size_t>(stop - begin)};
}

std::string SocketAddress::text() const {
  if (is_unix()) return "unix:" + unix_path;
  const std::string host = ip.is_v6() ? "[" + ip.text() + "]" : ip.text();
  return host + ":" + std::to_string(port);
}

Result<SocketAddress> SocketAddress::parse(std::string_view text, std::string_view where) {
  constexpr std::string_view kWanted =
      "an address: 127.0.0.1:80, [::1]:80 or unix:/run/app.sock was expected";
  if (text.starts_with("unix:")) {
    const std::string_view path = text.substr(5);
    if (!path.starts_with('/') || path.find('\0') != std::string_view::npos) {
      return bad_address(text, where, "an absolute path of a Unix socket");
    }
    if (path.size() > kUnixPathMax) {
      return bad_address(text, where, "short enough: a Unix socket path has at most 107 bytes");
    }
    return SocketAddress{{}, 0, std::string(path)};
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad_address(text, where, kWanted);
  std::string_view host = text.substr(0, colon);
  const bool has_brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (has_brackets) host = host.substr(1, host.size() - 2);
  const bool looks_v6 = host.find(':') != std::string_view::npos;
  const std::optional<IpAddress> ip = IpAddress::parse(host);
  const std::optional<unsigned> port = parse_decimal(text.substr(colon + 1), 65'535);
  if (!ip || !port || looks_v6 != has_brackets) return bad_address(text, where, kWanted);
  return SocketAddress{*ip, static_cast<std::uint16_t>(*port), {}};
}

Result<Network> Network::parse(std::string_view text, std::string_view where) {
  constexpr std::string_view kWanted =
      "a network: 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32 was expected";
  const std::size_t slash = text.find('/');
  const std::string_view address_text = text.substr(0, slash);
  const std::optional<IpAddress> address = IpAddress::parse(address_text);
  if (!address) return bad_address(text, where, kWanted);
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8: the address is stored as IPv4, so its prefix is counted from
  // there.
  const bool is_mapped = !address->is_v6() && address_text.find(':') != std::string_view::npos;
  const unsigned first = is_mapped ? 96 : 0;
  const unsigned last = address->is_v6() || is_mapped ? 128 : 32;

  Network network;
  network.prefix_ = last - first;
  if (slash != std::string_view::npos) {
    const std::optional<unsigned> prefix = parse_decimal(text.substr(slash + 1), last);
    if (!prefix || *prefix < first) return bad_address(text, where, kWanted);
    network.prefix_ = *prefix - first;
  }
  std::array<std::uint8_t, 16> octets = address->octets();
  const std::size_t size = address->is_v6() ? 16 : 4;
  for (std::size_t i = 0; i < size; ++i) {
    const unsigned bits = std::min(
        8U, network.prefix_ - std::min<unsigned>(network.prefix_, static_cast<unsigned>(8 * i)));
    octets[i] = static_cast<std::uint8_t>(octets[i] & (0xFF00U >> bits));
  }
  network.base_ = address->is_v6() ? IpAddress::v6(octets)
                                   : IpAddress::v4({octets[0], octets[1], octets[2], octets[3]});
  // Bits behind the prefix are a slip of the pen, and in a list of trusted networks slips are not
  // guessed away.
  if (network.base_ != *address) {
    return bad_address(
        text, where,
        "a network: it has bits behind the prefix; meant is perhaps " + network.text());
  }
  return network;
}

bool Network::contains(const IpAddress& address) const {
  if (address.is_v6() != base_.is_v6()) return false;
  const std::size_t whole = prefix_ / 8;
  const auto& a = address.octets();
  const auto& b = base_.octets();
  if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin()))
    return false;
  const unsigned rest = prefix_ % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) & (0xFF00U >> rest) & 0xFFU) == 0;
}

bool Network::covers(const Network& other) const {
  return prefix_ <= other.prefix_ && contains(other.base_);
}

std::string Network::text() const {
  return base_.text() + "/" + std::to_string(prefix_);
}

}  // namespace sluice::core
