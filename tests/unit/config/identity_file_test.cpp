#include "sluice/config/identity_file.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sluice/core/limits.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace sluice;
using config::FileStamp;
using config::FileWatch;
using test::TempDir;

namespace {

FileStamp stamp_number(std::uint64_t inode) {
  return {.device = 1, .inode = inode, .size = 3, .modified = 4, .changed = 5};
}

/// How many looks at a file that stays as it is pass until it is read.
unsigned looks_until_read(FileWatch& watch, const FileStamp& found) {
  for (unsigned looks = 1; looks <= 2 * core::limits::kFileRetryLooksMax; ++looks) {
    if (watch.look(found)) return looks;
  }
  return 0;
}

}  // namespace

TEST_CASE("identity file: a change is read when two looks find it alike, and once",
          "[config][identity_file]") {
  const FileStamp first{.device = 1, .inode = 2, .size = 3, .modified = 4, .changed = 5};
  FileStamp growing = first;
  growing.size = 10;
  FileStamp grown = first;
  grown.size = 20;
  FileWatch watch(first);
  CHECK_FALSE(watch.look(first));
  CHECK_FALSE(watch.look(first));
  CHECK_FALSE(watch.look(growing));
  CHECK_FALSE(watch.look(grown));
  CHECK(watch.look(grown));
  CHECK_FALSE(watch.look(grown));
  // Away and back between two looks, and away for long.
  CHECK_FALSE(watch.look(std::nullopt));
  CHECK_FALSE(watch.look(grown));
  CHECK_FALSE(watch.look(grown));
  CHECK_FALSE(watch.look(std::nullopt));
  CHECK(watch.look(std::nullopt));
  CHECK_FALSE(watch.look(std::nullopt));
  CHECK_FALSE(watch.look(grown));
  CHECK(watch.look(grown));
}

TEST_CASE("identity file: the stamp differs after a write, a replacement and a removal",
          "[config][identity_file]") {
  const TempDir directory;
  const std::string file = directory.file("a.txt", "user-1\n");
  const auto first = config::stamp_of(file);
  REQUIRE(first);
  CHECK(config::stamp_of(file) == first);
  directory.file("a.txt", "user-1\nuser-2\n");
  const auto second = config::stamp_of(file);
  CHECK(second != first);
  std::filesystem::rename(directory.file("b.txt", "user-1\nuser-2\n"), file);
  CHECK(config::stamp_of(file) != second);
  std::filesystem::remove(file);
  CHECK_FALSE(config::stamp_of(file));
}

TEST_CASE("identity file: one that is different at each look is read at last, and then again",
          "[config][identity_file]") {
  using core::limits::kFileLooksMax;
  FileWatch watch(stamp_number(1));
  std::uint64_t number = 1;
  for (int reads = 0; reads < 3; ++reads) {
    for (unsigned looks = 1; looks < kFileLooksMax; ++looks)
      CHECK_FALSE(watch.look(stamp_number(++number)));
    CHECK(watch.look(stamp_number(++number)));
    watch.note_read(stamp_number(++number));  // replaced once more before it was opened
  }
  CHECK_FALSE(watch.look(stamp_number(number)));
  CHECK_FALSE(watch.look(stamp_number(number)));
}

TEST_CASE("identity file: what could not be read is tried again, more and more seldom",
          "[config][identity_file]") {
  using core::limits::kFileRetryLooksMax;
  FileWatch watch(stamp_number(1));
  const FileStamp changed = stamp_number(2);
  CHECK(looks_until_read(watch, changed) == 2);
  CHECK(looks_until_read(watch, changed) == 0);  // bad, and it stays so
  CHECK(looks_until_read(watch, stamp_number(3)) == 2);
  for (const unsigned pause : {1U, 2U, 4U, 8U, 16U, 32U, 64U, 64U}) {
    watch.note_failed();
    CHECK(looks_until_read(watch, stamp_number(3)) == pause);
  }
  CHECK(kFileRetryLooksMax == 64);
  SECTION("until it was read") {
    watch.note_read(stamp_number(3));
    CHECK(looks_until_read(watch, stamp_number(3)) == 0);
  }
  SECTION("at once when it changes") {
    watch.note_failed();
    CHECK(looks_until_read(watch, stamp_number(4)) == 2);
    watch.note_failed();
    CHECK(looks_until_read(watch, stamp_number(4)) == 1);
  }
}

TEST_CASE("identity file: one that changes while it is read is read again, and refused in the end",
          "[config][identity_file]") {
  const TempDir directory;
  const std::string file = directory.file("a.txt", "user-1\n");
  int reads = 0;
  const auto append = [&] { std::ofstream(file, std::ios::app) << "user-" << ++reads + 1 << "\n"; };
  const auto read = config::read_identities(file, [&] {
    if (reads < 2) append();
  });
  REQUIRE(read);
  CHECK(read->list.size() == 3);
  CHECK(read->stamp == config::stamp_of(file));
  reads = 0;
  const auto refused = config::read_identities(file, append);
  REQUIRE_FALSE(refused);
  CHECK(reads == 3);
  CHECK(refused.error().code == core::ErrorCode::Unavailable);
  CHECK(refused.error().text() ==
        file + ": it changes while it is read; write another file and rename it");
}

TEST_CASE("identity file: one that is replaced while it is read is whole, and not the newest",
          "[config][identity_file]") {
  const TempDir directory;
  const std::string file = directory.file("a.txt", "user-1\n");
  int reads = 0;
  const auto read = config::read_identities(file, [&] {
    ++reads;
    std::filesystem::rename(directory.file("b.txt", "user-1\nuser-2\n"), file);
  });
  REQUIRE(read);
  CHECK(reads == 1);
  CHECK(read->list.size() == 1);
  CHECK(read->stamp != config::stamp_of(file));  // so the next looks find a change
}

#ifndef SLUICE_SANITIZED  // a sanitizer's own memory counts as well
TEST_CASE("identity file: too large for the memory there is, it says how much it needs",
          "[config][identity_file]") {
  const TempDir directory;
  const std::string file = directory.file("a.txt", "");
  std::filesystem::resize_file(file, 200 << 20);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
  std::ifstream statm("/proc/self/statm");
  rlim_t pages = 0;
  statm >> pages;
  const rlimit now{.rlim_cur = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (64 << 20),
                   .rlim_max = before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_AS, &now) == 0);
  const auto read = config::read_identities(file);
  REQUIRE(::setrlimit(RLIMIT_AS, &before) == 0);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == core::ErrorCode::Unavailable);
  CHECK(read.error().text() == file + ": needs about 401 MiB of memory, which there is not");
}
#endif
