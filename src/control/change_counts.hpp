#pragma once
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "control/change.hpp"

namespace sluice::control {

/// How many changes were asked for, by kind and by what became of them. Dry runs are none.
class ChangeCounts {
 public:
  /// Begins with the rows that dashboards ask for, at 0.
  ChangeCounts();

  /// `result`: changed, unchanged, or the code of the refusal. Static text.
  void add(const ChangeRequest& request, std::string_view result);
  const std::map<std::pair<std::string_view, std::string_view>, std::uint64_t>& rows() const {
    return rows_;
  }

  static constexpr std::string_view kChanged = "changed";
  static constexpr std::string_view kUnchanged = "unchanged";

 private:
  std::map<std::pair<std::string_view, std::string_view>, std::uint64_t> rows_;
};

}  // namespace sluice::control
