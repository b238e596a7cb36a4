#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

#include "sluice/http/message.hpp"

namespace sluice::http {

/// Reads strict field lines (RFC 9112 §5) from the beginning of `lines` up to and including the
/// empty line, which must be its end. More lines than `count_max`: 431; every other refusal is 400.
/// `out` has been reset; it keeps the lines that were read before a refusal.
std::optional<Refusal> scan_field_lines(std::string_view lines, std::size_t count_max,
                                        HeaderBlock& out);

/// Why the octet at `at` may stand in no field value and no start line.
Refusal bad_octet(const char* at, const char* end);

}  // namespace sluice::http
