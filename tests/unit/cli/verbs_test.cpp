#include <cstdlib>
#include <fstream>

#include "cli/main_cli.hpp"
#include "fake_admin.hpp"
#include "sluice/core/limits.hpp"
#include "support/catch.hpp"

using namespace sluice;

namespace {

struct Ran {
  int exit_status = -1;
  std::string out;
  std::string err;
};

std::string text_of(std::FILE* file) {
  std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
  std::rewind(file);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

cli::AuditVerdict audit_verdict;  // what the next `audit verify` finds
std::string audit_asked;

/// `sluice ARGUMENTS...` in this process.
Ran run_sluice(std::vector<const char*> arguments, cli::RunOptions* run = nullptr) {
  arguments.insert(arguments.begin(), "sluice");
  cli::Console console{std::tmpfile(), std::tmpfile(), {}, false};
  cli::Verbs hooks{"9.8.7",
                   [run](const cli::RunOptions& options) {
                     if (run != nullptr) *run = options;
                     return 0;
                   },
                   [](const std::string& directory, cli::AuditStart start) {
                     audit_asked = directory + (start == cli::AuditStart::Any ? " partial" : "");
                     return audit_verdict;
                   }};
  Ran ran;
  ran.exit_status =
      cli::run_cli(static_cast<int>(arguments.size()), arguments.data(), hooks, console);
  ran.out = text_of(console.out);
  ran.err = text_of(console.err);
  return ran;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

const std::string kOneService =
    R"({"generation":5,"durable":true,"version":"0.1.0","workers":2,"listeners":[],
  "services":[{"name":"shop","generation":5,"live":"blue","candidate":"green","split_basis_points":0,"salt":"shop",
  "candidate_open":false,"drains":[],"pools":{}}]})";
const std::string kTwoServices =
    R"({"generation":5,"durable":true,"version":"0.1.0","workers":2,"listeners":[],
  "services":[{"name":"shop","generation":5,"live":"blue","pools":{}},{"name":"blog","generation":5,"live":"blue","pools":{}}]})";
const std::string kChanged =
    R"({"changed":true,"generation":6,"service":"shop","live":"green","split_basis_points":0,
  "durable":true,"took_us":{"persist":1,"flip":1,"adopted":1},"workers":{"total":2,"adopted":2,"missing":[]},
  "drain":{"outcome":"running","requests_cut":0,"tunnels_cut":0,"tunnels_kept":0}})";

FakeAdmin::Reply with_services(const std::string& status, int code, const std::string& change) {
  return [=](const std::string& request) {
    return request.starts_with("GET /v1/status") ? FakeAdmin::json(200, status)
                                                 : FakeAdmin::json(code, change);
  };
}

}  // namespace

TEST_CASE("cli: help and version exit 0 and go to stdout", "[cli]") {
  for (const char* flag : {"--help", "--version", "version"}) {
    const Ran ran = run_sluice({flag});
    INFO(flag);
    CHECK(ran.exit_status == 0);
    CHECK_FALSE(ran.out.empty());
    CHECK(ran.err.empty());
  }
  CHECK(has(run_sluice({"--version"}).out, "sluice 9.8.7"));
  CHECK(has(run_sluice({"switch", "--help"}).out, "--if-generation"));
}

TEST_CASE("cli: wrong usage exits 2 whatever CLI11 returns, with the way out on stderr", "[cli]") {
  const std::vector<std::vector<const char*>> wrong{
      {},
      {"frobnicate"},
      {"switch"},
      {"switch", "purple"},
      {"switch", "green", "shop", "extra"},
      {"switch", "green", "--drain", "soon"},
      {"switch", "green", "--drain", "25h"},
      {"switch", "green", "--if-generation", "x"},
      {"switch", "green", "shop", "--all"},
      {"split"},
      {"split", "101"},
      {"split", "1.234"},
      {"split", "ten"},
      {"split", ""},
      {"split", "10%%"},
      {"rollback", "shop", "--all"},
      {"status", "--nope"},
      {"run", "--state", "maybe"},
  };
  for (const auto& arguments : wrong) {
    std::string line;
    for (const char* word : arguments) line += std::string(word) + " ";
    const Ran ran = run_sluice(arguments);
    INFO(line << ran.err);
    CHECK(ran.exit_status == 2);
    CHECK(ran.out.empty());
    CHECK_FALSE(ran.err.empty());
  }
}

