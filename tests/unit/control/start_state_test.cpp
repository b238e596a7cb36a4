#include "control/start_state.hpp"

#include <sys/stat.h>

#include "control/audit_verify.hpp"
#include "control/state_file.hpp"
#include "sluice/config/build.hpp"
#include "support/catch.hpp"
#include "support/control_rig.hpp"
#include "support/fault_files.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace sluice;
using control::StateSource;
using test::FaultFiles;
using test::TempDir;

const std::string kState = "/state/state.json";
const std::string kPrevious = "/state/state.json.previous";
const std::string kAudit = "/state/audit.jsonl";

struct Disk {
  std::shared_ptr<FaultFiles> files = std::make_shared<FaultFiles>();

  /// A fresh process.
  core::Result<control::StartState> start(const config::Config& config,
                                          StateSource source = StateSource::Saved,
                                          const config::ResolvedNames& names = {}) {
    directory = std::make_unique<control::StateDirectory>(files, "/state");
    return control::open_state(*directory, config,
                               {.source = source,
                                .now = core::WallTime{std::chrono::seconds(1000)},
                                .actor = {1, 2},
                                .names = names});
  }
  void restart() { files->crash(FaultFiles::Tail::Lost, ~std::uint64_t{0}); }
  /// As a change does: state, then audit line.
  void change(control::StateImage image) {
    ++image.state.generation.raw;
    image.record.before = {image.state.services[0]};
    image.state.services[0].live = core::other(image.state.services[0].live);
    image.state.services[0].generation = image.state.generation;
    image.record.generation = image.state.generation;
    image.record.action = "switch";
    image.record.after = {image.state.services[0]};
    REQUIRE(
        directory->write(control::encode_state(image).value(), control::OldState::KeepAsPrevious)
            .landing == control::Landing::Landed);
  }
  bool has_good_audit() const {
    return !control::first_broken_line(files->content(kAudit).value());
  }
  std::size_t audit_lines() const {
    const std::string text = files->content(kAudit).value();
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  std::unique_ptr<control::StateDirectory> directory;
};

}  // namespace

TEST_CASE("start: the first one writes generation 1 and its audit line", "[control][start]") {
  Disk disk;
  const auto start = disk.start(test::config_of({"shop"}));
  REQUIRE(start);
  CHECK(start->image.state.generation == core::Generation{1});
  CHECK(start->image.state.services[0].is_candidate_open);
  CHECK(control::decode_state(disk.files->content(kState).value())->state == start->image.state);
  CHECK(disk.audit_lines() == 1);
  CHECK(disk.has_good_audit());
  CHECK_FALSE(disk.files->content(kPrevious));
}

TEST_CASE("start: a full disk refuses the first start", "[control][start]") {
  Disk disk;
  disk.files->fail_at(1, "No space left on device", FaultFiles::Times::FromThenOn);
  CHECK_FALSE(disk.start(test::config_of({"shop"})));
}

TEST_CASE("start: the saved state rules over the file's initial", "[control][start]") {
  Disk disk;
  disk.change(disk.start(test::config_of({"shop"}))->image);
  disk.restart();
  config::Config config = test::config_of({"shop"});
  config.services[0].salt = "another";
  const auto start = disk.start(config);
  REQUIRE(start);
  CHECK(start->image.state.generation == core::Generation{2});
  CHECK(start->image.state.services[0].live == core::PoolName::Green);
  CHECK(start->image.state.services[0].salt == "shop");
  CHECK(start->notices.size() == 2);  // the salt and the live pool differ from the file
}

TEST_CASE("start: a missing record of the state's change is appended", "[control][start]") {
  Disk disk;
  disk.change(disk.start(test::config_of({"shop"}))->image);
  CHECK(disk.audit_lines() == 1);  // the crash came before the line
  disk.restart();
  REQUIRE(disk.start(test::config_of({"shop"})));
  CHECK(disk.audit_lines() == 2);
  CHECK(disk.has_good_audit());
  disk.restart();
  REQUIRE(disk.start(test::config_of({"shop"})));
  CHECK(disk.audit_lines() == 2);
}

