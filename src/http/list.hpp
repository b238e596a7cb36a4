#pragma once
#include <string_view>

#include "http/char_class.hpp"

namespace sluice::http {

/// Calls visit(element) for each element of a comma-separated list (RFC 9110 §5.6.1), outer blanks
/// removed, empty ones included: who must not ignore them sees them. Commas inside quoted strings
/// separate too: none of the lists that are read with this may hold quoted strings.
template <typename Visit>
void for_each_element(std::string_view list, Visit visit) {
  while (true) {
    const std::size_t comma = list.find(',');
    visit(without_outer_blanks(list.substr(0, comma)));
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace sluice::http