TEST_CASE("cli: a word that is no command is named, with the nearest one", "[cli]") {
  const Ran typo = run_sluice({"swtich", "green"});
  CHECK(typo.exit_status == 2);
  CHECK(has(typo.err, "unknown command 'swtich', did you mean 'switch'?"));
  const Ran strange = run_sluice({"frobnicate"});
  CHECK(strange.exit_status == 2);
  CHECK(has(strange.err, "unknown command 'frobnicate'\n"));
  CHECK_FALSE(has(run_sluice({"\x1b[2J"}).err, "\x1b"));
}

TEST_CASE("cli: a command of a later version is named as that", "[cli]") {
  for (const char* verb : {"rollout", "flag", "reload", "freeze"}) {
    const Ran ran = run_sluice({verb, "shop", "--json"});
    INFO(verb);
    CHECK(ran.exit_status == 2);
    CHECK(has(ran.err, "'" + std::string(verb) + "' is not supported by this version"));
  }
}

TEST_CASE("cli: reason and salt are judged before the proxy is asked", "[cli]") {
  const std::string nowhere = "/nonexistent/admin.sock";
  const std::string longest(core::limits::kReasonMax, 'x');
  const std::string too_long = longest + "x";
  for (const char* verb : {"switch", "rollback"}) {
    std::vector<const char*> line{verb, "--socket", nowhere.c_str(), "--reason"};
    if (verb[0] == 's') line.insert(line.begin() + 1, "green");
    line.push_back(longest.c_str());
    CHECK(run_sluice(line).exit_status == 3);
    line.back() = too_long.c_str();
    const Ran ran = run_sluice(line);
    CHECK(ran.exit_status == 2);
    CHECK(has(ran.err, "longer than 1024 bytes"));
  }
  for (const char* salt : {"", "a\nb"}) {
    CHECK(run_sluice({"split", "1", "--socket", nowhere.c_str(), "--salt", salt}).exit_status == 2);
  }
}

TEST_CASE("cli: version can be JSON", "[cli]") {
  const Ran ran = run_sluice({"version", "--json"});
  CHECK(ran.exit_status == 0);
  CHECK(ran.out == "{\"version\":\"9.8.7\"}\n");
}

TEST_CASE("cli: percent takes what the grammar allows", "[cli]") {
  FakeAdmin admin(with_services(kOneService, 200, kChanged));
  for (const char* percent : {"0", "12", "12%", "12.5", "0.01%", "100%"}) {
    INFO(percent);
    CHECK(run_sluice({"split", percent, "--socket", admin.path().c_str()}).exit_status == 0);
  }
}

TEST_CASE("cli: run hands over file and state mode", "[cli]") {
  cli::RunOptions run;
  CHECK(run_sluice({"run"}, &run).exit_status == 0);
  CHECK(run.config_file == "/etc/sluice/sluice.yaml");
  CHECK_FALSE(run.state.has_value());
  CHECK(run_sluice({"run", "-c", "x.yaml", "--state", "previous"}, &run).exit_status == 0);
  CHECK(run.config_file == "x.yaml");
  CHECK(run.state == cli::StateMode::Previous);
}

TEST_CASE("cli: nobody at the socket exits 3 and says how to start or find a proxy", "[cli]") {
  const Ran ran = run_sluice({"status", "--socket", "/nonexistent/admin.sock"});
  CHECK(ran.exit_status == 3);
  CHECK(has(ran.err, "/nonexistent/admin.sock"));
  CHECK(has(ran.err, "try: sluice run"));
}

TEST_CASE("cli: --socket counts before SLUICE_SOCKET, that before the file", "[cli]") {
  FakeAdmin admin([](const std::string&) { return FakeAdmin::json(200, kOneService); });
  setenv("SLUICE_SOCKET", "/nonexistent/from-environment", 1);
  CHECK(run_sluice({"status", "--socket", admin.path().c_str()}).exit_status == 0);
  CHECK(
      has(run_sluice({"status", "-c", "/nonexistent.yaml"}).err, "/nonexistent/from-environment"));
  setenv("SLUICE_SOCKET", admin.path().c_str(), 1);
  CHECK(run_sluice({"status"}).exit_status == 0);
  unsetenv("SLUICE_SOCKET");
}

