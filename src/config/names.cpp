#include "config/names.hpp"

#include <algorithm>

#include "config/utf8.hpp"
#include "sluice/core/address.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::config {

namespace {

using core::limits::kHostNameMax;
using core::limits::kNameMax;

constexpr std::size_t kPathPrefixMax = 1024;
constexpr std::size_t kLabelMax = 63;  // RFC 1035 §2.3.4

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_alnum(char c) {
  return is_digit(c) || is_letter(c);
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_one_of(char c, std::string_view set) {
  return set.find(c) != set.npos;
}

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > kLabelMax || label.front() == '-' || label.back() == '-')
    return false;
  return std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}

bool is_dotted_name(std::string_view name) {
  while (true) {
    const std::size_t dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == name.npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool is_ipv6_literal(std::string_view text) {
  if (text.size() < 4 || text.front() != '[' || text.back() != ']') return false;
  const std::string_view inner = text.substr(1, text.size() - 2);
  return inner.find(':') != inner.npos && core::IpAddress::parse(inner).has_value();
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// What ends in such a label is an address to inet_aton(3), which getaddrinfo() asks first: 127.1
// and 0x7f000001 would be 127.0.0.1.
bool is_number_to_resolvers(std::string_view label) {
  if (label.starts_with("0x") || label.starts_with("0X")) {
    label.remove_prefix(2);
    return std::ranges::all_of(label, [](char c) { return hex_value(c) >= 0; });
  }
  return std::ranges::all_of(label, is_digit);
}

// RFC 3986 §3.3: pchar or '/'.
bool is_path_character(char c) {
  return is_alnum(c) || is_one_of(c, "-._~!$&'()*+,;=:@/");
}
bool is_unreserved(char c) {
  return is_alnum(c) || is_one_of(c, "-._~");
}

// Matching decodes escapes of unreserved characters, so a prefix with one would match nothing.
bool has_good_escapes(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      if (!is_path_character(path[i])) return false;
      continue;
    }
    if (i + 2 >= path.size() || hex_value(path[i + 1]) < 0 || hex_value(path[i + 2]) < 0)
      return false;
    if (is_unreserved(static_cast<char>(hex_value(path[i + 1]) * 16 + hex_value(path[i + 2]))))
      return false;
    i += 2;
  }
  return true;
}

bool has_good_segments(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);  // the '/'
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment.empty() || segment == "." || segment == "..") return false;
    path.remove_prefix(segment.size());
  }
  return true;
}

}  // namespace

bool is_object_name(std::string_view text) {
  if (text.empty() || text.size() > kNameMax || !is_alnum(text.front())) return false;
  return std::ranges::all_of(text, [](char c) { return is_alnum(c) || is_one_of(c, "._-"); });
}

bool is_salt(std::string_view text) {
  static_assert(core::limits::kSaltMax == 256, "kSaltWanted names it");
  return text.size() <= core::limits::kSaltMax && is_printable(text);
}

bool is_token(std::string_view text) {
  if (text.empty() || text.size() > kNameMax) return false;
  return std::ranges::all_of(text,
                             [](char c) { return is_alnum(c) || is_one_of(c, "!#$%&'*+-.^_`|~"); });
}

bool is_query_name(std::string_view text) {
  if (text.empty() || text.size() > kNameMax) return false;
  // Compared byte by byte with the query as it was received, where nothing else can stand.
  return std::ranges::all_of(
      text, [](char c) { return c > ' ' && c < 0x7F && !is_one_of(c, "&=#\"<>"); });
}

std::optional<std::string> normal_host(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.size() > kHostNameMax) return std::nullopt;
  const std::string_view name = text.starts_with("*.") ? text.substr(2) : text;
  if (!is_dotted_name(name) && !is_ipv6_literal(text)) return std::nullopt;
  std::string host(text);
  std::ranges::transform(host, host.begin(), lower);
  return host;
}

std::optional<std::string> normal_lookup_name(std::string_view text) {
  std::string_view name = text;
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() > kHostNameMax || !is_dotted_name(name)) return std::nullopt;
  if (is_number_to_resolvers(name.substr(name.rfind('.') + 1))) return std::nullopt;
  std::string host(text);
  std::ranges::transform(host, host.begin(), lower);
  return host;
}

std::optional<std::string> normal_path_prefix(std::string_view text) {
  if (!text.starts_with('/') || text.size() > kPathPrefixMax) return std::nullopt;
  if (text == "/") return "/";
  if (text.ends_with('/')) text.remove_suffix(1);
  if (!has_good_escapes(text) || !has_good_segments(text)) return std::nullopt;
  return std::string(text);
}

bool is_path_pattern(std::string_view text) {
  if (text.empty() || text.size() > core::limits::kAssetPatternMax) return false;
  if (text.front() != '/' && text.front() != '*') return false;
  if (text.find('*') != text.rfind('*') || !has_good_escapes(text)) return false;
  // A segment with the star in it can be more than its dots.
  for (std::size_t at = text.find('/'); at != text.npos; at = text.find('/', at + 1)) {
    const std::string_view segment = text.substr(at + 1, text.find('/', at + 1) - at - 1);
    if (segment == "." || segment == "..") return false;
  }
  return true;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace sluice::config
