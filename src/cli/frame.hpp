#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::cli {

/// Size of a terminal in cells.
struct Screen {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// Cells that a character takes on a terminal: 0 for combining marks, 2 for East Asian wide ones
/// and emoji (Unicode TR 11, in its large blocks), else 1.
std::size_t cells_of(char32_t character);

/// `line` as far as it fits into `columns` cells. Colours (`ESC [ ... m`) take none and are kept
/// also behind the cut, so that each is switched off again; other control characters and bytes that
/// are not UTF-8 become `?`.
std::string cut_line(std::string_view line, std::size_t columns);

/// What redraws a screen with `text` in place: written from the upper left corner over what was
/// there, the rest of each line and of the screen wiped behind it, so nothing flickers. Never
/// scrolls and never wraps: lines are cut, and when there are more than rows the last row says how
/// many are missing. Pure.
std::string frame_of(std::string_view text, Screen screen);

}  // namespace sluice::cli
