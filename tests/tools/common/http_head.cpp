#include "common/http_head.hpp"

#include <algorithm>
#include <charconv>

namespace tools {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

}  // namespace

bool iequals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<Head> find_head(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::size_t line = bytes.find("\r\n");
  Head head;
  head.size = end + 4;
  head.start_line = bytes.substr(0, line);
  head.fields = line == end ? std::string_view{} : bytes.substr(line + 2, end + 2 - (line + 2));
  return head;
}

std::optional<std::string_view> Head::field(std::string_view name) const {
  std::string_view rest = fields;
  while (!rest.empty()) {
    const std::size_t end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        iequals(line.substr(0, name.size()), name)) {
      return trimmed(line.substr(name.size() + 1));
    }
    rest.remove_prefix(std::min(rest.size(), end + 2));
  }
  return std::nullopt;
}

bool Head::says(std::string_view name, std::string_view token) const {
  const std::string_view value = field(name).value_or("");
  const auto hit = std::search(value.begin(), value.end(), token.begin(), token.end(),
                               [](char x, char y) { return lower(x) == lower(y); });
  return hit != value.end();
}

std::optional<std::uint64_t> Head::content_length() const {
  const auto value = field("content-length");
  if (!value) return std::nullopt;
  return to_number(*value);
}

std::string_view query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      return pair.substr(name.size() + 1);
    }
    query.remove_prefix(std::min(query.size(), end + 1));
  }
  return {};
}

std::uint64_t to_number(std::string_view text, std::uint64_t fallback) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end != text.data() ? number : fallback;
}

}  // namespace tools