TEST_CASE("start: an incomplete audit line is cut off and noted, at every length",
          "[control][start]") {
  Disk disk;
  disk.change(disk.start(test::config_of({"shop"}))->image);
  disk.restart();
  REQUIRE(disk.start(test::config_of({"shop"})));
  const std::string whole = disk.files->content(kAudit).value();
  const std::size_t first = whole.find('\n') + 1;
  for (std::size_t size = first; size < whole.size(); ++size) {
    disk.restart();
    disk.files->put(kAudit, whole.substr(0, size));
    const auto start = disk.start(test::config_of({"shop"}));
    INFO("size " << size);
    REQUIRE(start);
    REQUIRE(disk.has_good_audit());
    const bool was_torn = size > first;
    REQUIRE(disk.audit_lines() == (was_torn ? 3 : 2));
    REQUIRE((disk.files->content(kAudit)->find("\"recovered\"") != std::string::npos) == was_torn);
  }
}

TEST_CASE("start: a crash at any call of a start leaves one that can be started",
          "[control][start][crash]") {
  for (std::size_t call = 1; call < 24; ++call) {
    for (const FaultFiles::Tail tail : {FaultFiles::Tail::Lost, FaultFiles::Tail::Torn}) {
      for (const std::uint64_t kept : {std::uint64_t{0}, ~std::uint64_t{0}}) {
        Disk disk;
        disk.files->crash_at(call);
        try {
          static_cast<void>(disk.start(test::config_of({"shop"})));
        } catch (const FaultFiles::Crashed&) {
        }
        disk.files->crash(tail, kept);
        const auto start = disk.start(test::config_of({"shop"}));
        INFO("call " << call << ", tail " << static_cast<int>(tail) << ", entries " << kept);
        REQUIRE(start);
        REQUIRE(start->image.state.generation == core::Generation{1});
        REQUIRE(disk.has_good_audit());
      }
    }
  }
}

TEST_CASE("start: a corrupt state refuses and names both ways out", "[control][start]") {
  Disk disk;
  disk.change(disk.start(test::config_of({"shop"}))->image);
  disk.restart();
  const std::string damaged = disk.files->content(kState).value().substr(0, 100);
  disk.files->put(kState, damaged);
  const auto start = disk.start(test::config_of({"shop"}));
  REQUIRE_FALSE(start);
  CHECK(start.error().code == core::ErrorCode::Corrupt);
  CHECK(start.error().what.find("--state discard") != std::string::npos);
  CHECK(start.error().what.find("--state previous") != std::string::npos);
  CHECK(disk.files->content(kState) == damaged);  // nothing was touched
}

TEST_CASE("start: what a damaged audit line says is no witness against a good state",
          "[control][start]") {
  Disk disk;
  disk.change(disk.start(test::config_of({"shop"}))->image);
  disk.restart();
  REQUIRE(disk.start(test::config_of({"shop"})));  // appends the change's line
  disk.restart();
  std::string audit = disk.files->content(kAudit).value();
  const std::size_t at = audit.rfind("\"generation\":2");
  REQUIRE(at != std::string::npos);
  audit[at + std::string("\"generation\":").size()] = '7';
  disk.files->put(kAudit, audit);
  const auto start = disk.start(test::config_of({"shop"}));
  REQUIRE(start);
  CHECK(start->image.state.generation == core::Generation{2});
  CHECK(std::ranges::any_of(start->notices, [](const std::string& note) {
    return note.find("is not one that Sluice wrote") != std::string::npos;
  }));
}

