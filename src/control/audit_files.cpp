#include "control/audit_files.hpp"

#include <algorithm>
#include <charconv>
#include <compare>
#include <iterator>
#include <utility>

#include "control/digest.hpp"
#include "control/state_file.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::control {

namespace limits = core::limits;

namespace {

constexpr std::string_view kRotatedPrefix = "audit-";
constexpr std::string_view kSuffix = ".jsonl";
constexpr std::uint64_t kBlock = 1024 * 1024;

/// Where a rotated file stands in the chain.
struct Position {
  std::uint64_t first = 0;
  std::uint64_t number = 1;
  friend auto operator<=>(const Position&, const Position&) = default;
};

/// Exactly what rotated_audit_name() writes: `007` and `+7` are no numbers of ours.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto length = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || std::to_string(number) != text.substr(0, length)) return std::nullopt;
  text.remove_prefix(length);
  return number;
}

std::optional<Position> position_of(std::string_view name) {
  if (!name.starts_with(kRotatedPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  name.remove_prefix(kRotatedPrefix.size());
  name.remove_suffix(std::min(name.size(), kSuffix.size()));
  Position position;
  const auto first = take_number(name);
  if (!first) return std::nullopt;
  position.first = *first;
  if (name.empty()) return position;
  if (name.front() != '-') return std::nullopt;
  name.remove_prefix(1);
  const auto number = take_number(name);
  if (!number || *number < 2 || !name.empty()) return std::nullopt;
  position.number = *number;
  return position;
}

/// The hash that the line names as the one before it; empty when it has no such beginning.
std::string_view previous_in(std::string_view line) {
  if (!line.starts_with(kPreviousKey)) return {};
  return line.substr(kPreviousKey.size(), kDigestHexSize);
}

/// The lines of one file, block by block.
class LineReader {
 public:
  LineReader(FileLayer& files, std::string path) : files_(files), path_(std::move(path)) {}

  enum class Got : std::uint8_t { Line, Rest, End, TooLong };
  /// Rest: what stands behind the last line break. The view lives until the next call.
  core::Result<Got> next(std::string_view& line) {
    buffer_.erase(0, std::exchange(used_, 0));
    std::size_t end = buffer_.find('\n');
    while (end == std::string::npos) {
      if (buffer_.size() > limits::kAuditLineMax) return Got::TooLong;
      auto block = files_.read(path_, {.offset = offset_, .length = kBlock});
      if (!block) return block.error();
      if (block->empty()) break;
      offset_ += block->size();
      const std::size_t searched = buffer_.size();
      buffer_ += *block;
      end = buffer_.find('\n', searched);
    }
    line = std::string_view(buffer_).substr(0, end);
    used_ = end == std::string::npos ? buffer_.size() : end + 1;
    if (end != std::string::npos) return Got::Line;
    return line.empty() ? Got::End : Got::Rest;
  }

 private:
  FileLayer& files_;
  std::string path_;
  std::uint64_t offset_ = 0;
  std::string buffer_;
  std::size_t used_ = 0;  // of the buffer, by the line before
};

/// One walk over the chain. Each step says what is wrong with a line.
class Walk {
 public:
  explicit Walk(ChainStart start)
      : previous_(start == ChainStart::First ? std::optional(no_hash()) : std::nullopt) {}

  std::optional<std::string> step(std::string_view line) {
    if (!is_whole(line)) return "its bytes are not those that its hash was made of";
    if (previous_ && previous_in(line) != *previous_) return broken_link();
    previous_ = *hash_in(line);
    is_first_ = false;
    return std::nullopt;
  }

 private:
  std::string broken_link() const {
    return is_first_ ? "it continues a file that is not here"
                     : "it does not continue the line before: one is missing, or was put in";
  }
  std::optional<std::string> previous_;
  bool is_first_ = true;
};

/// Reads one file into the report. False: the chain ends here.
core::Result<bool> walk_file(FileLayer& files, const std::string& directory,
                             const std::string& name, Walk& walk, AuditReport& report) {
  using Got = LineReader::Got;
  LineReader reader(files, directory + "/" + name);
  std::string_view line;
  for (std::size_t number = 1;; ++number) {
    const auto got = reader.next(line);
    if (!got) return got.error();
    if (*got == Got::End) return true;
    std::optional<std::string> wrong;
    if (*got == Got::TooLong) wrong = "it is longer than any line";
    if (*got == Got::Rest) wrong = "it is incomplete (the next start cuts it off and notes it)";
    if (*got == Got::Line) wrong = walk.step(line);
    if (wrong) {
      report.broken = {.file = name, .line = number, .what = std::move(*wrong)};
      return false;
    }
    ++report.lines;
    report.last = generation_of(line);
    if (!report.first) report.first = report.last;
  }
}

/// Takes whole lines from the end of `text` to the front of `tail`, up to the bound. `is_cut`: the
/// text begins somewhere within a line.
void take_lines(std::string_view text, bool is_cut, std::size_t lines_max, AuditTail& tail) {
  const std::size_t complete = text.rfind('\n');
  text = text.substr(0, complete == std::string_view::npos ? 0 : complete);
  std::vector<std::string> lines;
  bool has_begun = complete == std::string_view::npos;
  while (!has_begun && tail.lines.size() + lines.size() < lines_max) {
    const std::size_t before = text.rfind('\n');
    has_begun = before == std::string_view::npos;
    if (has_begun && is_cut) break;
    lines.emplace_back(has_begun ? text : text.substr(before + 1));
    text = text.substr(0, has_begun ? 0 : before);
  }
  tail.has_older = is_cut || !has_begun;
  tail.lines.insert(tail.lines.begin(), std::make_move_iterator(lines.rbegin()),
                    std::make_move_iterator(lines.rend()));
}

}  // namespace

std::string rotated_audit_name(core::Generation first, unsigned number) {
  std::string name(kRotatedPrefix);
  name += std::to_string(first.raw);
  if (number > 1) name += "-" + std::to_string(number);
  return name.append(kSuffix);
}

core::Result<std::vector<std::string>> audit_names(FileLayer& files, const std::string& directory) {
  const auto all = files.names(directory);
  if (!all) return all.error();
  std::vector<std::pair<Position, std::string>> rotated;
  bool has_current = false;
  for (const std::string& name : *all) {
    if (const auto position = position_of(name)) rotated.emplace_back(*position, name);
    has_current |= name == kAuditName;
  }
  std::ranges::sort(rotated);
  std::vector<std::string> names;
  for (auto& [position, name] : rotated) names.push_back(std::move(name));
  if (has_current) names.emplace_back(kAuditName);
  return names;
}

core::Result<AuditReport> verify_audit(FileLayer& files, const std::string& directory,
                                       ChainStart start) {
  const auto names = audit_names(files, directory);
  if (!names) return names.error();
  if (names->empty()) {
    return core::Error{core::ErrorCode::NotFound, directory, "there is no audit file"};
  }
  AuditReport report;
  Walk walk(start);
  for (const std::string& name : *names) {
    ++report.files;
    const auto goes_on = walk_file(files, directory, name, walk, report);
    if (!goes_on) return goes_on.error();
    if (!*goes_on) break;
  }
  return report;
}

core::Result<AuditTail> read_audit_tail(FileLayer& files, const std::string& directory,
                                        TailBounds bounds) {
  const auto names = audit_names(files, directory);
  if (!names) return names.error();
  AuditTail tail;
  std::uint64_t budget = bounds.bytes;
  for (auto name = names->rbegin(); name != names->rend(); ++name) {
    if (tail.lines.size() == bounds.lines || budget == 0) {
      tail.has_older = true;
      break;
    }
    const std::string path = directory + "/" + *name;
    const auto size = files.size(path);
    if (!size) return size.error();
    const std::uint64_t length = std::min(size->value_or(0), budget);
    const auto text = files.read(path, {.offset = size->value_or(0) - length, .length = length});
    if (!text) return text.error();
    budget -= length;
    take_lines(*text, length < size->value_or(0), bounds.lines, tail);
    if (tail.has_older) break;
  }
  return tail;
}

std::optional<std::size_t> first_broken_line(std::string_view text) {
  Walk walk(ChainStart::First);
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return number;
    if (walk.step(text.substr(0, end))) return number;
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::string no_hash() {
  return std::string(kDigestHexSize, '0');
}

std::optional<std::string> hash_in(std::string_view line) {
  const std::size_t tail = kHashKey.size() + kDigestHexSize + kLineEnd.size();
  if (line.size() < tail) return std::nullopt;
  const std::string_view end = line.substr(line.size() - tail);
  if (!end.starts_with(kHashKey) || !end.ends_with(kLineEnd)) return std::nullopt;
  return std::string(end.substr(kHashKey.size(), kDigestHexSize));
}

bool is_whole(std::string_view line) {
  const auto hash = hash_in(line);
  if (!hash || !line.starts_with(kPreviousKey)) return false;
  const std::size_t body = line.size() - kHashKey.size() - kDigestHexSize - kLineEnd.size();
  return sha256_hex(line.substr(0, body)) == *hash;
}

}  // namespace sluice::control
