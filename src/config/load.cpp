#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "config/expand.hpp"
#include "config/node.hpp"
#include "config/sections.hpp"
#include "sluice/config/parse.hpp"
#include "sluice/core/limits.hpp"

/// From a file to a configuration: read, parse, substitute, read sections, validate.
namespace sluice::config {

namespace {

/// A descriptor that is closed at the end of its scope.
class File {
 public:
  explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

core::Error io_error() {
  return {core::ErrorCode::Io, "",
          fmt::format("can't be read: {}", std::generic_category().message(errno))};
}

core::Result<std::string> read_file(const std::string& path) {
  const File file(path);
  if (file.fd() < 0) return io_error();
  struct stat info {};
  if (::fstat(file.fd(), &info) != 0) return io_error();
  if (S_ISDIR(info.st_mode))
    return core::Error{core::ErrorCode::Io, "", "is a directory, expected a file"};
  std::string text;
  std::array<char, 64 * 1024> chunk;
  while (text.size() <= core::limits::kConfigFileMax) {
    const ssize_t count = ::read(file.fd(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_error();
    if (count == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
  return text;  // one that is too large is refused by the parser
}

}  // namespace

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

Loaded parse(std::string_view text, std::string_view file, const Environment& environment) {
  auto parsed = parse_yaml(text, file);
  if (const Problem* syntax = std::get_if<Problem>(&parsed)) return {std::nullopt, {*syntax}};
  Node& root = std::get<Node>(parsed);
  Reader in(file);
  expand(in, root, environment);
  Draft draft = read_config(in, root);
  validate(in, draft);
  if (in.problem_count() > 0) return {std::nullopt, in.take_problems()};
  draft.config.file = file;
  return {std::move(draft.config), {}};
}

Loaded load(const std::string& file, const Environment& environment) {
  const auto text = read_file(file);
  if (!text) return {std::nullopt, {Problem{{file, 0, 0}, text.error().what}}};
  return parse(*text, file, environment);
}

}  // namespace sluice::config
