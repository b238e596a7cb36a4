#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::config {

/// Bytes of the well-formed character that `text` begins with (RFC 3629: no overlong forms, no
/// surrogates, at most U+10FFFF); 0: it begins with something else. Requires: not empty.
std::size_t utf8_length(std::string_view text);

/// Characters of well-formed text.
std::size_t count_characters(std::string_view text);

/// Not empty, well-formed, and without control characters: what a name or a path in a configuration
/// may be.
bool is_printable(std::string_view text);

/// Whether a terminal would do something with a character instead of showing it: a control
/// character, or one that turns the direction of the text around it. Requires: well-formed.
bool is_obeyed(std::string_view character);

/// `text` for a message on a terminal: what it would obey and malformed bytes as `?`, at most 80
/// characters.
std::string shown(std::string_view text);

}  // namespace sluice::config
