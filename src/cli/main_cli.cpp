#include "cli/main_cli.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <sstream>
#include <string_view>
#include <vector>

#include "cli/exit_status.hpp"
#include "cli/unknown_command.hpp"
#include "cli/verbs.hpp"
#include "config/names.hpp"
#include "config/utf8.hpp"
#include "sluice/config/schema.hpp"
#include "sluice/core/address.hpp"
#include "sluice/core/duration.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/core/units.hpp"

namespace sluice::cli {
namespace {

// Faster would only cost: a person reads it. Slower is a mistake in the unit.
constexpr core::Millis kWatchIntervalMin{100};
constexpr core::Millis kWatchIntervalMax{3'600'000};

/// What all verbs write into; CLI11 keeps pointers to it while it parses.
struct Parsed {
  RunOptions run{std::string(config::kDefaultFile), std::nullopt};
  std::string state;
  CheckOptions check{std::string(config::kDefaultFile), false};
  StatusOptions status;
  SwitchOptions switch_to;
  SplitOptions split;
  RollbackOptions rollback;
  EndpointOptions endpoint;
  ExplainOptions explain;
  EventsOptions events;
  AuditOptions audit;
  AuditVerifyOptions audit_verify;
  bool is_partial_audit = false;
  VersionOptions version;
};

// CLI11 shows what a check returns behind the option's name; empty means good.

std::string check_percent(const std::string& text) {
  const auto percent = core::BasisPoints::parse_percent(text, "PERCENT");
  return percent ? "" : percent.error().what;
}

std::string check_drain(const std::string& text) {
  const auto drain = core::parse_duration(text, "--drain");
  if (!drain) return drain.error().what;
  return *drain <= core::limits::kDrainDeadlineMax ? "" : "at most 24h";
}

std::string check_interval(const std::string& text) {
  const auto interval = core::parse_duration(text, "--interval");
  if (!interval) return interval.error().what;
  return *interval >= kWatchIntervalMin && *interval <= kWatchIntervalMax ? "" : "100ms to 1h";
}

std::string check_pool(const std::string& text) {
  return text == "blue" || text == "green" ? "" : "'" + text + "' is no pool: blue or green";
}

std::string check_reason(const std::string& text) {
  return text.size() <= core::limits::kReasonMax
             ? ""
             : "longer than " + std::to_string(core::limits::kReasonMax) + " bytes";
}

std::string check_user(const std::string& text) {
  // JSON, which the admin API speaks, holds no other bytes.
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = config::utf8_length(rest);
    if (length == 0) return "not UTF-8; a request in a file may hold any bytes: --request FILE";
    rest.remove_prefix(length);
  }
  return "";
}

std::string check_path(const std::string& text) {
  return text.starts_with('/') ? "" : "'" + text + "' does not begin with /";
}

std::string check_from(const std::string& text) {
  return text == "unix:" || core::IpAddress::parse(text)
             ? ""
             : "'" + text + "' is no IP address: 192.0.2.7, 2001:db8::1, or unix:";
}

std::string check_salt(const std::string& text) {
  return config::is_salt(text) ? "" : "expected " + std::string(config::kSaltWanted);
}

void add_where(CLI::App& verb, SocketChoice& where) {
  verb.add_option("--socket", where.socket,
                  "Admin socket of the proxy (else SLUICE_SOCKET, else the one in -c FILE)")
      ->type_name("PATH");
  verb.add_option("-c,--config", where.config_file, "Configuration that names the admin socket")
      ->type_name("FILE");
}

void add_service(CLI::App& verb, std::optional<std::string>& service) {
  verb.add_option("SERVICE", service, "Which service; may be left out when there is one")
      ->type_name("");
}

template <typename Options>
void add_change_options(CLI::App& verb, Options& options) {
  verb.add_option("--reason", options.reason, "Why, for the audit trail")
      ->type_name("TEXT")
      ->check(CLI::Validator(check_reason, ""));
  verb.add_flag("--json", options.as_json, "The proxy's JSON instead of text");
}

void add_run(CLI::App& app, Parsed& parsed) {
  CLI::App* verb = app.add_subcommand("run", "Run the proxy in the foreground");
  verb->add_option("-c,--config", parsed.run.config_file, "Configuration file")
      ->type_name("FILE")
      ->capture_default_str();
  verb->add_option("--state", parsed.state,
                   "Way out of a corrupt state file: `discard` starts from `initial`, `previous` "
                   "from the state before")
      ->type_name("discard|previous")
      ->check(CLI::IsMember({"discard", "previous"}));
}

void add_check(CLI::App& app, Parsed& parsed) {
  CLI::App* verb = app.add_subcommand("check", "Validate a configuration");
  verb->add_option("-c,--config", parsed.check.config_file, "Configuration file")
      ->type_name("FILE")
      ->capture_default_str();
  verb->add_flag("--print", parsed.check.prints,
                 "Print the effective configuration, defaults filled in");
}

void add_status(CLI::App& app, Parsed& parsed) {
  CLI::App* verb =
      app.add_subcommand("status", "Live pools, splits, endpoints, drains, generation");
  add_service(*verb, parsed.status.service);
  CLI::Option* watch =
      verb->add_flag("-w,--watch", parsed.status.watches, "Show it again and again, in place");
  verb->add_option("--interval", parsed.status.interval, "How often --watch looks, 100ms to 1h")
      ->type_name("1s")
      ->needs(watch)
      ->check(CLI::Validator(check_interval, ""));
  verb->add_flag("--json", parsed.status.as_json, "The proxy's JSON instead of text");
  add_where(*verb, parsed.status.where);
}

void add_switch(CLI::App& app, Parsed& parsed) {
  SwitchOptions& options = parsed.switch_to;
  CLI::App* verb =
      app.add_subcommand("switch", "Make a pool live for everybody, in one atomic step");
  verb->add_option("POOL", options.pool, "blue or green")
      ->required()
      ->type_name("")
      ->check(CLI::Validator(check_pool, ""));
  add_service(*verb, options.service);
  verb->add_flag("--all", options.all, "Every service, in one generation");
  verb->add_flag("--wait", options.waits,
                 "Return when the old pool is drained, and say how that ended");
  verb->add_option("--drain", options.drain, "Deadline of this drain; 0s cuts at once, at most 24h")
      ->type_name("30s")
      ->check(CLI::Validator(check_drain, ""));
  verb->add_option("--if-generation", options.if_generation,
                   "Only when nothing changed since this generation")
      ->type_name("N");
  verb->add_flag("--force", options.is_forced,
                 "Also when no endpoint of the pool accepts connections");
  verb->add_flag("--dry-run", options.is_dry_run, "Say what would change and drain; change nothing")
      ->excludes("--wait");
  add_change_options(*verb, options);
  add_where(*verb, options.where);
}

void add_split(CLI::App& app, Parsed& parsed) {
  SplitOptions& options = parsed.split;
  CLI::App* verb = app.add_subcommand("split", "Give the candidate a share of the users; opens it");
  verb->add_option("PERCENT", options.percent, "0 to 100, at most two decimals: 10, 12.5%, 0.01%")
      ->required()
      ->type_name("")
      ->check(CLI::Validator(check_percent, ""));
  add_service(*verb, options.service);
  verb->add_option("--salt", options.salt, "Draw the users anew (default: keep the salt)")
      ->type_name("TEXT")
      ->check(CLI::Validator(check_salt, ""));
  verb->add_flag("--dry-run", options.is_dry_run,
                 "Say what would change, and for how many; change nothing");
  verb->add_option("--if-generation", options.if_generation,
                   "Only when nothing changed since this generation")
      ->type_name("N");
  add_change_options(*verb, options);
  add_where(*verb, options.where);
}

void add_rollback(CLI::App& app, Parsed& parsed) {
  RollbackOptions& options = parsed.rollback;
  CLI::App* verb = app.add_subcommand(
      "rollback", "Undo the split, or else the last switch; harmless when repeated");
  add_service(*verb, options.service);
  verb->add_flag("--all", options.all, "Every service, in one generation");
  add_change_options(*verb, options);
  add_where(*verb, options.where);
}

struct EndpointWords {
  EndpointVerb verb;
  const char* name;
  const char* help;
};
constexpr EndpointWords kEndpointVerbs[] = {
    {EndpointVerb::Drain, "drain",
     "No new requests; what runs there ends by itself (status: draining)"},
    {EndpointVerb::Enable, "enable", "Takes requests again"},
    {EndpointVerb::Disable, "disable",
     "Out of use: no new requests until it is enabled (status: disabled)"},
};

void add_endpoint(CLI::App& app, Parsed& parsed) {
  EndpointOptions& options = parsed.endpoint;
  CLI::App* group = app.add_subcommand(
      "endpoint", "Take one endpoint of a pool out, or back in; lasts over restarts");
  group->require_subcommand(1);
  for (const EndpointWords& words : kEndpointVerbs) {
    CLI::App* verb = group->add_subcommand(words.name, words.help);
    verb->add_option("ENDPOINT", options.endpoint,
                     "As `sluice status` shows it; POOL/ENDPOINT when it is in both pools")
        ->required()
        ->type_name("");
    add_service(*verb, options.service);
    verb->add_option("--if-generation", options.if_generation,
                     "Only when nothing changed since this generation")
        ->type_name("N");
    if (words.verb != EndpointVerb::Enable) {
      verb->add_flag("--force", options.is_forced,
                     "Also the last usable endpoint of the live pool");
    }
    add_change_options(*verb, options);
    add_where(*verb, options.where);
  }
}

EndpointVerb chosen_endpoint_verb(const CLI::App& group) {
  const std::string name = group.get_subcommands().front()->get_name();
  for (const EndpointWords& words : kEndpointVerbs) {
    if (name == words.name) return words.verb;
  }
  core::unreachable();
}

void add_explain(CLI::App& app, Parsed& parsed) {
  ExplainOptions& options = parsed.explain;
  CLI::App* verb = app.add_subcommand(
      "explain", "Which pool a user or a request gets, and why; sends nothing to an endpoint");
  verb->add_option("SERVICE", options.service,
                   "Which service; else the one that host and path lead to, or the only one")
      ->type_name("");
  verb->add_option("--user", options.user, "An identity, as the service would find it")
      ->type_name("ID")
      ->check(CLI::Validator(check_user, ""));
  verb->add_option("--path", options.path, "Path of the user's request (default: /)")
      ->type_name("PATH")
      ->needs("--user")
      ->check(CLI::Validator(check_path, ""));
  verb->add_option("--host", options.host, "Host of the user's request")
      ->type_name("HOST")
      ->needs("--user");
  verb->add_option("--request", options.request_file,
                   "The head of an HTTP/1.1 request, byte by byte; - is stdin")
      ->type_name("FILE")
      ->excludes("--user");
  verb->add_option("--from", options.from, "Address of the client, or unix: (default: 127.0.0.1)")
      ->type_name("ADDRESS")
      ->check(CLI::Validator(check_from, ""));
  verb->add_option("--listener", options.listener, "Where it comes in (default: the first)")
      ->type_name("NAME");
  verb->add_flag("--json", options.as_json, "The proxy's JSON instead of text");
  add_where(*verb, options.where);
}

void add_events(CLI::App& app, Parsed& parsed) {
  CLI::App* verb = app.add_subcommand(
      "events", "What has happened: changes, drains, endpoints, problems; newest last");
  verb->add_flag("-f,--follow", parsed.events.follows, "Go on with what happens from now on");
  verb->add_option("-n,--recent", parsed.events.recent, "Begin with so many, at most 1024")
      ->type_name("N")
      ->check(
          CLI::Range(std::uint64_t{0}, std::uint64_t{core::limits::kEventsKept}).description(""))
      ->capture_default_str();
  verb->add_flag("--json", parsed.events.as_json, "One JSON object per line instead of text");
  add_where(*verb, parsed.events.where);
}

void add_audit(CLI::App& app, Parsed& parsed) {
  CLI::App* verb =
      app.add_subcommand("audit", "The newest changes: when, what, by whom, why; newest last");
  verb->add_option("-n,--limit", parsed.audit.limit, "How many, at most 1000")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{core::limits::kAuditTailLines})
                  .description(""))
      ->capture_default_str();
  verb->add_flag("--json", parsed.audit.as_json, "The proxy's JSON instead of text");
  add_where(*verb, parsed.audit.where);
  verb->require_subcommand(0, 1);

  AuditVerifyOptions& options = parsed.audit_verify;
  CLI::App* verify = verb->add_subcommand(
      "verify", "Check all audit files, and their end against state.json; needs no running proxy");
  verify->add_option("--state-dir", options.state_dir, "Where the files are")->type_name("DIR");
  verify->add_option("-c,--config", options.config_file, "Configuration that names the directory")
      ->type_name("FILE");
  verify->add_flag("--partial", parsed.is_partial_audit,
                   "The oldest files are archived elsewhere, or this is the archive");
  verify->add_flag("--json", options.as_json, "JSON instead of text");
}

