#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "cli/admin_client.hpp"
#include "cli/console.hpp"
#include "cli/wire.hpp"

namespace sluice::cli {

/// Where the proxy is: --socket, else SLUICE_SOCKET, else admin.socket.path of -c FILE, else the
/// packaged path.
struct SocketChoice {
  std::string socket;       // --socket
  std::string config_file;  // -c
};

enum class Format { Text, Json };

/// One verb's conversation with a running proxy: finds the socket, chooses the service, words the
/// refusals.
class Session {
 public:
  /// `command` is what was asked, as it was typed: it opens every complaint. With Json the
  /// proxy's problem document goes to stdout beside the words on stderr, as its answers do.
  Session(const Console& console, std::string command, const SocketChoice& choice, Format format);

  /// Sends and hands back the body of a 200. Otherwise complains and returns the exit status: 3
  /// when nobody listens, else 1.
  std::variant<std::string, int> ask(const AdminRequest& request, std::string_view service) const;

  /// As ask(), without a word to the console: the error says in `what` why there is no answer.
  core::Result<std::string> look(const AdminRequest& request) const;

  /// As ask(), for an answer that goes on: its pieces are given to `take`. 0 when it has ended.
  int follow(const AdminRequest& request, const TakePiece& take) const;

  /// The service that was named, or the only one there is. Otherwise complains and returns the exit
  /// status.
  std::variant<std::string, int> choose_service(const std::optional<std::string>& named) const;
  std::variant<StatusAnswer, int> status() const;

  /// `command: why` and, on a line of its own, the command that would work (empty: none).
  int refuse(int exit_status, std::string_view why, std::string_view remedy) const;

  const std::string& command() const { return command_; }
  const Console& console() const { return console_; }
  Format format() const { return format_; }
  /// The proxy's own text on stdout, on a line of its own.
  void print_json(std::string_view json) const;

 private:
  std::variant<std::string, int> judge(core::Result<AdminAnswer> answer,
                                       const AdminRequest& request, std::string_view service) const;
  int refuse_socket() const;
  std::string remedy_for(const Problem& problem, std::string_view service) const;

  const Console& console_;
  std::string command_;
  Format format_;
  std::string socket_;
  std::string socket_problem_;  // the -c file could not be read
};

/// For paths: everything but unreserved characters as %XX.
std::string url_encoded(std::string_view text);

}  // namespace sluice::cli