TEST_CASE("start: an audit file whose last line nobody wrote is named, and goes on",
          "[control][start]") {
  Disk disk;
  disk.change(disk.start(test::config_of({"shop"}))->image);
  const std::string good = disk.files->content(kAudit).value();
  std::string edited = good;
  edited[good.find("\"action\"") + 11] ^= 1;
  for (const std::string& damaged : {std::string("garbage\n"), good + "\n", edited}) {
    disk.restart();
    disk.files->put(kAudit, damaged);
    const auto start = disk.start(test::config_of({"shop"}));
    INFO(damaged);
    REQUIRE(start);
    REQUIRE_FALSE(start->notices.empty());
    CHECK(start->notices[0].find("/state/audit.jsonl is not one that Sluice wrote") !=
          std::string::npos);
    CHECK(disk.files->content(kAudit)->starts_with(damaged));
  }
  disk.restart();
  disk.files->put(kAudit, good);
  const auto start = disk.start(test::config_of({"shop"}));
  for (const std::string& notice : start->notices) CHECK_FALSE(notice.starts_with("audit"));
}

TEST_CASE("start: a state file that is a directory names both ways out", "[control][start]") {
  const TempDir directory;
  REQUIRE(::mkdir((directory.path + "/state.json").c_str(), 0700) == 0);
  control::StateDirectory state(std::make_shared<control::PosixFiles>(), directory.path);
  const auto start = control::open_state(state, test::config_of({"shop"}), {});
  REQUIRE_FALSE(start);
  CHECK(start.error().code == core::ErrorCode::Corrupt);
  CHECK(start.error().what.find("is a directory") != std::string::npos);
  CHECK(start.error().what.find("--state discard") != std::string::npos);
  CHECK(start.error().what.find("--state previous") != std::string::npos);
}

TEST_CASE("start: a decision about an address is known when its name has it",
          "[control][start][names]") {
  config::Config config = test::config_of({"shop"});
  config.services[0].pools[0].endpoints.push_back(test::endpoint_of("app", 9009));
  Disk disk;
  control::StateImage image = disk.start(config)->image;
  image.state.services[0].endpoints = {
      {core::PoolName::Blue, "10.0.0.1:9009", model::EndpointMode::Disabled, std::nullopt}};
  disk.change(image);
  config::ResolvedNames names;
  for (const StateSource source : {StateSource::Saved, StateSource::Previous}) {
    names["app"].addresses = {core::IpAddress::v4({10, 0, 0, 1})};
    disk.restart();
    auto start = disk.start(config, StateSource::Saved, names);
    REQUIRE(start);
    CHECK_FALSE(start->image.state.services[0].endpoints.at(0).gone_since);
    names["app"].addresses = {core::IpAddress::v4({10, 0, 0, 2})};
    disk.restart();
    if (source == StateSource::Previous) disk.change(start->image);  // so that it is in both
    start = disk.start(config, source, names);
    REQUIRE(start);
    CHECK(start->image.state.services[0].endpoints.at(0).gone_since);
  }
}

TEST_CASE("start: previous goes on from the state before, with a new generation",
          "[control][start]") {
  Disk disk;
  disk.change(disk.start(test::config_of({"shop"}))->image);
  disk.restart();
  disk.files->put(kState, "damaged");
  const auto start = disk.start(test::config_of({"shop"}), StateSource::Previous);
  REQUIRE(start);
  CHECK(start->image.state.services[0].live == core::PoolName::Blue);
  CHECK(start->image.state.generation ==
        core::Generation{2});  // the damaged one's number is unknown
  CHECK(control::decode_state(disk.files->content(kPrevious).value())->state.generation ==
        core::Generation{1});
  CHECK(disk.has_good_audit());
}

TEST_CASE("start: previous of a good state is above both", "[control][start]") {
  Disk disk;
  disk.change(disk.start(test::config_of({"shop"}))->image);
  disk.restart();
  const auto start = disk.start(test::config_of({"shop"}), StateSource::Previous);
  REQUIRE(start);
  CHECK(start->image.state.generation == core::Generation{3});
  CHECK(start->image.record.action == "previous");
  CHECK(start->image.record.before[0].live == core::PoolName::Green);
}

