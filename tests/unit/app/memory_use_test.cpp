#include "app/memory_use.hpp"

#include <unistd.h>

#include <filesystem>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace sluice;
using app::MemoryUse;
using config::MemoryLimit;
using model::MemorySample;

namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;

/// What the kernel would tell.
struct Kernel {
  test::TempDir dir;

  Kernel() {
    std::filesystem::create_directory(dir.in("proc"));
    std::filesystem::create_directory(dir.in("cgroup"));
  }
  void proc(const std::string& name, const std::string& text) const {
    dir.file("proc/" + name, text);
  }
  void group(const std::string& path, const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(dir.in("cgroup" + path));
    dir.file("cgroup" + path + "/" + name, text);
  }
  void unified(const std::string& path, const std::string& limit, std::uint64_t used,
               const std::string& stat = "") const {
    group(path, "memory.max", limit + "\n");
    group(path, "memory.current", std::to_string(used) + "\n");
    group(path, "memory.stat", stat);
  }
  std::optional<MemorySample> look(MemoryLimit limit = {}) const {
    return MemoryUse(limit, {}, {dir.in("proc"), dir.in("cgroup")}).look();
  }
};

std::string bytes(std::uint64_t count) {
  return std::to_string(count);
}

}  // namespace

TEST_CASE("memory use: a size in the file is compared with what the process has", "[app][memory]") {
  const Kernel kernel;
  kernel.proc("statm", "5000 300 200 1 0 600 0\n");
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  CHECK(kernel.look({MemoryLimit::Kind::Bytes, 512 * kMiB}) ==
        MemorySample{300 * page, 512 * kMiB});
}

TEST_CASE("memory use: what can't be read is no use", "[app][memory]") {
  const Kernel kernel;
  const MemoryLimit size{MemoryLimit::Kind::Bytes, kMiB};
  CHECK_FALSE(kernel.look(size));
  for (const char* text : {"", "5000", "5000 ", "5000 x", "\n"}) {
    kernel.proc("statm", text);
    CAPTURE(text);
    CHECK_FALSE(kernel.look(size));
  }
  for (const char* text : {"", "0::", "0::/", "x", "9:memory", "9:cpu:/a\n", "::\n", "0::a\n"}) {
    kernel.proc("cgroup", text);
    CAPTURE(text);
    CHECK_FALSE(kernel.look());
  }
}

TEST_CASE("memory use: off is off, whatever the group may have", "[app][memory]") {
  const Kernel kernel;
  kernel.proc("cgroup", "0::/\n");
  kernel.unified("", bytes(100 * kMiB), 99 * kMiB);
  CHECK(kernel.look());
  CHECK_FALSE(kernel.look({MemoryLimit::Kind::Off}));
}

TEST_CASE("memory use: files that the kernel can drop are none", "[app][memory]") {
  const Kernel kernel;
  kernel.proc("cgroup", "0::/system.slice/sluice.service\n");
  const std::string stat = "anon 1\nfile 2\nactive_file " + bytes(10 * kMiB) + "\ninactive_file " +
                           bytes(20 * kMiB) + "\nunevictable 0\n";
  kernel.unified("/system.slice/sluice.service", bytes(100 * kMiB), 90 * kMiB, stat);
  CHECK(kernel.look() == MemorySample{60 * kMiB, 100 * kMiB});
  // Two files that were read one after the other need not agree.
  kernel.unified("/system.slice/sluice.service", bytes(100 * kMiB), 20 * kMiB, stat);
  CHECK(kernel.look() == MemorySample{0, 100 * kMiB});
}

TEST_CASE("memory use: groups above ours may be full of others", "[app][memory]") {
  const Kernel kernel;
  kernel.proc("cgroup", "0::/a/b\n");
  kernel.unified("/a", bytes(100 * kMiB), 99 * kMiB);
  kernel.unified("/a/b", "max", 7 * kMiB);
  CHECK_FALSE(kernel.look());
  kernel.unified("/a/b", bytes(50 * kMiB), 7 * kMiB);
  CHECK(kernel.look() == MemorySample{7 * kMiB, 50 * kMiB});
}

TEST_CASE("memory use: no group has a limit", "[app][memory]") {
  const Kernel kernel;
  kernel.proc("cgroup", "0::/a\n");
  kernel.unified("/a", "max", 700 * kMiB);
  CHECK_FALSE(kernel.look());
}

TEST_CASE("memory use: a limit that is set later counts from then on", "[app][memory]") {
  const Kernel kernel;
  kernel.proc("cgroup", "0::/a\n");
  kernel.unified("/a", "max", 70 * kMiB);
  const MemoryUse use({}, {}, {kernel.dir.in("proc"), kernel.dir.in("cgroup")});
  CHECK_FALSE(use.look());
  kernel.unified("/a", bytes(100 * kMiB), 70 * kMiB);
  CHECK(use.look() == MemorySample{70 * kMiB, 100 * kMiB});
}

TEST_CASE("memory use: in a container the path of the host is not there, and the root is ours",
          "[app][memory]") {
  const Kernel kernel;
  kernel.proc("cgroup", "0::/kubepods.slice/pod1/ctr\n");
  kernel.unified("", bytes(200 * kMiB), 10 * kMiB);
  CHECK(kernel.look() == MemorySample{10 * kMiB, 200 * kMiB});
}

TEST_CASE("memory use: groups of version 1", "[app][memory]") {
  const Kernel kernel;
  kernel.proc("cgroup", "12:cpu,cpuacct:/x\n9:hugetlb,memory:/docker/abc\n0::/y\n");
  kernel.group("/memory/docker/abc", "memory.limit_in_bytes", bytes(100 * kMiB) + "\n");
  kernel.group("/memory/docker/abc", "memory.usage_in_bytes", bytes(80 * kMiB) + "\n");
  kernel.group("/memory/docker/abc", "memory.stat",
               "inactive_file 1\ntotal_active_file " + bytes(5 * kMiB) + "\ntotal_inactive_file " +
                   bytes(15 * kMiB) + "\n");
  kernel.group("/memory", "memory.limit_in_bytes", "9223372036854771712\n");
  kernel.group("/memory", "memory.usage_in_bytes", bytes(9000 * kMiB) + "\n");
  CHECK(kernel.look() == MemorySample{60 * kMiB, 100 * kMiB});
}

TEST_CASE("memory use: of this process", "[app][memory]") {
  const auto sample = MemoryUse({MemoryLimit::Kind::Bytes, kMiB}, {}).look();
  REQUIRE(sample);
  CHECK(sample->used > kMiB / 4);
  CHECK(sample->used < 10'000 * kMiB);
}
