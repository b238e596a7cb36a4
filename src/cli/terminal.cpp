#include "cli/terminal.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace sluice::cli {
namespace {

// Alternate screen and no cursor, and back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";

constexpr std::array kEnds{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

std::atomic<int> screen_fd{-1};  // what a signal handler has to leave
static_assert(std::atomic<int>::is_always_lock_free);

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return;  // the terminal has gone: nobody looks
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
}

/// Ends the process as the signal would have, with the screen left behind.
void on_end(int number) {
  const int fd = screen_fd.exchange(-1);
  if (fd >= 0) write_all(fd, kLeave);
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void on_redraw(int) {}  // it is there to interrupt wait()

void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

/// Stops the process as SIGTSTP would have, with the shell's screen, and goes on with ours. Within
/// wait() only, so no frame is half drawn.
void on_stop(int number) {
  const int was = errno;
  const int fd = screen_fd;
  write_all(fd, kLeave);
  handle(number, SIG_DFL);
  sigset_t stop, before;
  sigemptyset(&stop);
  sigaddset(&stop, number);
  std::raise(number);  // waits, as its handler runs
  sigprocmask(SIG_UNBLOCK, &stop, &before);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  handle(number, on_stop);
  write_all(fd, kEnter);
  errno = was;
}

/// They come in wait() only.
sigset_t held_back() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGWINCH, SIGTSTP, SIGCONT}) sigaddset(&set, number);
  return set;
}

}  // namespace

FullScreen::FullScreen(const Console& console) : fd_(fileno(console.out)) {
  console.flush();
  const sigset_t held = held_back();
  sigprocmask(SIG_BLOCK, &held, nullptr);
  handle(SIGWINCH, on_redraw);
  handle(SIGCONT, on_redraw);  // after SIGSTOP; after SIGTSTP on_stop() goes on
  // A shell without job control ignores it for its children.
  struct sigaction stop {};
  sigaction(SIGTSTP, nullptr, &stop);
  if (stop.sa_handler != SIG_IGN) handle(SIGTSTP, on_stop);
  screen_fd = fd_;
  for (const int number : kEnds) handle(number, on_end);
  write_all(fd_, kEnter);
}

FullScreen::~FullScreen() {
  if (screen_fd.exchange(-1) >= 0) write_all(fd_, kLeave);
  for (const int number : kEnds) handle(number, SIG_DFL);
  for (const int number : {SIGWINCH, SIGCONT, SIGTSTP}) handle(number, SIG_DFL);
  const sigset_t held = held_back();
  sigprocmask(SIG_UNBLOCK, &held, nullptr);
}

Screen FullScreen::size() const {
  winsize window{};
  if (ioctl(fd_, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
  return {window.ws_col, window.ws_row};
}

void FullScreen::draw(std::string_view frame) const {
  write_all(fd_, frame);
}

FullScreen::Woken FullScreen::wait(core::Nanos time) const {
  sigset_t open;
  sigprocmask(SIG_SETMASK, nullptr, &open);
  for (const int number : {SIGWINCH, SIGTSTP, SIGCONT}) sigdelset(&open, number);
  timespec left{};
  left.tv_sec = time.count() / 1'000'000'000;
  left.tv_nsec = time.count() % 1'000'000'000;
  return ppoll(nullptr, 0, &left, &open) < 0 ? Woken::Redraw : Woken::TimeIsUp;
}

bool can_redraw(const Console& console) {
  const char* const kind = std::getenv("TERM");
  return console.is_terminal && (kind == nullptr || std::string_view(kind) != "dumb");
}

}  // namespace sluice::cli
