#include "sluice/config/schema.hpp"

#include <fmt/format.h>

namespace sluice::config {

std::string_view text(LogFormat format) {
  return format == LogFormat::Json ? "json" : "combined";
}

std::string Position::text() const {
  if (line == 0) return file;
  return column == 0 ? fmt::format("{}:{}", file, line)
                     : fmt::format("{}:{}:{}", file, line, column);
}

std::string Problem::text() const {
  return at.text() + ": " + what;
}

}  // namespace sluice::config
