#include "admin/query.hpp"

#include <charconv>
#include <optional>
#include <string>

namespace sluice::admin {

namespace {

core::Error bad(std::string what) {
  return {core::ErrorCode::BadInput, "", std::move(what)};
}

/// Takes the next `name=value` off the front.
std::string_view take_parameter(std::string_view& query) {
  const std::size_t end = query.find('&');
  const std::string_view parameter = query.substr(0, end);
  query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
  return parameter;
}

std::string_view name_of(std::string_view parameter) {
  return parameter.substr(0, parameter.find('='));
}

std::optional<std::string_view> value_in(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view parameter = take_parameter(query);
    if (name_of(parameter) != name) continue;
    return parameter.size() == name.size() ? std::string_view() : parameter.substr(name.size() + 1);
  }
  return std::nullopt;
}

bool is_among(std::string_view name, std::string_view known) {
  while (!known.empty()) {
    const std::size_t end = known.find(' ');
    if (known.substr(0, end) == name) return true;
    known.remove_prefix(end == std::string_view::npos ? known.size() : end + 1);
  }
  return false;
}

}  // namespace

core::Result<std::uint64_t> number_in(std::string_view query, std::string_view name,
                                      NumberRange range) {
  const auto text = value_in(query, name);
  if (!text) return range.otherwise;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  const bool is_whole = error == std::errc{} && end == text->data() + text->size();
  if (is_whole && number >= range.least && number <= range.most) return number;
  return bad(std::string(name) + " is a whole number, " + std::to_string(range.least) + " to " +
             std::to_string(range.most));
}

core::Result<bool> flag_in(std::string_view query, std::string_view name, bool otherwise) {
  const auto text = value_in(query, name);
  if (!text) return otherwise;
  if (*text == "true" || *text == "false") return *text == "true";
  return bad(std::string(name) + " is true or false");
}

core::Status check_names(std::string_view query, std::string_view known) {
  while (!query.empty()) {
    const std::string_view parameter = take_parameter(query);
    if (parameter.empty() || is_among(name_of(parameter), known)) continue;
    return bad("unknown parameter \"" + std::string(name_of(parameter).substr(0, 64)) +
               "\"; there is: " + std::string(known));
  }
  return core::ok();
}

}  // namespace sluice::admin
