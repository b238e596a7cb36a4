#include <fmt/format.h>

#include "cli/event_view.hpp"
#include "cli/exit_status.hpp"
#include "cli/sse_reader.hpp"
#include "cli/verbs.hpp"

namespace sluice::cli {

int run_events(const EventsOptions& options, const Console& console) {
  const Session session(console, "sluice events", options.where,
                        options.as_json ? Format::Json : Format::Text);
  SseReader reader;
  const auto print = [&](const ServerEvent& event) {
    console.print(options.as_json ? harmless_json(event.data) + "\n"
                                  : event_text(event.data, console.dress));
  };
  bool is_wanted = true;
  const int exit_status = session.follow(
      {.path = fmt::format("/v1/events?recent={}&follow={}", options.recent, options.follows),
       .body = ""},
      [&](std::string_view piece) {
        is_wanted = reader.feed(piece, print);
        console.flush();
        // Whoever reads from a pipe may have had enough.
        is_wanted = is_wanted && std::ferror(console.out) == 0;
        return is_wanted;
      });
  if (exit_status != kDone || !options.follows || !is_wanted) return exit_status;
  return session.refuse(kFailed, "the proxy ended the stream", "sluice status");
}

}  // namespace sluice::cli
