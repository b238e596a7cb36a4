#include <cerrno>
#include <cstring>
#include <memory>

#include "cli/exit_status.hpp"
#include "cli/explain_view.hpp"
#include "cli/verbs.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::cli {
namespace {

// One byte more than any head may have: enough for the proxy to see that it is too large.
constexpr std::size_t kRequestRead = core::limits::kRequestHeadMax + 1;
static_assert((kRequestRead + 2) / 3 * 4 + 1024 <= core::limits::kAdminBodyMax);

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

core::Result<std::string> read_request(const std::string& name) {
  const auto failed = [&name] {
    return core::Error{core::ErrorCode::Io, name, std::strerror(errno)};
  };
  const std::unique_ptr<std::FILE, CloseFile> file(name == "-" ? stdin
                                                               : std::fopen(name.c_str(), "rb"));
  if (!file) return failed();
  std::string bytes(kRequestRead, '\0');
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file.get()));
  if (std::ferror(file.get()) != 0) return failed();
  return bytes;
}

}  // namespace

int run_explain(const ExplainOptions& options, const Console& console) {
  std::string command = "sluice explain";
  if (options.user) command += " --user " + harmless(*options.user);
  if (options.request_file) command += " --request " + *options.request_file;
  if (options.service) command += " " + *options.service;
  const Session session(console, command, options.where,
                        options.as_json ? Format::Json : Format::Text);
  ExplainBody body{.user = options.user,
                   .host = options.host,
                   .path = options.path,
                   .request = std::nullopt,
                   .from = options.from,
                   .listener = options.listener};
  if (options.request_file) {
    core::Result<std::string> bytes = read_request(*options.request_file);
    if (!bytes) return session.refuse(kFailed, "can't read " + bytes.error().text(), "");
    body.request = std::move(*bytes);
  }
  const std::string name = options.service.value_or("");
  const std::string path =
      name.empty() ? "/v1/explain" : "/v1/services/" + url_encoded(name) + "/explain";
  const auto answer = session.ask({"POST", path, write_body(body)}, name);
  if (const int* failed = std::get_if<int>(&answer)) return *failed;
  const std::string& json = std::get<std::string>(answer);
  if (options.as_json) {
    session.print_json(json);
    return kDone;
  }
  const core::Result<ExplainAnswer> explained = read_explain(json);
  if (!explained) return session.refuse(kFailed, explained.error().text(), "sluice status");
  console.print(explain_text(*explained, console.dress));
  const bool is_head_refused =
      body.request && (explained->answer_status == 400 || explained->answer_status == 408);
  const std::string hint =
      is_head_refused ? request_hint(*body.request, *options.request_file) : "";
  if (!hint.empty()) console.complain("sluice explain: " + hint + "\n");
  return kDone;
}

}  // namespace sluice::cli
