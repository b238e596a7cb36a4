#include "cli/frame.hpp"

#include "cli/status_view.hpp"
#include "support/catch.hpp"

using namespace sluice;
using namespace sluice::cli;

TEST_CASE("frame: characters take the cells that a terminal gives them", "[cli][frame]") {
  CHECK(cells_of(U'a') == 1);
  CHECK(cells_of(U'█') == 1);
  CHECK(cells_of(U'é') == 1);
  CHECK(cells_of(U'\u0301') == 0);
  CHECK(cells_of(U'\u200D') == 0);
  CHECK(cells_of(U'漢') == 2);
  CHECK(cells_of(U'한') == 2);
  CHECK(cells_of(U'Ａ') == 2);
  CHECK(cells_of(U'🚀') == 2);
}

TEST_CASE("frame: a line is cut by cells, not by bytes", "[cli][frame]") {
  CHECK(cut_line("abc", 4) == "abc");
  CHECK(cut_line("abc", 3) == "abc");
  CHECK(cut_line("abc", 2) == "ab");
  CHECK(cut_line("abc", 0).empty());
  CHECK(cut_line("äöü", 2) == "äö");
  CHECK(cut_line("漢字", 4) == "漢字");
  CHECK(cut_line("漢字", 3) == "漢");  // half a character is none
  CHECK(cut_line("漢a", 1).empty());   // and what follows does not move into its place
  CHECK(cut_line("e\u0301x", 1) == "e\u0301");
  CHECK(cut_line("██░░", 3) == "██░");
}

TEST_CASE("frame: colours take no cells and are switched off behind the cut", "[cli][frame]") {
  CHECK(cut_line("\x1b[32mgreen\x1b[0m!", 5) == "\x1b[32mgreen\x1b[0m");
  CHECK(cut_line("\x1b[32mgreen\x1b[0m!", 2) == "\x1b[32mgr\x1b[0m");
  CHECK(cut_line("\x1b[1;31mx", 0) == "\x1b[1;31m");
}

TEST_CASE("frame: what would move the cursor or is no UTF-8 becomes a question mark",
          "[cli][frame]") {
  CHECK(cut_line("a\tb\rc\x7F", 9) == "a?b?c?");
  CHECK(cut_line("\x1b[2J", 9) == "?[2J");
  CHECK(cut_line("\x1b[", 9) == "?[");
  CHECK(cut_line("\x1b", 9) == "?");
  CHECK(cut_line("\xFF\xC3", 9) == "??");
  CHECK(cut_line("\xC2\x9B", 9) == "?");
}

TEST_CASE("frame: lines are written over the old ones, and the rest is wiped", "[cli][frame]") {
  CHECK(frame_of("ab\ncd\n", {10, 5}) == "\x1b[Hab\x1b[K\r\ncd\x1b[K\r\n\x1b[J");
  CHECK(frame_of("ab\n\ncd", {10, 5}) == "\x1b[Hab\x1b[K\r\n\x1b[K\r\ncd\x1b[K\r\n\x1b[J");
  CHECK(frame_of("", {10, 5}) == "\x1b[H\x1b[J");
}

TEST_CASE("frame: the last cell of a full line is not wiped", "[cli][frame]") {
  CHECK(frame_of("abcd\n", {4, 2}) == "\x1b[Habcd\r\n\x1b[J");
  CHECK(frame_of("abcde\n", {4, 2}) == "\x1b[Habcd\r\n\x1b[J");
  CHECK(frame_of("abc\n", {4, 2}) == "\x1b[Habc\x1b[K\r\n\x1b[J");
}

TEST_CASE("frame: it never scrolls", "[cli][frame]") {
  CHECK(frame_of("a\nb\n", {4, 2}) == "\x1b[Ha\x1b[K\r\nb\x1b[K");
  CHECK(frame_of("a\nb\nc\n", {60, 2}) ==
        "\x1b[Ha\x1b[K\r\n... 2 more lines: a taller window, or one SERVICE\x1b[K");
  CHECK(frame_of("a\nb\nc\n", {8, 1}) == "\x1b[H... 3 mo");
  CHECK(frame_of("a\n", {1, 0}) == "\x1b[Ha");
}

TEST_CASE("watch: trouble comes first, and what is below is said to be old", "[cli][frame]") {
  using namespace std::chrono_literals;
  const core::WallTime noon = *parse_rfc3339("2026-01-31T12:00:00.000Z");
  WatchView view;
  view.trouble = "no proxy answers at /x: Connection \x1brefused";
  CHECK(watch_frame(view, {80, 24}, {}, noon) ==
        "\x1b[Hno proxy answers at /x: Connection ?refused\x1b[K\r\ntrying again\x1b[K\r\n\x1b[J");
  view.status = StatusAnswer{42, true, "0.1.0", 2, {}, {}};
  view.seen = noon;
  const std::string frame = watch_frame(view, {80, 24}, {}, noon + 7s);
  CHECK(
      frame.find("trying again; below is what was true 7 s ago\x1b[K\r\n\x1b[K\r\nsluice 0.1.0") !=
      std::string::npos);
  view.trouble.clear();
  CHECK(watch_frame(view, {80, 24}, {}, noon).starts_with("\x1b[Hsluice 0.1.0   generation 42"));
}
