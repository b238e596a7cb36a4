#include <poll.h>

#include <chrono>

#include "cli/exit_status.hpp"
#include "cli/status_view.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "sluice/core/duration.hpp"

namespace sluice::cli {
namespace {

using Steady = std::chrono::steady_clock;

/// Longer than the proxy ever takes; a look that hangs is told, and made again.
constexpr std::chrono::seconds kLookPatience{5};

/// `sluice status --watch`: what was seen last, and how it is shown.
class Watch {
 public:
  Watch(const StatusOptions& options, const Session& session, const AdminRequest& request)
      : options_(options),
        session_(session),
        request_(request),
        interval_(*core::parse_duration(options.interval, "--interval")) {
    request_.patience = kLookPatience;
  }

  /// Returns only when the first look fails, or nobody reads any more.
  int run(std::string_view service) {
    const auto first = session_.ask(request_, service);
    if (const int* failed = std::get_if<int>(&first)) return *failed;
    if (!take(std::get<std::string>(first)))
      return session_.refuse(kFailed, view_.trouble, "sluice version");
    if (can_redraw(session_.console()) && !options_.as_json) return redraw();
    return print();
  }

 private:
  [[noreturn]] int redraw() {
    const FullScreen screen(session_.console());
    while (true) {
      const auto due = Steady::now() + interval_;
      auto woken = FullScreen::Woken::Redraw;
      while (woken == FullScreen::Woken::Redraw) {
        screen.draw(watch_frame(view_, screen.size(), session_.console().dress,
                                std::chrono::system_clock::now()));
        woken = screen.wait(std::max<core::Nanos>(due - Steady::now(), core::Nanos::zero()));
      }
      look();
    }
  }

  /// For a pipe or a file: one picture after the other.
  int print() {
    const Console& console = session_.console();
    while (std::ferror(console.out) == 0) {
      if (view_.trouble.empty()) {
        console.print(options_.as_json ? json_ : text());
      } else if (!was_troubled_) {
        console.complain(session_.command() + ": " + view_.trouble + "; trying again\n");
      }
      was_troubled_ = !view_.trouble.empty();
      console.flush();
      poll(nullptr, 0, static_cast<int>(interval_.count()));
      look();
      if (!options_.as_json && view_.trouble.empty()) console.print("\n");
    }
    return kFailed;
  }

  std::string text() const {
    return status_text(*view_.status, session_.console().dress, std::chrono::system_clock::now());
  }

  void look() {
    const core::Result<std::string> seen = session_.look(request_);
    if (!seen) {
      view_.trouble = seen.error().what;
      return;
    }
    take(*seen);
  }

  bool take(const std::string& json) {
    core::Result<StatusAnswer> status = read_status(json);
    if (!status) {
      view_.trouble = status.error().text();
      return false;
    }
    view_.status = std::move(*status);
    view_.trouble.clear();
    view_.seen = std::chrono::system_clock::now();
    json_ = harmless_json(json) + (json.ends_with('\n') ? "" : "\n");
    return true;
  }

  const StatusOptions& options_;
  const Session& session_;
  AdminRequest request_;
  core::Millis interval_;
  WatchView view_;
  std::string json_;
  bool was_troubled_ = false;
};

}  // namespace

int run_status(const StatusOptions& options, const Console& console) {
  const std::string name = options.service.value_or("");
  const Session session(console, name.empty() ? "sluice status" : "sluice status " + name,
                        options.where, options.as_json ? Format::Json : Format::Text);
  const AdminRequest request{
      .path = name.empty() ? "/v1/status" : "/v1/status/" + url_encoded(name), .body = ""};
  if (options.watches) return Watch(options, session, request).run(name);
  const auto answer = session.ask(request, name);
  if (const int* failed = std::get_if<int>(&answer)) return *failed;
  const std::string& json = std::get<std::string>(answer);
  if (options.as_json) {
    session.print_json(json);
    return kDone;
  }
  const core::Result<StatusAnswer> status = read_status(json);
  if (!status) return session.refuse(kFailed, status.error().text(), "sluice version");
  console.print(status_text(*status, console.dress, std::chrono::system_clock::now()));
  return kDone;
}

}  // namespace sluice::cli
