#pragma once
#include <string_view>

#include "cli/console.hpp"
#include "cli/frame.hpp"
#include "sluice/core/clock.hpp"

namespace sluice::cli {

/// The alternate screen of the terminal behind `console.out`, as long as it lives: the shell's
/// lines come back when it goes, before SIGINT, SIGTERM, SIGHUP and SIGQUIT end the process, and
/// while SIGTSTP (Ctrl-Z) has stopped it. At most one at a time; main thread only.
class FullScreen {
 public:
  explicit FullScreen(const Console& console);
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  /// As the terminal says now; 80 x 24 when it does not say.
  Screen size() const;
  /// One write, unless the terminal takes less at once.
  void draw(std::string_view frame) const;

  enum class Woken { TimeIsUp, Redraw };
  /// Until `time` has passed or the screen must be drawn again, which is not missed between two
  /// calls: the window has another size, or the process goes on after it was stopped.
  Woken wait(core::Nanos time) const;

 private:
  int fd_;
};

/// Whether frames can be drawn over each other there: a terminal that is not TERM=dumb.
bool can_redraw(const Console& console);

}  // namespace sluice::cli