void add_version(CLI::App& app, Parsed& parsed) {
  CLI::App* verb = app.add_subcommand("version", "Print the version");
  verb->add_flag("--json", parsed.version.as_json, "JSON instead of text");
}

std::vector<std::string> verbs_of(const CLI::App& app) {
  std::vector<std::string> names;
  const auto verbs = app.get_subcommands([](const CLI::App*) { return true; });
  names.reserve(verbs.size());
  for (const CLI::App* verb : verbs) names.push_back(verb->get_name());
  return names;
}

/// CLI11 takes a word that is no verb for a missing verb, whatever follows.
std::optional<std::string> wrong_command(const CLI::App& app, int argc, const char* const* argv) {
  if (argc < 2 || std::string_view(argv[1]).starts_with('-')) return std::nullopt;
  const std::vector<std::string> names = verbs_of(app);
  const std::vector<std::string_view> known(names.begin(), names.end());
  return unknown_command(argv[1], known);
}

/// A word behind a group that is none of its verbs.
std::optional<std::string> wrong_verb(const CLI::App& group, int argc, const char* const* argv) {
  const std::vector<std::string> names = verbs_of(group);
  if (names.empty() || argc < 3 || std::string_view(argv[2]).starts_with('-')) return std::nullopt;
  const std::vector<std::string_view> known(names.begin(), names.end());
  auto text = unknown_command(argv[2], known);
  if (!text) return std::nullopt;
  *text += (text->ends_with('?') ? " There is " : "; there is ") + names.front();
  for (std::size_t i = 1; i < names.size(); ++i) *text += ", " + names[i];
  return text;
}

