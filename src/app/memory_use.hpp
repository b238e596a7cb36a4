#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "net/descriptor_reserve.hpp"
#include "sluice/config/schema.hpp"
#include "sluice/model/overload.hpp"

namespace sluice::app {

/// How much memory is used, and how much there may be: of this process against `limits.memory`, or
/// of its control group (v2 or v1) against the limit of that. Groups above it do not count: they
/// may be full of others, and refusing requests would not help. Files that the kernel can drop are
/// no use of it. Control thread.
class MemoryUse {
 public:
  /// Where the kernel tells: elsewhere in tests.
  struct Places {
    std::string proc = "/proc/self";
    std::string cgroup = "/sys/fs/cgroup";
  };
  MemoryUse(const config::MemoryLimit& limit, net::DescriptorUse use, Places places);
  MemoryUse(const config::MemoryLimit& limit, net::DescriptorUse use)
      : MemoryUse(limit, std::move(use), Places()) {}

  /// nullopt: there is no limit, or it can't be read now. Reads a few files of the kernel.
  std::optional<model::MemorySample> look() const;

 private:
  /// Names of the files of one group.
  struct Group {
    std::string limit;
    std::string used;
    std::string stat;
    std::string prefix;  // of the keys in `stat`
  };
  void find_group();
  void find_group_below(const std::string& root, std::string_view path, bool is_v2);
  std::optional<model::MemorySample> look_at(const Group& group) const;
  std::optional<std::uint64_t> number(const std::string& path) const;
  std::optional<std::uint64_t> resident() const;

  const config::MemoryLimit limit_;
  const net::DescriptorUse use_;
  const Places places_;
  std::optional<Group> group_;  // of Auto
};

}  // namespace sluice::app