TEST_CASE("cli: the only service needs no name; of several one must be named", "[cli]") {
  FakeAdmin one(with_services(kOneService, 200, kChanged));
  const Ran done = run_sluice({"switch", "green", "--socket", one.path().c_str()});
  CHECK(done.exit_status == 0);
  CHECK(has(done.out, "shop: green is live"));
  CHECK(has(one.requests().at(1), "POST /v1/services/shop/switch "));

  FakeAdmin two(with_services(kTwoServices, 200, kChanged));
  const Ran asked = run_sluice({"switch", "green", "--socket", two.path().c_str()});
  CHECK(asked.exit_status == 2);
  CHECK(has(asked.err, "shop, blog"));
  CHECK(has(asked.err, "try: sluice switch green shop"));
  CHECK(two.requests().size() == 1);
}

TEST_CASE("cli: options of switch reach the proxy", "[cli]") {
  FakeAdmin admin(with_services(kOneService, 200, kChanged));
  const Ran ran =
      run_sluice({"switch", "green", "shop", "--wait", "--drain", "5s", "--reason", "try",
                  "--if-generation", "5", "--force", "--socket", admin.path().c_str()});
  CHECK(ran.exit_status == 0);
  const std::string& request = admin.requests().at(0);
  for (const char* part : {R"("pool":"green")", R"("wait":true)", R"("drain":"5s")",
                           R"("reason":"try")", R"("if_generation":5)", R"("force":true)"}) {
    INFO(part);
    CHECK(has(request, part));
  }
}

TEST_CASE("cli: --json prints the proxy's JSON as it came", "[cli]") {
  FakeAdmin admin(with_services(kOneService, 200, kChanged));
  CHECK(run_sluice({"status", "--json", "--socket", admin.path().c_str()}).out ==
        kOneService + "\n");
  CHECK(run_sluice({"rollback", "shop", "--json", "--socket", admin.path().c_str()}).out ==
        kChanged + "\n");
}

TEST_CASE("cli: a refusal exits 1 and names the command that would work", "[cli]") {
  FakeAdmin unreachable(with_services(
      kOneService, 409, R"({"code":"pool_unreachable","detail":"no endpoint of green answers"})"));
  const Ran refused =
      run_sluice({"switch", "green", "shop", "--socket", unreachable.path().c_str()});
  CHECK(refused.exit_status == 1);
  CHECK(refused.out.empty());
  CHECK(has(refused.err, "sluice switch green shop: no endpoint of green answers"));
  CHECK(has(refused.err, "try: sluice switch green shop --force"));

  const Ran as_json =
      run_sluice({"switch", "green", "shop", "--json", "--socket", unreachable.path().c_str()});
  CHECK(as_json.exit_status == 1);
  CHECK(has(as_json.out, "pool_unreachable"));
  CHECK_FALSE(as_json.err.empty());

  FakeAdmin unknown(with_services(kTwoServices, 404,
                                  R"({"code":"unknown_service","detail":"no service shopp"})"));
  const Ran lost = run_sluice({"rollback", "shopp", "--socket", unknown.path().c_str()});
  CHECK(lost.exit_status == 1);
  CHECK(has(lost.err, "try: sluice rollback shop\n"));
}

TEST_CASE("cli: --all changes every service in one request", "[cli]") {
  const std::string answer =
      R"({"changed":true,"generation":6,"durable":true,"took_us":{},"workers":{"total":2,"adopted":2},
    "services":[{"changed":true,"service":"shop","live":"green"},{"changed":true,"service":"blog","live":"green"}]})";
  FakeAdmin admin(with_services(kTwoServices, 200, answer));
  const Ran ran =
      run_sluice({"switch", "green", "--all", "--force", "--socket", admin.path().c_str()});
  CHECK(ran.exit_status == 0);
  CHECK(has(admin.requests().at(1), "POST /v1/changes "));
  CHECK(has(admin.requests().at(1), R"("service":"blog")"));
  CHECK(has(admin.requests().at(1), R"("force":true)"));
  CHECK(has(ran.out, "shop: green is live"));
  CHECK(has(ran.out, "blog: green is live"));
}

TEST_CASE("cli: an unreadable answer is a failure, not a crash", "[cli]") {
  FakeAdmin admin([](const std::string&) { return FakeAdmin::json(200, "{\"surprise\":[]}"); });
  CHECK(run_sluice({"status", "--socket", admin.path().c_str()}).exit_status == 1);
  CHECK(run_sluice({"rollback", "shop", "--socket", admin.path().c_str()}).exit_status == 1);
}

