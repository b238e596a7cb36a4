#include "control/audit_verify.hpp"

#include <utility>

#include "control/audit_files.hpp"
#include "control/state_file.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::control {

namespace limits = core::limits;

namespace {

constexpr std::uint64_t kBlock = 1024 * 1024;

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

std::string text_of(core::Generation generation) {
  return std::to_string(generation.raw);
}

std::string missing(std::uint64_t from, std::uint64_t to) {
  if (from == to) return "the record of generation " + std::to_string(from) + " is missing";
  return "the records of generations " + std::to_string(from) + " to " + std::to_string(to) +
         " are missing";
}

/// What a start notes beside the changes: it repeats the generation in force.
bool is_note(const ChangeRecord& record) {
  return record.action == kRecovered;
}

/// One walk over the chain, line by line.
class Walk {
 public:
  /// `saved`: the record of state.json; nullptr: none. Outlives the walk.
  Walk(ChainStart start, const ChangeRecord* saved)
      : start_(start),
        saved_(saved),
        previous_(start == ChainStart::First ? std::optional(no_hash()) : std::nullopt) {}

  /// What keeps the line from being the next one of the chain; nullopt: it is.
  std::optional<std::string> link(std::string_view line) {
    if (!is_whole(line)) return "its bytes are not those that its hash was made of";
    if (previous_ && previous_in(line) != *previous_) return broken_link();
    record_ = decode_record(line);
    if (!record_) return "it is no record";
    previous_ = *hash_in(line);
    return std::nullopt;
  }

  /// What is wrong with a line of the chain all the same; nullopt: nothing.
  std::optional<std::string> judge(std::string_view line) {
    const core::Generation generation = record_->generation;
    auto wrong = last_ ? judge_next(generation) : judge_first(line);
    if (!wrong) wrong = judge_services();
    if (!wrong) wrong = compare_with_saved();
    if (!first_) first_ = generation;
    last_ = generation;
    return wrong;
  }

  std::optional<core::Generation> first() const { return first_; }
  std::optional<core::Generation> last() const { return last_; }

 private:
  std::string broken_link() const {
    return last_ ? "it does not continue the line before: one is missing, or was put in"
                 : "it continues a file that is not here";
  }

  // A chain that begins with no line before it begins with the installation, whatever was archived.
  std::optional<std::string> judge_first(std::string_view line) const {
    const bool continues = previous_in(line) != no_hash();
    if (continues && start_ == ChainStart::Any) return std::nullopt;
    if (record_->generation.raw > 1) {
      return missing(1, record_->generation.raw - 1) + ": nothing stands before this line";
    }
    const bool is_beginning = record_->action == "start" || record_->action == "discard";
    if (is_beginning) return std::nullopt;
    return "the chain begins with it, and it is no start";
  }

  std::optional<std::string> judge_next(core::Generation generation) const {
    const std::uint64_t due = is_note(*record_) ? last_->raw : last_->raw + 1;
    if (generation.raw == due) return std::nullopt;
    if (generation.raw > due) return missing(last_->raw + 1, generation.raw - 1) + " before it";
    return "its generation " + text_of(generation) + " does not follow " + text_of(*last_);
  }

  std::optional<std::string> judge_services() const {
    for (const model::ServiceTraffic& service : record_->after) {
      if (service.generation != record_->generation) return contradiction(service);
    }
    for (const model::ServiceTraffic& service : record_->before) {
      if (service.generation >= record_->generation) return contradiction(service);
    }
    return std::nullopt;
  }
  static std::string contradiction(const model::ServiceTraffic& service) {
    return "the generation of service " + service.name + " in it contradicts its own";
  }

  std::optional<std::string> compare_with_saved() const {
    if (saved_ == nullptr || is_note(*record_) || record_->generation != saved_->generation ||
        encode_record(*record_) == encode_record(*saved_)) {
      return std::nullopt;
    }
    return "state.json has another record of generation " + text_of(record_->generation);
  }

  const ChainStart start_;
  const ChangeRecord* saved_;
  std::optional<std::string> previous_;
  std::optional<ChangeRecord> record_;  // of the line in hand
  std::optional<core::Generation> first_, last_;
};

/// state.json as it is now; an error in place of what can't be trusted.
struct Saved {
  std::optional<StateImage> image;
  std::optional<std::string> damage;
};

core::Result<Saved> read_saved(FileLayer& files, const std::string& directory) {
  const std::string path = directory + "/" + std::string(kStateName);
  const auto size = files.size(path);
  if (!size) return size.error();
  if (!size->has_value()) return Saved{};
  const auto bytes = files.read(path, {.offset = 0, .length = kStateFileMax + 1});
  if (!bytes) return bytes.error();
  auto image = decode_state(*bytes);
  if (!image) return Saved{.image = std::nullopt, .damage = image.error().what};
  return Saved{.image = std::move(*image), .damage = std::nullopt};
}

/// One look, step by step.
class Look {
 public:
  Look(FileLayer& files, const std::string& directory, ChainStart start)
      : files_(files), directory_(directory), start_(start) {}

