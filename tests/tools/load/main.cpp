#include <csignal>

#include "common/options.hpp"
#include "load/load.hpp"

namespace {

std::vector<std::string> split_cycle(const std::string& text) {
  std::vector<std::string> commands;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(';', at), text.size());
    commands.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return commands;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  tools::Options given(argc, argv, R"(test-load --address 127.0.0.1:8080 [options]
A keep-alive load of numbered requests that computes each user's bucket itself and judges every answer. One JSON report.
  --connections 64 --users 1000 --pipeline 1 --rps 0 --target / --host shop.test --size 1024 --post 0 --close
  --user-field X-User-Id                            who the user is goes there, not into the cookie `uid`
  --requests N | --seconds S | --changes N          when it ends
  --admin SOCKET --service shop --salt TEXT         judge pools; needs expose: [pool, generation]
  --rescues        the live pool may answer instead of the candidate; needs expose: [reason]
  --changes N --rate 50 --cycle "switch green;switch blue" --tail 0.3
  --live MS        a progress line every so often
  --commands       `sent`, `answered GEN LIVE BP`, `change COMMAND`, `quit` on stdin)");
  tools::LoadOptions options;
  options.address = given.text("address", options.address);
  options.host = given.text("host", options.host);
  options.target = given.text("target", options.target);
  options.connections = static_cast<std::size_t>(given.number("connections", 64));
  options.users = static_cast<std::uint32_t>(given.number("users", 1000));
  options.user_field = given.text("user-field", "");
  options.pipeline = static_cast<std::size_t>(given.number("pipeline", 1));
  options.rps = given.decimal("rps", 0);
  options.requests = static_cast<std::uint64_t>(given.number("requests", 0));
  options.seconds = given.decimal("seconds", 0);
  options.body_size = static_cast<std::size_t>(given.number("size", 1024));
  options.post_bytes = static_cast<std::size_t>(given.number("post", 0));
  options.closes = given.flag("close");
  options.takes_rescues = given.flag("rescues");
  options.admin_socket = given.text("admin", "");
  options.service = given.text("service", options.service);
  options.salt = given.text("salt", "");
  options.changes = static_cast<std::uint64_t>(given.number("changes", 0));
  options.change_rate = given.decimal("rate", 50);
  options.cycle = split_cycle(given.text("cycle", "switch green;switch blue"));
  options.tail = given.decimal("tail", 0.3);
  options.live_ms = static_cast<unsigned>(given.number("live", 0));
  options.reads_commands = given.flag("commands");
  given.done();
  if (options.body_size != 1024 && options.target == "/")
    options.target = "/?size=" + std::to_string(options.body_size);
  return tools::Load(options).run();
}
