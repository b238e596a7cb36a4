#include "sluice/config/schema.hpp"

#include <fmt/format.h>

namespace sluice::config {

std::string Position::text() const {
  return line == 0 ? file : fmt::format("{}:{}:{}", file, line, column);
}

std::string Problem::text() const {
  return at.text() + ": " + what;
}

}  // namespace sluice::config
