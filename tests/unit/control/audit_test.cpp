#include "control/audit.hpp"

#include "control/state_file.hpp"
#include "support/catch.hpp"
#include "support/fault_files.hpp"

namespace {

using namespace sluice;
using control::AuditFile;
using test::FaultFiles;

const std::string kFile = "/state/audit.jsonl";

control::ChangeRecord record(std::uint64_t generation) {
  control::ChangeRecord record;
  record.generation = core::Generation{generation};
  record.action = "switch";
  record.reason = "reason " + std::to_string(generation);
  return record;
}

AuditFile opened(FaultFiles& files) {
  AuditFile audit(files, "/state");
  REQUIRE(audit.inspect());
  return audit;
}

std::string written(std::size_t lines) {
  FaultFiles files;
  AuditFile audit = opened(files);
  for (std::size_t i = 1; i <= lines; ++i) REQUIRE(audit.append(record(i)));
  return files.content(kFile).value();
}

}  // namespace

TEST_CASE("audit: lines form a chain", "[control][audit]") {
  const std::string text = written(5);
  CHECK(std::count(text.begin(), text.end(), '\n') == 5);
  CHECK_FALSE(control::first_broken_line(text));
}

TEST_CASE("audit: the chain goes on after a restart", "[control][audit]") {
  FaultFiles files;
  REQUIRE(opened(files).append(record(1)));
  REQUIRE(opened(files).append(record(2)));
  CHECK_FALSE(control::first_broken_line(files.content(kFile).value()));
}

TEST_CASE("audit: a changed, missing or exchanged line breaks the chain", "[control][audit]") {
  const std::string text = written(3);
  const std::size_t first = text.find('\n') + 1, second = text.find('\n', first) + 1;

  std::string changed = text;
  changed.replace(changed.find("reason 2"), 8, "reason 9");
  CHECK(control::first_broken_line(changed) == 2);
  CHECK(control::first_broken_line(text.substr(0, first) + text.substr(second)) == 2);
  CHECK(control::first_broken_line(text.substr(first)) == 1);
}

TEST_CASE("audit: every flipped byte breaks the chain", "[control][audit]") {
  const std::string text = written(2);
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    INFO("byte " << at);
    REQUIRE(control::first_broken_line(damaged));
  }
}

TEST_CASE("audit: inspect finds the last generation and the incomplete rest", "[control][audit]") {
  const std::string text = written(3);
  const std::size_t last = text.rfind('\n', text.size() - 2) + 1;
  for (std::size_t size = 0; size <= text.size(); ++size) {
    FaultFiles files;
    files.put(kFile, text.substr(0, size));
    AuditFile audit(files, "/state");
    const auto found = audit.inspect();
    INFO("size " << size);
    REQUIRE(found);
    REQUIRE(found->exists);
    const std::size_t complete = text.substr(0, size).rfind('\n') + 1;
    REQUIRE(found->incomplete_bytes == size - complete);
    if (size >= last) REQUIRE(found->generation == core::Generation{size == text.size() ? 3U : 2U});
    REQUIRE(audit.append(record(4)));
    REQUIRE_FALSE(control::first_broken_line(files.content(kFile).value()));
  }
}

TEST_CASE("audit: a last line longer than the first window is found", "[control][audit]") {
  FaultFiles files;
  control::ChangeRecord large = record(2);
  large.before.assign(1000, {});
  for (auto& service : large.before) service.name = std::string(200, 'n');
  AuditFile audit = opened(files);
  REQUIRE(audit.append(record(1)));
  REQUIRE(audit.append(large));
  AuditFile again(files, "/state");
  CHECK(again.inspect()->generation == core::Generation{2});
  REQUIRE(again.append(record(3)));
  CHECK_FALSE(control::first_broken_line(files.content(kFile).value()));
}

TEST_CASE("audit: a failed append leaves nothing behind for the next one", "[control][audit]") {
  for (std::size_t call = 1; call <= 3; ++call) {
    FaultFiles files;
    AuditFile audit = opened(files);
    REQUIRE(audit.append(record(1)));
    files.fail_at(call, "No space left on device", FaultFiles::Times::Once);
    INFO("call " << call);
    CHECK_FALSE(audit.append(record(2)));
    CHECK(audit.append(record(2)));
    const std::string text = files.content(kFile).value();
    CHECK_FALSE(control::first_broken_line(text));
    CHECK(std::count(text.begin(), text.end(), '\n') == 2);
  }
}
