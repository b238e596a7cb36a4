#include "app/memory_use.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "app/small_file.hpp"

namespace sluice::app {

namespace {

/// The number that `text` begins with; nullopt: none (`max`).
std::optional<std::uint64_t> leading_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

/// What stands behind `begin` in the first line that begins so.
std::optional<std::string_view> line_behind(std::string_view text, std::string_view begin) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (text.starts_with(begin)) return text.substr(begin.size(), end - begin.size());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::nullopt;
}

/// The path of our group below the controller `memory` of version 1: `9:memory,hugetlb:/path`.
std::optional<std::string_view> path_of_v1(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const std::size_t list = line.find(':');
    const std::size_t path = list == line.npos ? line.npos : line.find(':', list + 1);
    if (path != line.npos) {
      const std::string controllers =
          "," + std::string(line.substr(list + 1, path - list - 1)) + ",";
      if (controllers.find(",memory,") != controllers.npos) return line.substr(path + 1);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::nullopt;
}

/// Version 1 says "none" by the largest number of pages.
constexpr std::uint64_t kNoLimit = 1ULL << 60U;

}  // namespace

MemoryUse::MemoryUse(const config::MemoryLimit& limit, net::DescriptorUse use, Places places)
    : limit_(limit), use_(std::move(use)), places_(std::move(places)) {
  if (limit_.kind == config::MemoryLimit::Kind::Auto) find_group();
}

std::optional<model::MemorySample> MemoryUse::look() const {
  if (limit_.kind == config::MemoryLimit::Kind::Bytes) {
    const auto used = resident();
    if (!used) return std::nullopt;
    return model::MemorySample{*used, limit_.bytes};
  }
  return group_ ? look_at(*group_) : std::nullopt;
}

void MemoryUse::find_group() {
  const std::string ours = read_small_file(places_.proc + "/cgroup", use_);
  if (const auto path = path_of_v1(ours)) {
    find_group_below(places_.cgroup + "/memory", *path, false);
  } else if (const auto unified = line_behind(ours, "0::")) {
    find_group_below(places_.cgroup, *unified, true);
  }
}

/// In a container the path may be that of the host, and only the group itself be there, as the
/// root.
void MemoryUse::find_group_below(const std::string& root, std::string_view path, bool is_v2) {
  for (const std::string& folder : {root + std::string(path == "/" ? "" : path), root}) {
    Group group{.limit = folder + (is_v2 ? "/memory.max" : "/memory.limit_in_bytes"),
                .used = folder + (is_v2 ? "/memory.current" : "/memory.usage_in_bytes"),
                .stat = folder + "/memory.stat",
                .prefix = is_v2 ? "" : "total_"};
    if (::access(group.limit.c_str(), R_OK) != 0) continue;
    group_ = std::move(group);
    return;
  }
}

/// The limit is read each time: it may be changed while we run.
std::optional<model::MemorySample> MemoryUse::look_at(const Group& group) const {
  const auto limit = number(group.limit);
  if (!limit || *limit == 0 || *limit >= kNoLimit) return std::nullopt;
  const auto used = number(group.used);
  if (!used) return std::nullopt;
  const std::string stat = read_small_file(group.stat, use_);
  // What the kernel has of files, and of their names, it gives back before it ends anybody, also
  // what was read often: beside a build or a database that is most of a group, and no reason to
  // refuse a request.
  std::uint64_t files = 0;
  for (const char* kind : {"inactive_file ", "active_file ", "slab_reclaimable "})
    files += leading_number(line_behind(stat, group.prefix + kind).value_or("")).value_or(0);
  return model::MemorySample{*used - std::min(files, *used), *limit};
}

std::optional<std::uint64_t> MemoryUse::number(const std::string& path) const {
  return leading_number(read_small_file(path, use_));
}

/// The second field of statm, in pages (proc(5)).
std::optional<std::uint64_t> MemoryUse::resident() const {
  const std::string text = read_small_file(places_.proc + "/statm", use_);
  const std::size_t space = text.find(' ');
  if (space == text.npos) return std::nullopt;
  const auto pages = leading_number(std::string_view(text).substr(space + 1));
  if (!pages) return std::nullopt;
  return *pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace sluice::app