TEST_CASE("cli: endpoint says what is true of it now", "[cli][endpoint]") {
  const std::string answer =
      R"({"changed":true,"generation":6,"service":"shop","live":"blue","split_basis_points":0,"durable":true,
  "took_us":{},"workers":{"total":2,"adopted":2,"missing":[]},"drain":null,
  "endpoint":{"pool":"green","address":"127.0.0.1:9002","state":"draining"}})";
  FakeAdmin admin(with_services(kOneService, 200, answer));
  const Ran ran =
      run_sluice({"endpoint", "drain", "green/127.0.0.1:9002", "shop", "--force", "--reason",
                  "disk", "--if-generation", "5", "--socket", admin.path().c_str()});
  CHECK(ran.exit_status == 0);
  CHECK(has(ran.out, "shop: green/127.0.0.1:9002 is draining: no new requests"));
  const std::string& request = admin.requests().at(0);
  CHECK(has(request, "POST /v1/services/shop/endpoints/drain "));
  for (const char* part : {R"("endpoint":"green/127.0.0.1:9002")", R"("force":true)",
                           R"("reason":"disk")", R"("if_generation":5)"}) {
    INFO(part);
    CHECK(has(request, part));
  }
  CHECK(run_sluice({"endpoint", "enable", "x:1", "--socket", admin.path().c_str()}).exit_status ==
        0);
  CHECK(has(admin.requests().back(), "POST /v1/services/shop/endpoints/enable "));
  CHECK(run_sluice({"endpoint", "disable", "x:1", "--socket", admin.path().c_str()}).exit_status ==
        0);
  CHECK(has(admin.requests().back(), "POST /v1/services/shop/endpoints/disable "));
}

TEST_CASE("cli: endpoint that is used wrongly names its own help", "[cli][endpoint]") {
  for (const std::vector<const char*>& line :
       std::vector<std::vector<const char*>>{{"endpoint"},
                                             {"endpoint", "remove", "x:1"},
                                             {"endpoint", "drain"},
                                             {"endpoint", "enable", "x:1", "--force"}}) {
    const Ran ran = run_sluice(line);
    INFO(ran.err);
    CHECK(ran.exit_status == 2);
    CHECK(has(ran.err, "try: sluice endpoint"));
  }
  CHECK(has(run_sluice({"endpoint", "drain"}).err,
            "try: sluice endpoint drain ENDPOINT [SERVICE], or sluice endpoint drain --help\n"));
}

TEST_CASE("cli: the last endpoint needs --force, and the refusal says so", "[cli][endpoint]") {
  FakeAdmin admin(
      with_services(kOneService, 409, R"({"code":"last_endpoint","detail":"the last"})"));
  const Ran ran =
      run_sluice({"endpoint", "disable", "127.0.0.1:9001", "--socket", admin.path().c_str()});
  CHECK(ran.exit_status == 1);
  CHECK(has(ran.err, "try: sluice endpoint disable 127.0.0.1:9001 --force"));
}

TEST_CASE("cli: audit shows one line per record, newest last", "[cli][audit]") {
  const std::string answer = R"({"has_older":true,"records":[
   {"previous":"0","generation":2,"time":"2026-01-31T12:00:00.000Z","actor":{"uid":1000,"pid":7},"action":"switch",
    "reason":"release \u001b[2J","before":[{"name":"shop","live":"blue","split_basis_points":1250,"salt":"a"}],
    "after":[{"name":"shop","live":"green","split_basis_points":0,"salt":"a",
              "endpoints":[{"pool":"blue","address":"x:1","state":"disabled"}]}],"hash":"1"},
   {"unreadable":"rubbish"}]})";
  FakeAdmin admin([&](const std::string&) { return FakeAdmin::json(200, answer); });
  const Ran ran = run_sluice({"audit", "-n", "7", "--socket", admin.path().c_str()});
  CHECK(ran.exit_status == 0);
  CHECK(has(admin.requests().at(0), "GET /v1/audit?limit=7 "));
  CHECK(has(ran.out,
            "2026-01-31T12:00:00.000Z      2  switch  shop: blue live, split 12.5 % -> "
            "green live, blue/x:1 disabled  (uid 1000, pid 7)  \"release "));
  CHECK_FALSE(has(ran.out, "\x1b"));
  CHECK(has(ran.out, "older"));
  CHECK(has(ran.out, "no record: rubbish"));
  CHECK(run_sluice({"audit", "--json", "--socket", admin.path().c_str()}).out == answer + "\n");
  for (const char* wrong : {"0", "1001", "x"}) {
    CHECK(run_sluice({"audit", "-n", wrong}).exit_status == 2);
  }
}

