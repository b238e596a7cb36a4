#include "config/expand.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/utf8.hpp"

namespace sluice::config {

namespace {

bool is_variable_name(std::string_view name) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && is_word(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_word(c) || is_digit(c); });
}

/// What stands for the inside of one `${...}`; an Error's `what` when it can't be.
core::Result<std::string> value_of(std::string_view inside, const Environment& environment) {
  const std::size_t colon = inside.find(":-");
  const std::string_view name = inside.substr(0, colon);
  const auto error = [](std::string what) {
    return core::Error{core::ErrorCode::BadInput, "", std::move(what)};
  };
  if (!is_variable_name(name)) {
    return error(
        fmt::format("'${{{}}}' names no variable, expected ${{NAME}} or ${{NAME:-default}}; $$ is "
                    "a dollar sign",
                    shown(inside)));
  }
  const std::optional<std::string> value = environment(name);
  const bool has_default = colon != inside.npos;
  if (has_default && (!value || value->empty())) return std::string(inside.substr(colon + 2));
  if (!value) {
    return error(fmt::format(
        "${{{0}}} is not set, expected a value in the environment or a default: ${{{0}:-default}}",
        name));
  }
  if (!value->empty() && !is_printable(*value)) {
    return error(
        fmt::format("the value of ${{{}}} is not printable text, expected one line without control "
                    "characters",
                    name));
  }
  return *value;
}

core::Result<std::string> expanded(std::string_view text, const Environment& environment) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("$$")) {
      out += '$';
      i += 2;
    } else if (rest.starts_with("${")) {
      const std::size_t end = rest.find('}');
      if (end == rest.npos) {
        return core::Error{
            core::ErrorCode::BadInput, "",
            fmt::format("'{}' has no '}}', expected ${{NAME}}; $$ is a dollar sign", shown(rest))};
      }
      auto value = value_of(rest.substr(2, end - 2), environment);
      if (!value) return value.error();
      out += *value;
      i += end + 1;
    } else {
      out += text[i++];
    }
  }
  return out;
}

}  // namespace

void expand(Reader& in, Node& node, const Environment& environment) {
  for (Node& child : node.children) expand(in, child, environment);
  if (node.kind != Node::Kind::Scalar || node.text.find('$') == node.text.npos) return;
  auto text = expanded(node.text, environment);
  if (text) {
    node.text = std::move(*text);
  } else {
    in.report(node.at, text.error().what);
    node.is_reported = true;
  }
}

}  // namespace sluice::config
