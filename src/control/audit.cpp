#include "control/audit.hpp"

#include <algorithm>

#include "control/digest.hpp"
#include "control/state_file.hpp"

namespace sluice::control {

namespace {

constexpr std::string_view kPreviousKey = "{\"previous\":\"";
constexpr std::string_view kHashKey = ",\"hash\":\"";
constexpr std::string_view kLineEnd = "\"}";
/// Enough for nearly every line; it doubles until a whole line is in it.
constexpr std::uint64_t kTailFirst = 64 * 1024;

std::string no_hash() {
  return std::string(kDigestHexSize, '0');
}

std::string line_of(const ChangeRecord& record, const std::string& previous) {
  std::string line(kPreviousKey);
  line += previous + "\",";
  const std::string body = encode_record(record);
  line.append(body, 1, body.size() - 2);  // without its braces
  const std::string hash = sha256_hex(line);
  line += kHashKey;
  line += hash;
  line += kLineEnd;
  return line;
}

/// The hash that a line carries; nullopt when it has no such end.
std::optional<std::string> hash_in(std::string_view line) {
  const std::size_t tail = kHashKey.size() + kDigestHexSize + kLineEnd.size();
  if (line.size() < tail) return std::nullopt;
  const std::string_view end = line.substr(line.size() - tail);
  if (!end.starts_with(kHashKey) || !end.ends_with(kLineEnd)) return std::nullopt;
  return std::string(end.substr(kHashKey.size(), kDigestHexSize));
}

/// The last complete line of `text`, without its line break; empty: none.
std::string_view last_line(std::string_view text) {
  if (text.empty() || text.back() != '\n') return {};
  text.remove_suffix(1);
  const std::size_t before = text.rfind('\n');
  return before == std::string_view::npos ? text : text.substr(before + 1);
}

/// Whether the hash that the line carries is the one of its bytes.
bool is_whole(std::string_view line) {
  const auto hash = hash_in(line);
  if (!hash || !line.starts_with(kPreviousKey)) return false;
  const std::size_t body = line.size() - kHashKey.size() - kDigestHexSize - kLineEnd.size();
  return sha256_hex(line.substr(0, body)) == *hash;
}

bool continues(std::string_view line, std::string_view previous) {
  return is_whole(line) && line.substr(kPreviousKey.size(), kDigestHexSize) == previous;
}

}  // namespace

AuditFile::AuditFile(FileLayer& files, std::string directory)
    : files_(files),
      directory_(std::move(directory)),
      path_(directory_ + "/audit.jsonl"),
      last_hash_(no_hash()) {}

core::Result<AuditFile::Found> AuditFile::inspect() {
  const auto size = files_.size(path_);
  if (!size) return size.error();
  if (!size->has_value()) return Found{};
  const auto text = tail(**size);
  if (!text) return text.error();
  const std::size_t complete = text->rfind('\n') == std::string::npos ? 0 : text->rfind('\n') + 1;

  Found found;
  found.exists = true;
  found.incomplete_bytes = text->size() - complete;
  const std::string_view line = last_line(std::string_view(*text).substr(0, complete));
  found.generation = generation_of(line);
  found.is_damaged = complete > 0 && (!found.generation || !is_whole(line));
  // A complete line without a hash was not written here; the chain goes on from what its bytes are,
  // and verify names it.
  last_hash_ = line.empty() ? no_hash() : hash_in(line).value_or(sha256_hex(line));
  good_size_ = **size - found.incomplete_bytes;
  has_rest_ = found.incomplete_bytes > 0;
  is_new_ = false;
  return found;
}

/// The end of the file, long enough to hold its last complete line and what stands behind it.
core::Result<std::string> AuditFile::tail(std::uint64_t size) {
  for (std::uint64_t window = kTailFirst;; window *= 2) {
    const std::uint64_t length = std::min(window, size);
    auto text = files_.read(path_, {.offset = size - length, .length = length});
    if (!text || length == size || std::ranges::count(*text, '\n') >= 2) return text;
  }
}

core::Status AuditFile::append(const ChangeRecord& record) {
  auto file = OpenFile::open(files_, path_, OpenMode::Append);
  if (!file) return file.error();
  if (has_rest_) {
    if (core::Status cut = file->truncate(good_size_); !cut) return cut;
  }
  const std::string line = line_of(record, last_hash_);
  has_rest_ = true;
  if (core::Status written = file->write(line + "\n"); !written) return written;
  if (core::Status synced = file->sync(); !synced) return synced;
  if (is_new_) {
    if (core::Status synced = files_.sync_directory(directory_); !synced) return synced;
    is_new_ = false;
  }
  has_rest_ = false;
  good_size_ += line.size() + 1;
  last_hash_ = *hash_in(line);
  return core::ok();
}

std::optional<std::size_t> first_broken_line(std::string_view text) {
  std::string previous = no_hash();
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return number;
    const std::string_view line = text.substr(0, end);
    if (!continues(line, previous)) return number;
    previous = *hash_in(line);
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

}  // namespace sluice::control
