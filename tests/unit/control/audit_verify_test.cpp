#include "control/audit_verify.hpp"

#include <algorithm>

#include "control/audit.hpp"
#include "control/state_directory.hpp"
#include "control/state_file.hpp"
#include "sluice/core/limits.hpp"
#include "support/catch.hpp"
#include "support/fault_files.hpp"

namespace {

using namespace sluice;
using control::ChainStart;
using test::FaultFiles;

namespace limits = core::limits;

const std::string kState = "/state/state.json";
const std::string kAudit = "/state/audit.jsonl";

/// A state directory that is written to as a proxy does: the state, then its record.
struct Installation {
  explicit Installation(std::uint64_t file_size = 1'000'000)
      : directory(files, "/state", file_size) {
    REQUIRE(directory.audit().inspect());
    shop.name = "shop";
    blog.name = "blog";
    image.state.services = {shop, blog};
    image.record.action = "start";
    image.record.after = image.state.services;
    write_state();
    write_record();
  }

  void write_state() {
    REQUIRE(
        directory.write(control::encode_state(image).value(), control::OldState::Drop).landing ==
        control::Landing::Landed);
  }
  void write_record() { REQUIRE(directory.audit().append(image.record)); }

  /// The next change in memory only: of `count` services.
  void plan(std::string action, std::size_t count) {
    image.record = {.generation = core::Generation{image.state.generation.raw + 1},
                    .time = {},
                    .actor = {},
                    .action = std::move(action),
                    .reason = "",
                    .before = {},
                    .after = {}};
    image.state.generation = image.record.generation;
    for (std::size_t i = 0; i < count; ++i) {
      model::ServiceTraffic& service = image.state.services[i];
      image.record.before.push_back(service);
      service.live = core::other(service.live);
      service.generation = image.record.generation;
      image.record.after.push_back(service);
    }
  }
  void change(std::string action = "switch", std::size_t count = 1) {
    plan(std::move(action), count);
    write_state();
    write_record();
  }
  void change_endpoint() {
    plan("endpoint disable", 1);
    model::EndpointDecision decision;
    decision.address = "127.0.0.1:" + std::to_string(image.state.generation.raw);
    image.state.services[0].endpoints = {decision};
    image.record.after[0].endpoints = {decision};
    write_state();
    write_record();
  }
  void note(const std::string& reason) {
    control::ChangeRecord record;
    record.generation = image.state.generation;
    record.action = control::kRecovered;
    record.reason = reason;
    REQUIRE(directory.audit().append(record));
  }

  control::AuditReport look(ChainStart start = ChainStart::First) {
    const auto report = control::look_at_audit(*files, "/state", start);
    REQUIRE(report);
    return *report;
  }
  /// The only finding.
  control::AuditFinding finding(ChainStart start = ChainStart::First) {
    const control::AuditReport report = look(start);
    for (const auto& each : report.findings) UNSCOPED_INFO(each.file << ": " << each.what);
    REQUIRE(report.findings.size() == 1);
    return report.findings[0];
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    std::string text = files->content(kAudit).value();
    for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      all.push_back(text.substr(0, end + 1));
    }
    return all;
  }
  void keep_lines(std::size_t from, std::size_t to) {
    std::string text;
    for (std::size_t i = from; i < to; ++i) text += lines()[i];
    files->put(kAudit, text);
  }

