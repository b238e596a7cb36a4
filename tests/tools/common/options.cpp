#include "common/options.hpp"

#include <fmt/core.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace tools {

Options::Options(int argc, char** argv, std::string usage) : usage_(std::move(usage)) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help") {
      fmt::print("{}\n", usage_);
      std::exit(0);
    }
    if (word.substr(0, 2) != "--") complain(fmt::format("'{}' is not an option", word));
    const bool has_value = i + 1 < argc && std::string_view(argv[i + 1]).substr(0, 2) != "--";
    given_[std::string(word.substr(2))] = has_value ? argv[++i] : "";
  }
}

std::string Options::text(const std::string& name, std::string_view fallback) {
  const auto found = given_.extract(name);
  return found.empty() ? std::string(fallback) : found.mapped();
}

std::int64_t Options::number(const std::string& name, std::int64_t fallback) {
  const auto found = given_.extract(name);
  if (found.empty()) return fallback;
  const std::string& value = found.mapped();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size()) {
    complain(fmt::format("--{} needs a whole number, not '{}'", name, value));
  }
  return number;
}

double Options::decimal(const std::string& name, double fallback) {
  const auto found = given_.extract(name);
  return found.empty() ? fallback : std::strtod(found.mapped().c_str(), nullptr);
}

bool Options::flag(const std::string& name) {
  return !given_.extract(name).empty();
}

void Options::done() {
  if (!given_.empty()) complain(fmt::format("no option --{}", given_.begin()->first));
}

void Options::complain(const std::string& about) const {
  fmt::print(stderr, "{}\n{}\n", about, usage_);
  std::exit(2);
}

}  // namespace tools
