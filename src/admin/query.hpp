#pragma once
#include <cstdint>
#include <string_view>

#include "sluice/core/result.hpp"

namespace sluice::admin {

struct NumberRange {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  std::uint64_t otherwise = 0;  // the parameter is absent
};
/// A whole number of the query `a=1&b=2`. Errors: BadInput, in words.
core::Result<std::uint64_t> number_in(std::string_view query, std::string_view name,
                                      NumberRange range);
/// `true` or `false` of the query. Errors: BadInput, in words.
core::Result<bool> flag_in(std::string_view query, std::string_view name, bool otherwise);
/// BadInput when the query has a parameter that is not among `known` (separated by spaces).
core::Status check_names(std::string_view query, std::string_view known);

}  // namespace sluice::admin
