#include "control/audit_files.hpp"

#include <algorithm>
#include <charconv>
#include <compare>
#include <iterator>
#include <utility>

#include "control/digest.hpp"

namespace sluice::control {

namespace {

constexpr std::string_view kRotatedPrefix = "audit-";
constexpr std::string_view kSuffix = ".jsonl";

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

std::string_view previous_in(std::string_view line) {
  if (!line.starts_with(kPreviousKey)) return {};
  return line.substr(kPreviousKey.size(), kDigestHexSize);
}

bool is_whole(std::string_view line) {
  const auto hash = hash_in(line);
  if (!hash || !line.starts_with(kPreviousKey)) return false;
  const std::size_t body = line.size() - kHashKey.size() - kDigestHexSize - kLineEnd.size();
  return sha256_hex(line.substr(0, body)) == *hash;
}

}  // namespace sluice::control