TEST_CASE("start: previous without a previous state refuses", "[control][start]") {
  Disk disk;
  REQUIRE(disk.start(test::config_of({"shop"})));
  disk.restart();
  CHECK_FALSE(disk.start(test::config_of({"shop"}), StateSource::Previous));
}

TEST_CASE("start: discard begins from the file, never with a number that was used",
          "[control][start]") {
  Disk disk;
  disk.change(disk.start(test::config_of({"shop"}))->image);
  disk.restart();
  REQUIRE(disk.start(test::config_of({"shop"})));  // the audit knows generation 2
  disk.restart();
  disk.files->put(kState, "damaged");
  const auto start = disk.start(test::config_of({"shop"}), StateSource::Discard);
  REQUIRE(start);
  CHECK(start->image.state.services[0].live == core::PoolName::Blue);
  CHECK(start->image.state.generation == core::Generation{3});
  CHECK(disk.has_good_audit());
}

TEST_CASE("start: a state older than the audit is refused", "[control][start]") {
  Disk disk;
  REQUIRE(disk.start(test::config_of({"shop"})));
  const std::string old = disk.files->content(kState).value();
  disk.change(control::decode_state(old).value());
  disk.restart();
  REQUIRE(disk.start(test::config_of({"shop"})));
  disk.restart();
  disk.files->put(kState, old);
  const auto start = disk.start(test::config_of({"shop"}));
  REQUIRE_FALSE(start);
  CHECK(start.error().code == core::ErrorCode::Corrupt);
}

TEST_CASE("start: a new service gets its entry under the same generation", "[control][start]") {
  Disk disk;
  REQUIRE(disk.start(test::config_of({"shop"})));
  disk.restart();
  const auto start = disk.start(test::config_of({"shop", "blog"}));
  REQUIRE(start);
  CHECK(start->is_on_disk);
  CHECK(start->image.state.generation == core::Generation{1});
  CHECK(control::decode_state(disk.files->content(kState).value())->state.find("blog") != nullptr);
}

TEST_CASE("start: a full disk does not keep a good state from starting", "[control][start]") {
  Disk disk;
  disk.change(disk.start(test::config_of({"shop"}))->image);
  disk.restart();
  disk.files->fail_at(1, "No space left on device", FaultFiles::Times::FromThenOn);
  const auto start = disk.start(test::config_of({"shop", "blog"}));
  REQUIRE(start);
  CHECK_FALSE(start->is_on_disk);
  CHECK(start->audit_pending.size() == 1);
  CHECK(start->notices.size() >= 2);
}

TEST_CASE("start: a crash after any step of a rotation is made good", "[control][start][crash]") {
  const auto start = [](const std::shared_ptr<FaultFiles>& files) {
    control::StateDirectory directory(files, "/state", 1);  // every line fills a file
    return control::open_state(directory, test::config_of({"shop"}), {});
  };
  const auto first = std::make_shared<FaultFiles>();
  REQUIRE(start(first));
  for (std::size_t call = 1; call <= 6; ++call) {
    for (std::uint64_t kept = 0; kept < 8; ++kept) {
      const auto files = std::make_shared<FaultFiles>();
      REQUIRE(start(files));
      control::AuditFile audit(*files, "/state", 1);
      REQUIRE(audit.inspect());
      files->crash_at(call);
      try {
        control::ChangeRecord note;
        note.action = control::kRecovered;
        static_cast<void>(audit.append(note));
      } catch (const FaultFiles::Crashed&) {
      }
      files->crash(FaultFiles::Tail::Torn, kept);
      INFO("call " << call << ", entries " << kept);
      REQUIRE(start(files));
      const auto report = control::look_at_audit(*files, "/state", control::ChainStart::First);
      REQUIRE(report);
      REQUIRE(report->findings.empty());
    }
  }
}

