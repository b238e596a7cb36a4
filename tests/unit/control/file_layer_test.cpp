// The POSIX file layer on a real directory.
#include "control/file_layer.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <future>

#include "control/audit_verify.hpp"
#include "control/state_directory.hpp"
#include "support/catch.hpp"
#include "support/descriptor_guard.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace sluice;
using control::OpenFile;
using control::OpenMode;
using control::PosixFiles;
using test::TempDir;

void write(PosixFiles& files, const std::string& path, OpenMode mode, std::string_view bytes) {
  auto file = OpenFile::open(files, path, mode);
  REQUIRE(file);
  REQUIRE(file->write(bytes));
  REQUIRE(file->sync());
}

std::string all(PosixFiles& files, const std::string& path) {
  return files.read(path, {.offset = 0, .length = 1 << 20}).value();
}

}  // namespace

TEST_CASE("posix files: write, append, cut off and read", "[control][files]") {
  const TempDir directory;
  PosixFiles files;
  const std::string path = directory.in("a");
  write(files, path, OpenMode::Truncate, "hello ");
  write(files, path, OpenMode::Append, "world");
  CHECK(all(files, path) == "hello world");
  CHECK(files.size(path).value() == std::uint64_t{11});
  CHECK(files.read(path, {.offset = 6, .length = 3}).value() == "wor");
  CHECK(files.read(path, {.offset = 11, .length = 3}).value().empty());
  REQUIRE(OpenFile::open(files, path, OpenMode::Append)->truncate(5));
  CHECK(all(files, path) == "hello");
  write(files, path, OpenMode::Truncate, "new");
  CHECK(all(files, path) == "new");
}

TEST_CASE(
    "posix files: with a reserve a state and its audit are written when no descriptor is left",
    "[control][files]") {
  const TempDir directory;
  const auto reserve = std::make_shared<net::DescriptorReserve>();
  control::StateDirectory without(std::make_shared<PosixFiles>(), directory.in("without"));
  control::StateDirectory with(std::make_shared<PosixFiles>(reserve), directory.in("with"));
  REQUIRE(PosixFiles().make_directory(directory.in("without")));
  REQUIRE(PosixFiles().make_directory(directory.in("with")));
  const control::ChangeRecord record{.generation = core::Generation{2},
                                     .time = core::WallTime{},
                                     .actor = {},
                                     .action = "switch",
                                     .reason = "",
                                     .before = {},
                                     .after = {}};
  const NoMoreDescriptors guard;
  CHECK(without.write("state", control::OldState::Drop).landing == control::Landing::NotWritten);
  CHECK_FALSE(without.audit().append(record));
  CHECK(with.write("state", control::OldState::Drop).landing == control::Landing::Landed);
  CHECK(with.audit().append(record));
  CHECK(with.audit().tail(10)->lines.size() == 1);
  CHECK(reserve->make_whole());
}

TEST_CASE("posix files: names", "[control][files]") {
  const TempDir directory;
  PosixFiles files;
  write(files, directory.in("a"), OpenMode::Truncate, "a");
  REQUIRE(files.link({.from = directory.in("a"), .to = directory.in("b")}));
  CHECK_FALSE(files.link({.from = directory.in("a"), .to = directory.in("b")}));
  REQUIRE(files.rename({.from = directory.in("b"), .to = directory.in("c")}));
  CHECK(all(files, directory.in("c")) == "a");
  CHECK_FALSE(files.size(directory.in("b"))->has_value());
  CHECK(files.unlink(directory.in("c")));
  CHECK(files.unlink(directory.in("c")));
  CHECK(files.sync_directory(directory.path));
  CHECK(files.make_directory(directory.in("d")));
  CHECK(files.make_directory(directory.in("d")));
}

TEST_CASE("posix files: errors name the file and the call", "[control][files]") {
  PosixFiles files;
  const auto missing = files.open("/nowhere/file", OpenMode::Append);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == core::ErrorCode::Io);
  CHECK(missing.error().text() == "/nowhere/file: open: No such file or directory");
  // /dev/full refuses every write with ENOSPC.
  auto full = OpenFile::open(files, "/dev/full", OpenMode::Append);
  REQUIRE(full);
  const auto written = full->write("x");
  REQUIRE_FALSE(written);
  CHECK(written.error().text() == "/dev/full: write: No space left on device");
}

TEST_CASE("posix files: the lock keeps a second holder out and ends with the first",
          "[control][files]") {
  const TempDir directory;
  auto first = std::make_unique<PosixFiles>();
  REQUIRE(first->lock(directory.in("lock")));
  PosixFiles second;
  const auto refused = second.lock(directory.in("lock"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == core::ErrorCode::Conflict);
  first.reset();
  PosixFiles third;
  CHECK(third.lock(directory.in("lock")));
}

TEST_CASE("posix files: a lock whose holder is just ending is waited for", "[control][files]") {
  const TempDir directory;
  auto first = std::make_unique<PosixFiles>();
  REQUIRE(first->lock(directory.in("lock")));
  PosixFiles second;
  auto locked =
      std::async(std::launch::async, [&] { return second.lock(directory.in("lock")).has_value(); });
  first.reset();
  CHECK(locked.get());
}

TEST_CASE("posix files: state is not for everybody's eyes", "[control][files]") {
  const TempDir directory;
  PosixFiles files;
  write(files, directory.in("a"), OpenMode::Truncate, "a");
  struct stat found {};
  REQUIRE(::stat(directory.in("a").c_str(), &found) == 0);
  CHECK((found.st_mode & 07) == 0);
}

TEST_CASE("files: the names in a directory; none when it is not there", "[control][files]") {
  const TempDir directory;
  control::PosixFiles files;
  CHECK(files.names(directory.in("missing"))->empty());
  CHECK(files.names(directory.path)->empty());
  for (const char* name : {"a", "b"}) {
    REQUIRE(control::OpenFile::open(files, directory.in(name), control::OpenMode::Truncate));
  }
  auto names = files.names(directory.path).value();
  std::ranges::sort(names);
  CHECK(names == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(files.names(directory.in("a")));
}

TEST_CASE("files: an audit over several files on a real directory", "[control][files][audit]") {
  const TempDir directory;
  PosixFiles files;
  control::AuditFile audit(files, directory.path, 600);
  REQUIRE(audit.inspect());
  for (std::uint64_t generation = 1; generation <= 10; ++generation) {
    control::ChangeRecord record;
    record.generation = core::Generation{generation};
    record.action = generation == 1 ? "start" : "switch";
    REQUIRE(audit.append(record));
  }
  CHECK(control::audit_names(files, directory.path)->size() > 2);
  const auto report = control::look_at_audit(files, directory.path, control::ChainStart::Any);
  REQUIRE(report);
  CHECK(report->findings.empty());
  CHECK(report->lines == 10);
  CHECK(audit.tail(7)->lines.size() == 7);
}