/// `sluice switch POOL [SERVICE]`: how the command is written.
std::string usage_of(const CLI::App& verb, const std::string& name) {
  std::string usage = name;
  const CLI::App* shown = &verb;
  const auto parts = verb.get_subcommands([](const CLI::App*) { return true; });
  if (!parts.empty()) {
    std::string words = parts.front()->get_name();
    for (std::size_t i = 1; i < parts.size(); ++i) words += "|" + parts[i]->get_name();
    const bool is_needed = verb.get_require_subcommand_min() > 0;
    usage += is_needed ? " " + words : " [" + words + "]";
    if (is_needed) shown = parts.front();
  }
  for (const CLI::Option* option : shown->get_options()) {
    if (!option->get_positional()) continue;
    const std::string word = option->get_name(true);
    usage += option->get_required() ? " " + word : " [" + word + "]";
  }
  return usage;
}

int usage_error(const CLI::App& app, const CLI::ParseError& error, const Console& console) {
  const CLI::App* verb = &app;
  std::string name = "sluice";
  while (!verb->get_subcommands().empty()) {
    verb = verb->get_subcommands().front();
    name += " " + verb->get_name();
  }
  const bool is_missing = error.get_name() == "RequiredError" && verb->get_subcommands().empty() &&
                          !verb->get_subcommands({}).empty();
  const std::string what = is_missing ? "which command?" : harmless(error.what());
  console.complain(name + ": " + what + "\n  try: " + usage_of(*verb, name) + ", or " + name +
                   " --help\n");
  return kUsage;
}