TEST_CASE("start: a set-aside audit file alone says that there was a state", "[control][start]") {
  Disk disk;
  disk.files->put("/state/audit-1.jsonl", "");
  const auto start = disk.start(test::config_of({"shop"}));
  REQUIRE_FALSE(start);
  CHECK(start.error().code == core::ErrorCode::Corrupt);
  CHECK(start.error().text().find("audit-1.jsonl") != std::string::npos);
}

namespace {

std::vector<control::AuditFinding> findings_on(const Disk& disk) {
  const auto report = control::look_at_audit(*disk.files, "/state", control::ChainStart::First);
  REQUIRE(report);
  return report->findings;
}

control::StateImage saved_on(const Disk& disk) {
  return control::decode_state(disk.files->content(kState).value()).value();
}

std::size_t count_in(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
  return count;
}

}  // namespace

TEST_CASE("start: an audit whose end is missing is noted in it for ever, and goes on",
          "[control][start][audit]") {
  for (std::size_t unwritten = 1; unwritten <= 4; ++unwritten) {
    Disk disk;
    REQUIRE(disk.start(test::config_of({"shop"})));
    for (std::size_t i = 0; i < unwritten; ++i) disk.change(saved_on(disk));
    const std::uint64_t generation = unwritten + 1;
    for (int round = 0; round < 3; ++round) {
      disk.restart();
      const auto start = disk.start(test::config_of({"shop"}));
      INFO(unwritten << " records missing, start " << round);
      REQUIRE(start);
      CHECK(start->image.state.generation == core::Generation{generation});
      const std::string audit = disk.files->content(kAudit).value();
      // The state's own record is known, so only those before it are lost.
      const bool is_gap = unwritten > 1;
      CHECK(count_in(audit, "\"recovered\"") == (is_gap ? 1 : 0));
      CHECK(disk.audit_lines() == (is_gap ? 3 : 2));
      if (unwritten == 2) CHECK(count_in(audit, "what led to generation 2 is missing") == 1);
      if (unwritten == 4) CHECK(count_in(audit, "what led to generations 2 to 4 is missing") == 1);
      REQUIRE(findings_on(disk).size() == (is_gap ? 1 : 0));
      if (is_gap) CHECK(findings_on(disk)[0].line == 2);
    }
  }
}

TEST_CASE("start: all audit files gone is noted, and verify finds no beginning",
          "[control][start][audit]") {
  Disk disk;
  REQUIRE(disk.start(test::config_of({"shop"})));
  for (int i = 0; i < 2; ++i) disk.change(saved_on(disk));
  disk.restart();
  disk.files->remove(kAudit);
  const auto start = disk.start(test::config_of({"shop"}));
  REQUIRE(start);
  CHECK(std::ranges::any_of(start->notices, [](const std::string& note) {
    return note.find("what led to generations 1 to 2 is missing") != std::string::npos;
  }));
  CHECK(disk.audit_lines() == 2);
  REQUIRE(findings_on(disk).size() == 1);
  CHECK(findings_on(disk)[0].line == 1);
  // A first start that died before its line is no gap.
  Disk first;
  REQUIRE(first.start(test::config_of({"shop"})));
  first.restart();
  first.files->remove(kAudit);
  REQUIRE(first.start(test::config_of({"shop"})));
  CHECK(first.audit_lines() == 1);
  CHECK(findings_on(first).empty());
}

TEST_CASE("start: the way out of a state appends the record that only that state had",
          "[control][start][audit]") {
  for (const StateSource source : {StateSource::Discard, StateSource::Previous}) {
    Disk disk;
    REQUIRE(disk.start(test::config_of({"shop"})));
    for (int i = 0; i < 2; ++i) disk.change(saved_on(disk));  // neither reached the audit
    disk.restart();
    const auto start = disk.start(test::config_of({"shop"}), source);
    REQUIRE(start);
    CHECK(start->image.state.generation == core::Generation{4});
    CHECK(disk.audit_lines() == 4);
    CHECK(findings_on(disk).empty());
  }
}
