// The crash tests of behaviour.md §1: after a crash at any call, with any part of the unsynced
// changes lost, a start finds the last acknowledged state or the one in flight; never an older one,
// and never "no state".
#include "control/state_directory.hpp"

#include "control/state_file.hpp"
#include "support/catch.hpp"
#include "support/fault_files.hpp"

namespace {

using namespace sluice;
using control::Landing;
using control::OldState;
using control::StateDirectory;
using test::FaultFiles;

const std::string kState = "/state/state.json";
const std::string kPrevious = "/state/state.json.previous";

control::StateImage image_of(std::uint64_t generation) {
  control::StateImage image;
  image.state.generation = core::Generation{generation};
  model::ServiceTraffic& service = image.state.services.emplace_back();
  service.name = "shop";
  service.salt = "shop";
  service.generation = image.state.generation;
  image.record.generation = image.state.generation;
  image.record.action = "switch";
  image.record.after = image.state.services;
  return image;
}
std::string bytes_of(std::uint64_t generation) {
  return control::encode_state(image_of(generation)).value();
}

struct Disk {
  std::shared_ptr<FaultFiles> files = std::make_shared<FaultFiles>();
  std::unique_ptr<StateDirectory> directory = std::make_unique<StateDirectory>(files, "/state");

  Landing write(std::uint64_t generation, OldState old = OldState::KeepAsPrevious) {
    return directory->write(bytes_of(generation), old).landing;
  }
  /// A fresh process on what the crash left.
  void restart(FaultFiles::Tail tail, std::uint64_t kept) {
    files->crash(tail, kept);
    directory = std::make_unique<StateDirectory>(files, "/state");
    REQUIRE(directory->lock());
  }
  std::uint64_t loaded() {
    const auto state = directory->load();
    REQUIRE(state);
    return state->has_value() ? (*state)->state.generation.raw : 0;
  }
};

/// Generations 1 and 2 are acknowledged.
Disk with_two_states() {
  Disk disk;
  REQUIRE(disk.directory->lock());
  REQUIRE(disk.write(1, OldState::Drop) == Landing::Landed);
  REQUIRE(disk.write(2) == Landing::Landed);
  return disk;
}

std::size_t calls_of_a_write() {
  Disk disk = with_two_states();
  const std::size_t before = disk.files->calls();
  REQUIRE(disk.write(3) == Landing::Landed);
  return disk.files->calls() - before;
}

constexpr FaultFiles::Tail kTails[] = {FaultFiles::Tail::Lost, FaultFiles::Tail::Torn,
                                       FaultFiles::Tail::Kept};

}  // namespace

TEST_CASE("state directory: writes and keeps the state before", "[control][state]") {
  Disk disk = with_two_states();
  CHECK(disk.loaded() == 2);
  CHECK(disk.directory->load_previous()->state.generation == core::Generation{1});
  CHECK(disk.files->unsynced_entries() == 0);
}

TEST_CASE("state directory: a dropped state does not push the good one out", "[control][state]") {
  Disk disk = with_two_states();
  REQUIRE(disk.write(3, OldState::Drop) == Landing::Landed);
  CHECK(disk.loaded() == 3);
  CHECK(disk.directory->load_previous()->state.generation == core::Generation{1});
}

TEST_CASE("state directory: a crash at any call leaves the last state or the one in flight",
          "[control][state][crash]") {
  const std::size_t calls = calls_of_a_write();
  REQUIRE(calls >= 8);
  for (std::size_t call = 1; call <= calls + 1; ++call) {
    for (const FaultFiles::Tail tail : kTails) {
      for (std::uint64_t kept = 0;; ++kept) {
        Disk disk = with_two_states();
        disk.files->crash_at(call);
        bool is_acknowledged = false;
        try {
          is_acknowledged = disk.write(3) == Landing::Landed;
        } catch (const FaultFiles::Crashed&) {
        }
        const std::uint64_t combinations = std::uint64_t{1} << disk.files->unsynced_entries();
        disk.restart(tail, kept);
        INFO("call " << call << ", tail " << static_cast<int>(tail) << ", entries " << kept);
        const std::uint64_t found = disk.loaded();
        REQUIRE((found == 3 || (found == 2 && !is_acknowledged)));
        REQUIRE(disk.directory->load_previous());
        // And it goes on from there.
        REQUIRE(disk.write(found + 1) == Landing::Landed);
        REQUIRE(disk.loaded() == found + 1);
        if (kept + 1 >= combinations) break;
      }
    }
  }
}

