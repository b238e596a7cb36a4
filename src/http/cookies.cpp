#include "sluice/http/cookies.hpp"

#include "http/char_class.hpp"

namespace sluice::http {
namespace {

std::optional<std::string_view> find_in_line(std::string_view line, std::string_view name) {
  while (true) {
    const std::size_t semicolon = line.find(';');
    const std::string_view pair = line.substr(0, semicolon);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && without_outer_blanks(pair.substr(0, equals)) == name) {
      return without_outer_blanks(pair.substr(equals + 1));
    }
    if (semicolon == std::string_view::npos) return {};
    line.remove_prefix(semicolon + 1);
  }
}

/// RFC 6265 §4.1.1: visible ASCII without DQUOTE, comma, semicolon and backslash.
bool is_cookie_octet(char c) {
  return c > 0x20 && c < 0x7F && c != '"' && c != ',' && c != ';' && c != '\\';
}

}  // namespace

std::optional<std::string_view> find_cookie(const HeaderBlock& fields, std::string_view name) {
  if (!fields.has(FieldId::Cookie)) return {};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Field field = fields[i];
    if (field.id != FieldId::Cookie) continue;
    if (const std::optional<std::string_view> value = find_in_line(field.value, name)) return value;
  }
  return {};
}

std::optional<std::string_view> find_query_parameter(std::string_view query,
                                                     std::string_view name) {
  while (true) {
    const std::size_t ampersand = query.find('&');
    const std::string_view pair = query.substr(0, ampersand);
    if (pair.size() > name.size() && pair[name.size()] == '=' && pair.starts_with(name)) {
      return pair.substr(name.size() + 1);
    }
    if (ampersand == std::string_view::npos) return {};
    query.remove_prefix(ampersand + 1);
  }
}

bool is_minted_cookie_value(std::string_view value) {
  constexpr std::size_t kSizeMax = 128;
  if (value.empty() || value.size() > kSizeMax) return false;
  for (const char c : value) {
    if (!is_cookie_octet(c)) return false;
  }
  return true;
}

}  // namespace sluice::http
