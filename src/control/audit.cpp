#include "control/audit.hpp"

#include <algorithm>

#include "control/digest.hpp"
#include "control/state_file.hpp"

namespace sluice::control {

namespace limits = core::limits;

namespace {

/// Enough for nearly every line; it doubles until a whole line is in it.
constexpr std::uint64_t kWindowFirst = 64 * 1024;

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

/// The last complete line of `text`, without its line break; nullopt: none.
std::optional<std::string_view> last_line(std::string_view text) {
  if (text.empty() || text.back() != '\n') return std::nullopt;
  text.remove_suffix(1);
  const std::size_t before = text.rfind('\n');
  return before == std::string_view::npos ? text : text.substr(before + 1);
}

/// How one file of the chain ends.
struct FileEnd {
  std::uint64_t size = 0;
  std::uint64_t incomplete_bytes = 0;  // behind the last line break
  std::optional<std::string> line;     // the last complete one
};

/// Reads the end of a file, long enough to hold its last complete line and what stands behind it.
core::Result<FileEnd> end_of(FileLayer& files, const std::string& path) {
  const auto size = files.size(path);
  if (!size) return size.error();
  FileEnd end{.size = size->value_or(0), .incomplete_bytes = 0, .line = std::nullopt};
  for (std::uint64_t window = kWindowFirst;; window *= 2) {
    const std::uint64_t length = std::min(window, end.size);
    const auto text = files.read(path, {.offset = end.size - length, .length = length});
    if (!text) return text.error();
    if (length < end.size && std::ranges::count(*text, '\n') < 2) continue;
    const std::size_t found = text->rfind('\n');
    const std::size_t complete = found == std::string::npos ? 0 : found + 1;
    end.incomplete_bytes = text->size() - complete;
    end.line = last_line(std::string_view(*text).substr(0, complete));
    return end;
  }
}

/// nullopt: it is none of ours.
core::Result<std::optional<core::Generation>> first_generation(FileLayer& files,
                                                               const std::string& path) {
  for (std::uint64_t window = kWindowFirst;; window *= 2) {
    const auto text = files.read(path, {.offset = 0, .length = window});
    if (!text) return text.error();
    const std::size_t end = text->find('\n');
    if (end == std::string::npos && text->size() == window) continue;
    return generation_of(std::string_view(*text).substr(0, end));
  }
}

}  // namespace

AuditFile::AuditFile(FileLayer& files, std::string directory, std::uint64_t size_max)
    : files_(files),
      directory_(std::move(directory)),
      path_(in(std::string(kAuditName))),
      size_max_(size_max),
      last_hash_(no_hash()) {}

core::Result<AuditFile::Found> AuditFile::inspect() {
  const auto names = audit_names(files_, directory_);
  if (!names) return names.error();
  Found found;
  found.exists = !names->empty();
  is_new_ = names->empty() || names->back() != kAuditName;
  follows_another_ = is_new_ && found.exists;
  std::optional<std::string> line;
  if (core::Status read = find_end(*names, line, found); !read) return read.error();
  const auto left = files_.identity(path_);
  if (!left) return left.error();
  known_ = *left;
  last_hash_ = no_hash();
  if (!line) return found;
  found.generation = generation_of(*line);
  last_generation_ = found.generation;
  found.is_damaged = !found.generation || !is_whole(*line);
  // A complete line without a hash was not written here; the chain goes on from what its bytes are,
  // and verify names it.
  last_hash_ = hash_in(*line).value_or(sha256_hex(*line));
  return found;
}

// A crash between the rename of a full file and the first line of the next one leaves no
// audit.jsonl, or one without a line: the chain then ends in the file before it.
core::Status AuditFile::find_end(const std::vector<std::string>& names,
                                 std::optional<std::string>& line, Found& found) {
  for (auto name = names.rbegin(); name != names.rend() && !line; ++name) {
    auto end = end_of(files_, in(*name));
    if (!end) return end.error();
    line = std::move(end->line);
    if (*name != kAuditName) continue;
    found.incomplete_bytes = end->incomplete_bytes;
    good_size_ = end->size - end->incomplete_bytes;
    has_rest_ = end->incomplete_bytes > 0;
    if (good_size_ == 0) continue;
    const auto first = first_generation(files_, path_);
    if (!first) return first.error();
    first_generation_ = *first;
  }
  return core::ok();
}

core::Status AuditFile::append(const ChangeRecord& record) {
  if (core::Status looked = find_changes(); !looked) return looked;
  if (!to_note_.empty()) {
    const ChangeRecord note{.generation = last_generation_.value_or(record.generation),
                            .time = record.time,
                            .actor = this_process(),
                            .action = std::string(kRecovered),
                            .reason = to_note_,
                            .before = {},
                            .after = {}};
    if (core::Status noted = write_line(note); !noted) return noted;
    to_note_.clear();
  }
  return write_line(record);
}

/// Whoever moves the file away, edits it or truncates it must not do so unseen, nor have the sizes
/// that are known here applied to another file.
core::Status AuditFile::find_changes() {
  const auto found = files_.identity(path_);
  if (!found) return found.error();
  return is_as_left(*found) ? core::ok() : take_over(*found);
}

bool AuditFile::is_as_left(const std::optional<FileIdentity>& found) const {
  if (!known_) return !found || has_rest_ || found->size == good_size_;
  if (!found || found->device != known_->device || found->inode != known_->inode) return false;
  return has_rest_ ? found->size >= good_size_ : found->size == good_size_;
}

core::Status AuditFile::take_over(const std::optional<FileIdentity>& found) {
  good_size_ = 0;
  has_rest_ = false;
  first_generation_.reset();
  if (found) {
    const auto end = end_of(files_, path_);
    if (!end) return end.error();
    good_size_ = end->size - end->incomplete_bytes;
    has_rest_ = end->incomplete_bytes > 0;
    const auto first = first_generation(files_, path_);
    if (!first) return first.error();
    first_generation_ = *first;
  }
  known_ = found;
  is_new_ = true;
  to_note_ = found ? "audit.jsonl was replaced or changed by somebody else; the chain goes on in it"
                   : "audit.jsonl was moved away or removed; the chain goes on in a new file";
  return core::ok();
}

core::Status AuditFile::write_line(const ChangeRecord& record) {
  if (good_size_ >= size_max_) {
    if (core::Status aside = set_aside(); !aside) return aside;
  }
  // Were the new name made before the rename is safe, a crash could leave it in the place of the
  // full file.
  if (follows_another_) {
    if (core::Status synced = files_.sync_directory(directory_); !synced) return synced;
    follows_another_ = false;
  }
  auto file = OpenFile::open(files_, path_, OpenMode::Append);
  if (!file) return file.error();
  if (core::Status cut = cut_rest(*file); !cut) return cut;
  const std::string line = line_of(record, last_hash_);
  has_rest_ = true;
  if (core::Status written = file->write(line + "\n"); !written) return written;
  if (core::Status synced = file->sync(); !synced) return synced;
  if (is_new_) {
    if (core::Status synced = files_.sync_directory(directory_); !synced) return synced;
    is_new_ = false;
  }
  has_rest_ = false;
  if (good_size_ == 0) first_generation_ = record.generation;
  good_size_ += line.size() + 1;
  last_hash_ = *hash_in(line);
  last_generation_ = record.generation;
  if (known_) return core::ok();
  // The line is on the disk, so this must not fail any more.
  if (const auto made = files_.identity(path_); made) known_ = *made;
  return core::ok();
}

core::Status AuditFile::cut_rest(OpenFile& file) {
  return has_rest_ ? file.truncate(good_size_) : core::ok();
}

/// The full file gets its own name; the next line begins a new one.
core::Status AuditFile::set_aside() {
  if (has_rest_) {
    auto file = OpenFile::open(files_, path_, OpenMode::Append);
    if (!file) return file.error();
    if (core::Status cut = cut_rest(*file); !cut) return cut;
    if (core::Status synced = file->sync(); !synced) return synced;
    has_rest_ = false;
  }
  const auto name = free_name();
  if (!name) return name.error();
  if (core::Status renamed = files_.rename({.from = path_, .to = in(*name)}); !renamed) {
    return renamed;
  }
  good_size_ = 0;
  first_generation_.reset();
  known_.reset();
  is_new_ = true;
  follows_another_ = true;
  return core::ok();
}

/// A rename replaces what has the name already.
core::Result<std::string> AuditFile::free_name() const {
  for (unsigned number = 1;; ++number) {
    std::string name = rotated_audit_name(first_generation_.value_or(core::Generation{0}), number);
    const auto taken = files_.size(in(name));
    if (!taken) return taken.error();
    if (!taken->has_value()) return name;
  }
}

core::Result<AuditTail> AuditFile::tail(std::size_t lines) const {
  return read_audit_tail(
      files_, directory_,
      {.lines = std::min(lines, limits::kAuditTailLines), .bytes = limits::kAuditTailBytes});
}

}  // namespace sluice::control