  std::shared_ptr<FaultFiles> files = std::make_shared<FaultFiles>();
  control::StateDirectory directory;
  model::ServiceTraffic shop, blog;
  control::StateImage image;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("verify: changes of all kinds, of one service and of several, are in order",
          "[control][audit][verify]") {
  Installation installation;
  installation.change("switch", 1);
  installation.change("rollback", 2);
  installation.change_endpoint();
  installation.note("an incomplete last line of 7 bytes was cut off");
  installation.change("discard", 2);
  installation.note("once");
  installation.note("and again");
  installation.change("change", 2);
  const control::AuditReport report = installation.look();
  CHECK(report.findings.empty());
  CHECK(report.lines == 9);
  CHECK(report.first == core::Generation{1});
  CHECK(report.last == core::Generation{6});
  CHECK(report.is_end_compared);
  CHECK_FALSE(report.only_in_state);
}

TEST_CASE("verify: a record that is only in the state is said, two missing ones are found",
          "[control][audit][verify]") {
  Installation installation;
  for (int i = 0; i < 5; ++i) installation.change();
  const std::string whole = installation.files->content(kAudit).value();
  for (std::size_t kept = 6; kept-- > 0;) {
    installation.files->put(kAudit, whole);
    installation.keep_lines(0, kept);
    INFO(kept << " of 6 lines");
    for (const ChainStart start : {ChainStart::First, ChainStart::Any}) {
      if (kept == 5) {
        const control::AuditReport report = installation.look(start);
        CHECK(report.findings.empty());
        CHECK(report.only_in_state == core::Generation{6});
        continue;
      }
      const control::AuditFinding found = installation.finding(start);
      CHECK(found.file == (kept == 0 ? "" : "audit.jsonl"));
      CHECK(found.line == kept);
      const std::string missing = std::to_string(kept + 1);
      CHECK(has(found.what, kept == 4 ? "the record of generation 5 is missing"
                                      : "the records of generations " + missing + " to 5 are"));
      CHECK(has(found.what, "state.json is of generation 6"));
    }
  }
}

TEST_CASE("verify: a state that is older than the audit, damaged or not there is found",
          "[control][audit][verify]") {
  Installation installation;
  const std::string old = installation.files->content(kState).value();
  installation.change();
  const std::string good = installation.files->content(kState).value();

  installation.files->put(kState, old);
  CHECK(has(installation.finding().what, "newer than state.json, which is of generation 1"));
  CHECK(installation.finding(ChainStart::Any).line == 2);

  installation.files->put(kState, good.substr(0, good.size() - 3));
  CHECK(installation.finding().file == "state.json");
  CHECK(has(installation.finding(ChainStart::Any).what, "checksum"));

  installation.files->remove(kState);
  CHECK(has(installation.finding().what, "it is missing"));
  const control::AuditReport archived = installation.look(ChainStart::Any);
  CHECK(archived.findings.empty());
  CHECK_FALSE(archived.is_end_compared);
}

TEST_CASE("verify: a chain that was made anew after the last change is found by the state's record",
          "[control][audit][verify]") {
  Installation installation;
  installation.change();
  const std::string before = installation.files->content(kAudit).value();
  installation.change();
  installation.files->put(kAudit, before);
  // With good hashes, but another reason than the one in state.json.
  control::ChangeRecord forged = installation.image.record;
  forged.reason = "not me";
  control::AuditFile audit(*installation.files, "/state");
  REQUIRE(audit.inspect());
  REQUIRE(audit.append(forged));
  CHECK(installation.finding().line == 3);
  CHECK(installation.finding().what == "state.json has another record of generation 3");
}

TEST_CASE("verify: the beginning is a start with generation 1, but of a part",
          "[control][audit][verify]") {
  Installation installation(1);  // every line fills a file
  for (int i = 0; i < 3; ++i) installation.change();
  CHECK(installation.look().findings.empty());
  installation.files->remove("/state/audit-1.jsonl");
  CHECK(installation.finding().what == "it continues a file that is not here");
  CHECK(installation.look(ChainStart::Any).findings.empty());
  for (const char* name : {"/state/audit-2.jsonl", "/state/audit-3.jsonl", "/state/audit.jsonl"}) {
    installation.files->remove(name);
  }

  // All files are gone, and a chain was begun that knows of nothing before.
  control::AuditFile anew(*installation.files, "/state");
  REQUIRE(anew.inspect());
  REQUIRE(anew.append(installation.image.record));
  CHECK(has(installation.finding().what, "the records of generations 1 to 3 are missing"));
  CHECK(has(installation.finding(ChainStart::Any).what, "nothing stands before this line"));
  installation.files->remove(kAudit);

  Installation other;
  other.files->remove(kAudit);
  other.image.record.action = "switch";
  other.write_state();
  control::AuditFile no_start(*other.files, "/state");
  REQUIRE(no_start.inspect());
  REQUIRE(no_start.append(other.image.record));
  CHECK(has(other.finding().what, "it is no start"));
}

TEST_CASE("verify: every jump of generations is found, and the walk goes on",
          "[control][audit][verify]") {
  Installation installation;
  installation.change();
  installation.image.state.generation = core::Generation{5};  // 3 to 5 never reached the disk
  installation.change();
  installation.note("what led to generations 3 to 5 is missing");
  installation.image.state.generation = core::Generation{7};
  installation.change();
  const control::AuditReport report = installation.look();
  REQUIRE(report.findings.size() == 2);
  CHECK(report.lines == 5);
  CHECK(report.findings[0].line == 3);
  CHECK(report.findings[0].what == "the records of generations 3 to 5 are missing before it");
  CHECK(report.findings[1].line == 5);
  CHECK(report.findings[1].what == "the record of generation 7 is missing before it");
}

TEST_CASE("verify: a generation twice, or backwards, or a note of another one",
          "[control][audit][verify]") {
  for (const std::uint64_t wrong : {1, 2, 3}) {
    for (const bool is_note : {false, true}) {
      if (wrong == 2 && is_note) continue;  // as it should be
      if (wrong == 3 && !is_note) continue;
      Installation installation;
      installation.change();
      control::ChangeRecord record;
      record.generation = core::Generation{wrong};
      record.action = is_note ? control::kRecovered : "switch";
      REQUIRE(installation.directory.audit().append(record));
      INFO(wrong << (is_note ? " as a note" : " as a change"));
      const control::AuditReport report = installation.look();
      REQUIRE_FALSE(report.findings.empty());
      CHECK(report.findings[0].line == 3);
    }
  }
}

TEST_CASE("verify: a line with a good hash that is no record, or contradicts itself",
          "[control][audit][verify]") {
  for (const bool in_after : {false, true}) {
    Installation installation;
    installation.plan("switch", 1);
    auto& services = in_after ? installation.image.record.after : installation.image.record.before;
    services[0].generation = core::Generation{in_after ? 1U : 2U};
    installation.write_state();
    installation.write_record();
    CHECK(has(installation.finding().what, "service shop in it contradicts"));
  }
}

TEST_CASE("verify: findings are bounded, and the last one stays", "[control][audit][verify]") {
  Installation installation;
  for (std::size_t i = 0; i < limits::kAuditFindingsMax + 3; ++i) {
    ++installation.image.state.generation.raw;
    installation.change();
  }
  installation.files->put(kAudit, installation.files->content(kAudit).value() + "{}");
  const control::AuditReport report = installation.look();
  CHECK(report.findings.size() == limits::kAuditFindingsMax);
  CHECK(has(report.findings.back().what, "incomplete"));
}

// ---- while a proxy works ----

namespace {

using Versions = std::vector<std::map<std::string, std::string>>;

/// Everything that the files of a proxy at work have been, call by call.
Versions versions_of_changes() {
  Installation installation(1500);  // some three records fill a file
  Versions versions;
  FaultFiles& files = *installation.files;
  files.on_change = [&] { versions.push_back(files.contents()); };
  for (int i = 0; i < 6; ++i) {
    installation.change("switch", i % 2 == 0 ? 1 : 2);
    installation.change_endpoint();
    // Refused, as it landed late: overwritten at once by the truth, and its number is used again.
    const control::StateImage truth = installation.image;
    installation.plan("split", 1);
    installation.image.record.reason = "late";
    installation.write_state();
    installation.image = truth;
    installation.write_state();
  }
  // A disk that hung: the newest state lands first, then all records that waited for it.
  std::vector<control::ChangeRecord> waiting;
  for (int i = 0; i < 4; ++i) {
    installation.plan("rollback", 2);
    waiting.push_back(installation.image.record);
  }
  installation.write_state();
  for (const auto& record : waiting) REQUIRE(installation.directory.audit().append(record));
  files.on_change = nullptr;
  versions.push_back(files.contents());
  // A half-written line, as another process may see it.
  Versions all;
  for (const auto& version : versions) {
    if (!all.empty() && all.back() != version) {
      auto half = version;
      const auto old = all.back().find(kAudit);
      auto& text = half[kAudit];
      if (old != all.back().end() && text.size() > old->second.size()) {
        text.resize((text.size() + old->second.size()) / 2);
        all.push_back(half);
      }
    }
    all.push_back(version);
  }
  return all;
}

}  // namespace

TEST_CASE("verify: no alarm while a proxy works, wherever and however fast it goes on",
          "[control][audit][verify][live]") {
  const Versions versions = versions_of_changes();
  REQUIRE(versions.size() > 100);
  std::size_t second_looks = 0;
  for (std::size_t begin = 0; begin < versions.size(); ++begin) {
    for (const std::size_t stride : {0, 1, 2, 3, 7, 20}) {
      FaultFiles files;
      std::size_t at = begin;
      const auto go_on = [&](std::size_t steps) {
        at = std::min(at + steps, versions.size() - 1);
        files.replace_all(versions[at]);
      };
      files.replace_all(versions[at]);
      files.on_look = [&] { go_on(stride); };
      const auto report = control::verify_audit(files, "/state", ChainStart::First, [&] {
        ++second_looks;
        go_on(stride + 3);
      });
      INFO("version " << begin << ", " << stride << " steps per look");
      REQUIRE(report);
      for (const auto& each : report->findings) UNSCOPED_INFO(each.what);
      REQUIRE(report->findings.empty());
    }
  }
  CHECK(second_looks > 0);  // the rule was needed
}

TEST_CASE("verify: while records follow their states one look finds nothing",
          "[control][audit][verify][live]") {
  Installation installation;
  Versions versions;
  FaultFiles& written = *installation.files;
  written.on_change = [&] { versions.push_back(written.contents()); };
  for (int i = 0; i < 20; ++i) installation.change();
  written.on_change = nullptr;
  versions.push_back(written.contents());
  for (std::size_t begin = 0; begin < versions.size(); ++begin) {
    for (const std::size_t stride : {0, 1, 2, 3, 5, 9, 20}) {
      FaultFiles files;
      std::size_t at = begin;
      files.replace_all(versions[at]);
      files.on_look = [&] {
        at = std::min(at + stride, versions.size() - 1);
        files.replace_all(versions[at]);
      };
      const auto report = control::look_at_audit(files, "/state", ChainStart::First);
      INFO("version " << begin << ", " << stride << " steps per look");
      REQUIRE(report);
      for (const auto& each : report->findings) UNSCOPED_INFO(each.what);
      REQUIRE(report->findings.empty());
    }
  }
}

TEST_CASE("verify: what is wrong is found all the same while a proxy works",
          "[control][audit][verify][live]") {
  Versions versions = versions_of_changes();
  for (auto& version : versions) {
    std::string& first = version.begin()->second;  // of all names: audit-1.jsonl, or audit.jsonl
    const std::size_t at = first.find(R"("action":"switch")");
    if (at != std::string::npos) first[at + 10] = 'S';
  }
  FaultFiles files;
  std::size_t at = versions.size() / 2;
  files.replace_all(versions[at]);
  std::size_t pauses = 0;
  const auto report = control::verify_audit(files, "/state", ChainStart::First, [&] {
    ++pauses;
    files.replace_all(versions[++at]);
  });
  REQUIRE(report);
  REQUIRE(report->findings.size() == 1);
  CHECK(report->findings[0].line == 2);
  CHECK(pauses == limits::kAuditLooksAlike - 1);
}

TEST_CASE("verify: looks are bounded when something else is found each time",
          "[control][audit][verify][live]") {
  Installation installation;
  std::string text = installation.files->content(kAudit).value();
  std::size_t pauses = 0;
  const auto report = control::verify_audit(*installation.files, "/state", ChainStart::First, [&] {
    ++pauses;
    text.insert(0, "\n");
    installation.files->put(kAudit, text);
  });
  CHECK(pauses == 0);
  installation.files->put(kAudit, "\n" + text);
  const auto moving = control::verify_audit(*installation.files, "/state", ChainStart::First, [&] {
    text += installation.lines().back() + "x";
    installation.files->put(kAudit, pauses++ % 2 == 0 ? text : "\n" + text);
  });
  REQUIRE(moving);
  CHECK_FALSE(moving->findings.empty());
  CHECK(pauses == limits::kAuditLooksMax - 1);
}