TEST_CASE("cli: audit verify exits 0, or 1 with file and line; no proxy is asked", "[cli][audit]") {
  audit_verdict = {};
  audit_verdict.files = 2;
  audit_verdict.lines = 12;
  audit_verdict.first_generation = 1;
  audit_verdict.last_generation = 12;
  audit_verdict.is_end_compared = true;
  const Ran good = run_sluice({"audit", "verify", "--state-dir", "/var/x"});
  CHECK(good.exit_status == 0);
  CHECK(good.out == "good: 12 lines in 2 files of /var/x, generations 1 to 12\n");
  CHECK(audit_asked == "/var/x");
  CHECK(has(run_sluice({"audit", "verify", "--state-dir", "/x", "--json"}).out, R"("good":true)"));
  CHECK(has(run_sluice({"audit", "--json", "verify", "--state-dir", "/x"}).out, R"("good":true)"));
  CHECK(has(run_sluice({"audit", "-c", "/nonexistent.yaml", "verify"}).err, "/nonexistent.yaml"));
  run_sluice({"audit", "verify", "--state-dir", "/x", "--partial"});
  CHECK(audit_asked == "/x partial");

  audit_verdict.findings = {{"/var/x/audit-1.jsonl", 7, "it is wrong"},
                            {"/var/x/state.json", 0, "it is missing"}};
  const Ran bad = run_sluice({"audit", "verify", "--state-dir", "/var/x", "--json"});
  CHECK(bad.exit_status == 1);
  CHECK(has(bad.out, R"("good":false)"));
  CHECK(has(bad.out, R"({"file":"/var/x/audit-1.jsonl","line":7,"why":"it is wrong"})"));
  CHECK(has(bad.out, R"({"file":"/var/x/state.json","line":null,"why":"it is missing"})"));
  CHECK(bad.err ==
        "sluice audit verify: /var/x/audit-1.jsonl:7: it is wrong\n"
        "sluice audit verify: /var/x/state.json: it is missing\n");

  audit_verdict.findings.clear();
  audit_verdict.is_end_compared = false;
  audit_verdict.only_in_state = 13;
  const Ran noted = run_sluice({"audit", "verify", "--state-dir", "/var/x", "--partial"});
  CHECK(noted.exit_status == 0);
  CHECK(has(noted.out, "there is no state.json, so nothing tells"));
  CHECK(has(noted.out, "generation 13: its record is in state.json only"));

  audit_verdict = {};
  audit_verdict.trouble = "/var/x: there is no audit file";
  CHECK(run_sluice({"audit", "verify", "--state-dir", "/var/x"}).exit_status == 1);
  CHECK(run_sluice({"audit", "verify", "-c", "/nonexistent.yaml"}).exit_status == 1);
  CHECK(run_sluice({"audit", "verify", "extra"}).exit_status == 2);
}

TEST_CASE("cli: events prints what it gets and ends, or follows until the proxy ends it",
          "[cli][events]") {
  const std::string data =
      R"({"event":"change","time":"2026-01-31T12:00:00.000Z","text":"shop: x"})";
  FakeAdmin admin([&](const std::string&) {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\nid: "
           "1-1\n"
           "event: change\ndata: " +
           data + "\n\n";
  });
  const Ran shown = run_sluice({"events", "-n", "5", "--socket", admin.path().c_str()});
  CHECK(shown.exit_status == 0);
  CHECK(shown.out == "2026-01-31T12:00:00.000Z  change    shop: x\n");
  CHECK(has(admin.requests().at(0), "GET /v1/events?recent=5&follow=false "));
  const Ran followed =
      run_sluice({"events", "--follow", "--json", "--socket", admin.path().c_str()});
  CHECK(has(admin.requests().at(1), "GET /v1/events?recent=20&follow=true "));
  CHECK(followed.out == data + "\n");
  CHECK(followed.exit_status == 1);
  CHECK(has(followed.err, "the proxy ended the stream"));

  FakeAdmin busy([](const std::string&) {
    return FakeAdmin::json(503, R"({"code":"busy","detail":"too many follow"})");
  });
  const Ran refused = run_sluice({"events", "--follow", "--socket", busy.path().c_str()});
  CHECK(refused.exit_status == 1);
  CHECK(has(refused.err, "too many follow"));
  CHECK(run_sluice({"events", "--socket", "/nonexistent/x"}).exit_status == 3);
  CHECK(run_sluice({"events", "-n", "1025"}).exit_status == 2);
}