  // A proxy writes the state first and the record behind it. So the state that was read before the
  // chain is at most one change ahead of its end, and the one read behind it is not older.
  core::Result<AuditReport> run() {
    const auto before = read_saved(files_, directory_);
    if (!before) return before.error();
    Walk walk(start_, before->image ? &before->image->record : nullptr);
    const auto is_whole_chain = walk_all(walk);
    if (!is_whole_chain) return is_whole_chain.error();
    report_.first = walk.first();
    report_.last = walk.last();
    if (!*is_whole_chain) return std::move(report_);
    const auto after = read_saved(files_, directory_);
    if (!after) return after.error();
    compare_end(*before, *after);
    return std::move(report_);
  }

 private:
  core::Result<bool> walk_all(Walk& walk) {
    const auto names = audit_names(files_, directory_);
    if (!names) return names.error();
    if (names->empty()) {
      return core::Error{core::ErrorCode::NotFound, directory_, "there is no audit file"};
    }
    report_.files = names->size();
    for (const std::string& name : *names) {
      const auto goes_on = walk_file(name, walk);
      if (!goes_on || !*goes_on) return goes_on;
    }
    return true;
  }

  /// False: the chain ends in this file.
  core::Result<bool> walk_file(const std::string& name, Walk& walk) {
    using Got = LineReader::Got;
    LineReader reader(files_, directory_ + "/" + name);
    std::string_view line;
    for (std::size_t number = 1;; ++number) {
      const auto got = reader.next(line);
      if (!got) return got.error();
      if (*got == Got::End) return true;
      newest_ = {.file = name, .line = number, .what = ""};
      std::optional<std::string> broken;
      if (*got == Got::TooLong) broken = "it is longer than any line";
      if (*got == Got::Rest) broken = "it is incomplete (the next start cuts it off and notes it)";
      if (*got == Got::Line) broken = walk.link(line);
      if (broken) {
        found(std::move(*broken));
        return false;
      }
      ++report_.lines;
      if (auto wrong = walk.judge(line)) found(std::move(*wrong));
    }
  }

  void compare_end(const Saved& before, const Saved& after) {
    for (const Saved* saved : {&before, &after}) {
      if (saved->damage) return found_in_state(*saved->damage);
    }
    if (!before.image || !after.image) {
      if (start_ == ChainStart::Any) return;
      return found_in_state("it is missing, so nothing tells whether the newest records are here");
    }
    report_.is_end_compared = true;
    const std::uint64_t last = report_.last.value_or(core::Generation{0}).raw;
    const std::uint64_t old = before.image->state.generation.raw;
    const std::uint64_t now = after.image->state.generation.raw;
    if (old > last + 1) {
      found(missing(last + 1, old - 1) + " behind it: state.json is of generation " +
            std::to_string(old));
    } else if (last > now) {
      found("it is newer than state.json, which is of generation " + std::to_string(now));
    } else if (old == now && old == last + 1) {
      report_.only_in_state = core::Generation{old};
    }
  }

  void found(std::string what) {
    if (report_.findings.size() == limits::kAuditFindingsMax) report_.findings.pop_back();
    newest_.what = std::move(what);
    report_.findings.push_back(newest_);
  }
  void found_in_state(std::string what) {
    newest_ = {.file = std::string(kStateName), .line = 0, .what = ""};
    found(std::move(what));
  }

  FileLayer& files_;
  const std::string& directory_;
  const ChainStart start_;
  AuditReport report_;
  AuditFinding newest_;  // where the walk is
};

}  // namespace

core::Result<AuditReport> look_at_audit(FileLayer& files, const std::string& directory,
                                        ChainStart start) {
  return Look(files, directory, start).run();
}

namespace {

/// With a new file between them, the same place is another one.
bool are_alike(const core::Result<AuditReport>& a, const core::Result<AuditReport>& b) {
  if (!a || !b) return !a && !b;
  return a->files == b->files && a->findings == b->findings;
}

}  // namespace

core::Result<AuditReport> verify_audit(FileLayer& files, const std::string& directory,
                                       ChainStart start, const std::function<void()>& pause) {
  auto report = look_at_audit(files, directory, start);
  unsigned alike = 1;
  for (unsigned look = 1; look < limits::kAuditLooksMax; ++look) {
    const bool is_good = report && report->findings.empty();
    if (is_good || alike == limits::kAuditLooksAlike) break;
    pause();
    auto again = look_at_audit(files, directory, start);
    alike = are_alike(report, again) ? alike + 1 : 1;
    report = std::move(again);
  }
  return report;
}

std::optional<std::size_t> first_broken_line(std::string_view text) {
  Walk walk(ChainStart::First, nullptr);
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return number;
    const std::string_view line = text.substr(0, end);
    if (walk.link(line) || walk.judge(line)) return number;
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

}  // namespace sluice::control