TEST_CASE("state directory: a crash in the first write leaves nothing or generation 1",
          "[control][state][crash]") {
  for (std::size_t call = 1; call <= 6; ++call) {
    for (const FaultFiles::Tail tail : kTails) {
      for (std::uint64_t kept = 0;; ++kept) {
        Disk disk;
        disk.files->crash_at(call);
        bool is_acknowledged = false;
        try {
          is_acknowledged = disk.write(1, OldState::Drop) == Landing::Landed;
        } catch (const FaultFiles::Crashed&) {
        }
        const std::uint64_t combinations = std::uint64_t{1} << disk.files->unsynced_entries();
        disk.restart(tail, kept);
        INFO("call " << call << ", tail " << static_cast<int>(tail) << ", entries " << kept);
        const std::uint64_t found = disk.loaded();
        REQUIRE((found == 1 || (found == 0 && !is_acknowledged)));
        if (kept + 1 >= combinations) break;
      }
    }
  }
}

TEST_CASE("state directory: a failure at any call says truly how far it came",
          "[control][state][fault]") {
  const std::size_t calls = calls_of_a_write();
  for (const char* reason :
       {"No space left on device", "Input/output error", "Read-only file system"}) {
    for (std::size_t call = 1; call <= calls; ++call) {
      Disk disk = with_two_states();
      disk.files->fail_at(call, reason, FaultFiles::Times::Once);
      const control::WriteResult result =
          disk.directory->write(bytes_of(3), OldState::KeepAsPrevious);
      INFO(reason << " at call " << call);
      REQUIRE(result.landing != Landing::Landed);
      REQUIRE(result.error);
      REQUIRE(result.error->what.find(reason) != std::string::npos);
      const std::uint64_t now = disk.loaded();
      REQUIRE((now == 2 || result.landing == Landing::Uncertain));
      // The corrective write lands, and a crash after it finds nothing else.
      REQUIRE(disk.write(2, OldState::Drop) == Landing::Landed);
      disk.restart(FaultFiles::Tail::Lost, 0);
      REQUIRE(disk.loaded() == 2);
    }
  }
}

TEST_CASE("state directory: NotWritten stays not written, whatever a crash leaves",
          "[control][state][fault]") {
  const std::size_t calls = calls_of_a_write();
  for (std::size_t call = 1; call <= calls; ++call) {
    for (std::uint64_t kept = 0; kept < 64; ++kept) {
      Disk disk = with_two_states();
      disk.files->fail_at(call, "Input/output error", FaultFiles::Times::Once);
      const Landing landing = disk.write(3);
      if (landing != Landing::NotWritten) continue;
      disk.restart(FaultFiles::Tail::Kept, kept);
      INFO("call " << call << ", entries " << kept);
      REQUIRE(disk.loaded() == 2);
    }
  }
}

TEST_CASE("state directory: nothing there is the first start", "[control][state]") {
  Disk disk;
  const auto state = disk.directory->load();
  REQUIRE(state);
  CHECK_FALSE(state->has_value());
}

TEST_CASE("state directory: no state.json beside its relatives is corrupt", "[control][state]") {
  for (const std::string& relative : {kPrevious, std::string("/state/audit.jsonl")}) {
    Disk disk;
    disk.files->put(relative, "");
    const auto state = disk.directory->load();
    INFO(relative);
    REQUIRE_FALSE(state);
    CHECK(state.error().code == core::ErrorCode::Corrupt);
    CHECK(state.error().text().find(relative) != std::string::npos);
  }
}

TEST_CASE("state directory: a damaged file is corrupt, an empty one too", "[control][state]") {
  for (const std::string& bytes : {std::string(), std::string("{}"), bytes_of(2).substr(1)}) {
    Disk disk;
    disk.files->put(kState, bytes);
    const auto state = disk.directory->load();
    REQUIRE_FALSE(state);
    CHECK(state.error().code == core::ErrorCode::Corrupt);
    CHECK(state.error().where == kState);
  }
}

TEST_CASE("state directory: a second process is refused", "[control][state]") {
  Disk disk = with_two_states();
  StateDirectory second(disk.files, "/state");
  const auto locked = second.lock();
  REQUIRE_FALSE(locked);
  CHECK(locked.error().code == core::ErrorCode::Conflict);
}