TEST_CASE("cli: --dry-run reaches the proxy, and never waits", "[cli]") {
  FakeAdmin admin(with_services(kOneService, 200, kChanged));
  const char* socket = "--socket";
  const std::string path = admin.path();
  CHECK(run_sluice({"switch", "green", "shop", "--dry-run", socket, path.c_str()}).exit_status ==
        0);
  CHECK(has(admin.requests().back(), R"("dry_run":true)"));
  CHECK(run_sluice({"split", "5", "shop", "--dry-run", socket, path.c_str()}).exit_status == 0);
  CHECK(has(admin.requests().back(), R"("dry_run":true)"));
  CHECK(run_sluice({"split", "5", "shop", socket, path.c_str()}).exit_status == 0);
  CHECK_FALSE(has(admin.requests().back(), "dry_run"));
  CHECK(run_sluice({"switch", "green", "--dry-run", "--wait", socket, path.c_str()}).exit_status ==
        2);
}

TEST_CASE("cli: arguments come back in refusals without what a terminal would obey", "[cli]") {
  const std::string bad = "x\x1b[2J\u202E\ny";
  FakeAdmin admin([](const std::string&) {
    return FakeAdmin::json(404, R"({"code":"unknown_service","detail":"no \u001b[1m\u202e"})");
  });
  const std::string socket = admin.path();
  const std::string option = "--" + bad;
  const std::vector<std::vector<const char*>> calls{
      {bad.c_str()},
      {"switch", bad.c_str()},
      {"switch", "blue", bad.c_str(), "extra"},
      {"split", bad.c_str()},
      {"status", bad.c_str(), "--socket", socket.c_str()},
      {"status", bad.c_str(), "--socket", socket.c_str(), "--json"},
      {"status", "--socket", bad.c_str()},
      {"explain", "--user", bad.c_str(), "--request", bad.c_str()},
      {"explain", "--request", bad.c_str()},
      {"explain", "--user", "u", "--path", bad.c_str()},
      {"endpoint", bad.c_str(), "x"},
      {"audit", "verify", "--state-dir", bad.c_str()},
      {"audit", "verify", "-c", bad.c_str()},
      {"check", "-c", bad.c_str()},
      {"--", bad.c_str()},
      {"status", "--interval", bad.c_str()},
      {option.c_str()},
  };
  audit_verdict = {};
  audit_verdict.trouble = bad;
  for (const auto& call : calls) {
    const Ran ran = run_sluice(call);
    INFO(ran.err << ran.out);
    CHECK(ran.exit_status != 0);
    CHECK_FALSE((ran.err + ran.out).empty());
    CHECK_FALSE(has(ran.err + ran.out, "\x1b"));
    CHECK_FALSE(has(ran.err + ran.out, "\u202E"));
    CHECK_FALSE(has(ran.err, "\ny"));
  }
}

TEST_CASE("cli: a usage error shows how the command is written", "[cli]") {
  struct Case {
    std::vector<const char*> arguments;
    const char* tries;
  };
  const Case cases[] = {
      {{"switch"}, "try: sluice switch POOL [SERVICE], or sluice switch --help\n"},
      {{"switch", "red"}, "try: sluice switch POOL [SERVICE], or"},
      {{"split"}, "try: sluice split PERCENT [SERVICE], or sluice split --help\n"},
      {{"rollback", "a", "b"}, "try: sluice rollback [SERVICE], or"},
      {{"status", "--nope"}, "try: sluice status [SERVICE], or"},
      {{"events", "x"}, "try: sluice events, or sluice events --help\n"},
      {{"audit", "verify", "x"}, "try: sluice audit verify, or"},
      {{"audit", "verfy"},
       "unknown command 'verfy', did you mean 'verify'? There is verify\n  try: sluice audit "
       "[verify]\n"},
      {{"endpoint"},
       "sluice endpoint: which command?\n"
       "  try: sluice endpoint drain|enable|disable ENDPOINT [SERVICE], or sluice endpoint "
       "--help\n"},
      {{"endpoint", "frob", "x"},
       "sluice endpoint: unknown command 'frob'; there is drain, enable, disable\n"
       "  try: sluice endpoint drain|enable|disable ENDPOINT [SERVICE]\n"},
      {{"endpoint", "enabel", "x"}, "did you mean 'enable'?"},
      {{}, "sluice: which command?\n  try: sluice run|check|status|"},
  };
  for (const Case& each : cases) {
    const Ran ran = run_sluice(each.arguments);
    INFO(ran.err);
    CHECK(ran.exit_status == 2);
    CHECK(has(ran.err, each.tries));
  }
}