/// Combinations that no single option can check.
std::optional<std::string> contradiction(const CLI::App& app, const Parsed& parsed) {
  const bool asks_explain = app.got_subcommand("explain");
  if (parsed.switch_to.all && parsed.switch_to.service)
    return "sluice switch: SERVICE or --all, not both";
  if (parsed.rollback.all && parsed.rollback.service)
    return "sluice rollback: SERVICE or --all, not both";
  if (asks_explain && !parsed.explain.user && !parsed.explain.request_file) {
    return "sluice explain: whose pool? --user ID or --request FILE\n"
           "  try: sluice explain --user user-1";
  }
  return std::nullopt;
}

int dispatch(const CLI::App& app, Parsed& parsed, const Verbs& hooks, const Console& console) {
  const std::string verb = app.get_subcommands().front()->get_name();
  if (verb == "run") {
    if (!parsed.state.empty())
      parsed.run.state = parsed.state == "discard" ? StateMode::Discard : StateMode::Previous;
    return hooks.run(parsed.run);
  }
  if (verb == "check") return run_check(parsed.check, console);
  if (verb == "status") return run_status(parsed.status, console);
  if (verb == "switch") return run_switch(parsed.switch_to, console);
  if (verb == "split") return run_split(parsed.split, console);
  if (verb == "rollback") return run_rollback(parsed.rollback, console);
  if (verb == "endpoint") {
    parsed.endpoint.verb = chosen_endpoint_verb(*app.get_subcommands().front());
    return run_endpoint(parsed.endpoint, console);
  }
  if (verb == "explain") return run_explain(parsed.explain, console);
  if (verb == "events") return run_events(parsed.events, console);
  if (verb == "audit") {
    if (app.get_subcommands().front()->get_subcommands().empty())
      return run_audit(parsed.audit, console);
    // `audit --json verify` means what `audit verify --json` does.
    AuditVerifyOptions& verify = parsed.audit_verify;
    verify.as_json = verify.as_json || parsed.audit.as_json;
    if (verify.config_file.empty()) verify.config_file = parsed.audit.where.config_file;
    if (parsed.is_partial_audit) verify.start = AuditStart::Any;
    return run_audit_verify(parsed.audit_verify, hooks, console);
  }
  return run_version(parsed.version, hooks.version, console);
}

}  // namespace

