#include "app/process_metrics.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "app/small_file.hpp"

namespace sluice::app {

namespace {

using metrics::MetricType;

/// The fields of /proc/self/stat behind the command's name, which may hold anything (proc(5)): the
/// first is `state`, field 3.
std::vector<std::string> stat_fields(const net::DescriptorUse& use) {
  const std::string text = read_small_file("/proc/self/stat", use);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream rest(text.substr(name_end + 1));
  return {std::istream_iterator<std::string>(rest), {}};
}

/// nullopt: not only digits.
std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// By its number in proc(5).
std::optional<std::uint64_t> field(const std::vector<std::string>& fields, std::size_t number) {
  constexpr std::size_t kFirst = 3;
  if (number - kFirst >= fields.size()) return std::nullopt;
  return whole_number(fields[number - kFirst]);
}

core::Nanos of_ticks(std::uint64_t ticks) {
  const auto per_second = static_cast<std::uint64_t>(std::max(1L, ::sysconf(_SC_CLK_TCK)));
  return core::Nanos{static_cast<std::int64_t>(ticks * (1'000'000'000 / per_second))};
}

std::optional<core::Nanos> boot_time(const net::DescriptorUse& use) {
  std::istringstream file(read_small_file("/proc/stat", use));
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("btime ")) continue;
    const auto since_epoch = whole_number(std::string_view(line).substr(6));
    if (!since_epoch) break;
    return std::chrono::seconds(static_cast<std::int64_t>(*since_epoch));
  }
  return std::nullopt;
}

std::optional<std::uint64_t> open_descriptors(const net::DescriptorUse& use) {
  net::OwnedFd folder(net::make_descriptor(
      use, [] { return ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  DIR* const directory = folder.is_open() ? ::fdopendir(folder.get()) : nullptr;
  if (directory == nullptr) return std::nullopt;
  folder.release();  // the stream's
  std::uint64_t count = 0;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') ++count;
  }
  ::closedir(directory);
  return count - 1;  // without the one that reads the folder
}

}  // namespace

void write_process_metrics(metrics::Exposition& out, const net::DescriptorUse& use) {
  const auto number = [&out](const metrics::Family& family, std::optional<std::uint64_t> value) {
    if (!value) return;
    out.family(family);
    out.sample(*value);
  };
  const std::vector<std::string> stat = stat_fields(use);
  const auto user = field(stat, 14), system = field(stat, 15), started = field(stat, 22);
  const auto virtual_bytes = field(stat, 23), resident_pages = field(stat, 24);
  if (user && system) {
    out.family({"process_cpu_seconds_total", MetricType::Counter,
                "Total user and system CPU time spent in seconds."});
    out.sample_seconds({}, of_ticks(*user + *system));
  }
  number({"process_virtual_memory_bytes", MetricType::Gauge, "Virtual memory size in bytes."},
         virtual_bytes);
  if (resident_pages) {
    number({"process_resident_memory_bytes", MetricType::Gauge, "Resident memory size in bytes."},
           *resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  }
  number({"process_open_fds", MetricType::Gauge, "Number of open file descriptors."},
         open_descriptors(use));
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    number({"process_max_fds", MetricType::Gauge, "Maximum number of open file descriptors."},
           limit.rlim_cur);
  }
  if (const auto boot = boot_time(use); boot && started) {
    out.family({"process_start_time_seconds", MetricType::Gauge,
                "Start time of the process since unix epoch in seconds."});
    out.sample_seconds({}, *boot + of_ticks(*started));
  }
}

void write_turn_times(metrics::Exposition& out, std::string_view loop,
                      const net::TurnTimes& times) {
  std::array<core::Nanos, net::TurnTimes::kBoundsMs.size()> bounds;
  std::ranges::transform(net::TurnTimes::kBoundsMs, bounds.begin(), [](std::uint64_t bound) {
    return core::Millis{static_cast<std::int64_t>(bound)};
  });
  out.histogram({{"loop", loop}}, bounds, times.counts, times.total);
}

}  // namespace sluice::app
