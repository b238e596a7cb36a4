#include "admin/entity_tags.hpp"

#include <charconv>

namespace sluice::admin {

namespace {

using Tags = std::vector<std::uint64_t>;

void skip_space(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

bool skip(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

/// Exactly as entity_tag() writes it, without its quotes.
std::optional<std::uint64_t> generation_in(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || std::to_string(number) != digits) return std::nullopt;
  return number;
}

/// One tag off the front of `text`; false: there is none.
bool take_tag(std::string_view& text, Tags& tags) {
  const bool is_weak = skip(text, "W/");
  if (!skip(text, "\"")) return false;
  const std::size_t end = text.find('"');
  if (end == std::string_view::npos) return false;
  const auto generation = generation_in(text.substr(0, end));
  if (generation && !is_weak) tags.push_back(*generation);
  text.remove_prefix(end + 1);
  return true;
}

}  // namespace

std::string entity_tag(core::Generation generation) {
  return "\"" + std::to_string(generation.raw) + "\"";
}

core::Result<std::optional<Tags>> parse_if_match(std::string_view text) {
  const core::Error wrong{core::ErrorCode::BadInput, "",
                          "If-Match is * or a list of entity tags: \"43\""};
  skip_space(text);
  if (skip(text, "*")) {
    skip_space(text);
    if (!text.empty()) return wrong;
    return std::optional<Tags>();
  }
  Tags tags;
  bool has_any = false;
  while (!text.empty()) {
    if (text.front() == ',') {  // empty elements are allowed (RFC 9110 §5.6.1)
      text.remove_prefix(1);
      skip_space(text);
      continue;
    }
    if (!take_tag(text, tags)) return wrong;
    has_any = true;
    skip_space(text);
    if (!text.empty() && text.front() != ',') return wrong;
  }
  if (!has_any) return wrong;
  return std::optional<Tags>(std::move(tags));
}

}  // namespace sluice::admin