int run_cli(int argc, char** argv, const Verbs& hooks) {
  return run_cli(argc, argv, hooks, process_console());
}

int run_cli(int argc, const char* const* argv, const Verbs& hooks, const Console& console) {
  CLI::App app("Sluice: a blue-green traffic switching proxy", "sluice");
  app.set_version_flag("--version", "sluice " + hooks.version);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  Parsed parsed;
  add_run(app, parsed);
  add_check(app, parsed);
  add_status(app, parsed);
  add_switch(app, parsed);
  add_split(app, parsed);
  add_rollback(app, parsed);
  add_endpoint(app, parsed);
  add_explain(app, parsed);
  add_events(app, parsed);
  add_audit(app, parsed);
  add_version(app, parsed);
  if (const auto wrong = wrong_command(app, argc, argv)) {
    console.complain("sluice: " + *wrong + "\n  try: sluice --help\n");
    return kUsage;
  }
  if (argc >= 3 && !std::string_view(argv[1]).starts_with('-')) {
    const CLI::App& group = *app.get_subcommand(argv[1]);
    const std::string name = "sluice " + group.get_name();
    if (const auto wrong = wrong_verb(group, argc, argv)) {
      console.complain(name + ": " + *wrong + "\n  try: " + usage_of(group, name) + "\n");
      return kUsage;
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    std::ostringstream text;
    const int exit_status = app.exit(asked, text, text);
    console.print(text.str());
    return exit_status;
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error, console);
  }
  if (const auto wrong = contradiction(app, parsed)) {
    console.complain(*wrong + "\n");
    return kUsage;
  }
  return dispatch(app, parsed, hooks, console);
}

}  // namespace sluice::cli
