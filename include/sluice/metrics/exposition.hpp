#pragma once
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "sluice/core/clock.hpp"

namespace sluice::metrics {

enum class MetricType : std::uint8_t { Counter, Gauge, Histogram };

struct Family {
  std::string_view name;  // sluice_*, base units, counters end in _total
  MetricType type = MetricType::Gauge;
  std::string_view help;
};
struct Label {
  std::string_view name;
  std::string_view value;  // any bytes
};

/// Writes the Prometheus text format, version 0.0.4. Families one after the other, each with its
/// samples.
class Exposition {
 public:
  /// Begins a family: HELP and TYPE lines. Requires: not begun before.
  void family(const Family& family);
  /// One sample of the family that was begun last.
  void sample(std::initializer_list<Label> labels, std::uint64_t value);
  void sample(std::uint64_t value) { sample({}, value); }
  void sample_ratio(std::initializer_list<Label> labels, double value);
  /// A duration or a point in time, in seconds.
  void sample_seconds(std::initializer_list<Label> labels, core::Nanos value);
  /// The buckets, the sum and the count of one histogram of the family. `counts` has one more than
  /// `bounds`, and is not cumulative.
  void histogram(std::initializer_list<Label> labels, std::span<const core::Nanos> bounds,
                 std::span<const std::uint64_t> counts, core::Nanos total);

  const std::string& text() const { return text_; }

 private:
  void line(std::string_view suffix, std::span<const Label> labels, std::string_view bound,
            std::string_view value);

  std::string text_;
  std::string name_;
};

/// What the format asks for: `\`, `"` and line breaks escaped. Bytes that are not UTF-8 become
/// U+FFFD, as one of them would make a scraper drop the whole page.
std::string escaped_label(std::string_view value);

}  // namespace sluice::metrics
