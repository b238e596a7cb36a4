#include <poll.h>

#include <chrono>

#include "cli/exit_status.hpp"
#include "cli/status_view.hpp"
#include "cli/verbs.hpp"

namespace sluice::cli {
namespace {

constexpr int kWatchMillis = 1000;

std::string picture(const StatusOptions& options, const Console& console, const std::string& json,
                    int& exit_status) {
  if (options.as_json) return json + (json.ends_with('\n') ? "" : "\n");
  const core::Result<StatusAnswer> status = read_status(json);
  if (!status) {
    console.complain("sluice status: " + status.error().text() + "\n");
    exit_status = kFailed;
    return "";
  }
  return status_text(*status, console.dress, std::chrono::system_clock::now());
}

}  // namespace

int run_status(const StatusOptions& options, const Console& console) {
  const std::string name = options.service.value_or("");
  const Session session(console, name.empty() ? "sluice status" : "sluice status " + name,
                        options.where, options.as_json ? Format::Json : Format::Text);
  const AdminRequest request{
      .path = name.empty() ? "/v1/status" : "/v1/status/" + url_encoded(name), .body = ""};
  while (true) {
    const auto answer = session.ask(request, name);
    if (const int* failed = std::get_if<int>(&answer)) return *failed;
    int exit_status = kDone;
    const std::string text = picture(options, console, std::get<std::string>(answer), exit_status);
    const bool redraws = options.watches && console.is_terminal && !options.as_json;
    // Home, the picture, then everything below it wiped: without the flicker of clearing first.
    console.print(redraws ? "\x1b[H\x1b[2J" + text : text);
    console.flush();
    if (!options.watches || exit_status != kDone) return exit_status;
    poll(nullptr, 0, kWatchMillis);
    if (!redraws && !options.as_json) console.print("\n");
  }
}

}  // namespace sluice::cli
