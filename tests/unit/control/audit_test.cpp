#include "control/audit.hpp"

#include "control/audit_verify.hpp"
#include "control/state_file.hpp"
#include "support/catch.hpp"
#include "support/fault_files.hpp"

namespace {

using namespace sluice;
using control::AuditFile;
using test::FaultFiles;

const std::string kFile = "/state/audit.jsonl";

control::ChangeRecord record(std::uint64_t generation) {
  control::ChangeRecord record;
  record.generation = core::Generation{generation};
  record.action = generation == 1 ? "start" : "switch";
  record.reason = "reason " + std::to_string(generation);
  return record;
}

AuditFile opened(FaultFiles& files) {
  AuditFile audit(files, "/state");
  REQUIRE(audit.inspect());
  return audit;
}

std::string written(std::size_t lines) {
  FaultFiles files;
  AuditFile audit = opened(files);
  for (std::size_t i = 1; i <= lines; ++i) REQUIRE(audit.append(record(i)));
  return files.content(kFile).value();
}

}  // namespace

TEST_CASE("audit: lines form a chain", "[control][audit]") {
  const std::string text = written(5);
  CHECK(std::count(text.begin(), text.end(), '\n') == 5);
  CHECK_FALSE(control::first_broken_line(text));
}

TEST_CASE("audit: the chain goes on after a restart", "[control][audit]") {
  FaultFiles files;
  REQUIRE(opened(files).append(record(1)));
  REQUIRE(opened(files).append(record(2)));
  CHECK_FALSE(control::first_broken_line(files.content(kFile).value()));
}

TEST_CASE("audit: a changed, missing or exchanged line breaks the chain", "[control][audit]") {
  const std::string text = written(3);
  const std::size_t first = text.find('\n') + 1, second = text.find('\n', first) + 1;

  std::string changed = text;
  changed.replace(changed.find("reason 2"), 8, "reason 9");
  CHECK(control::first_broken_line(changed) == 2);
  CHECK(control::first_broken_line(text.substr(0, first) + text.substr(second)) == 2);
  CHECK(control::first_broken_line(text.substr(first)) == 1);
}

TEST_CASE("audit: every flipped byte breaks the chain", "[control][audit]") {
  const std::string text = written(2);
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    INFO("byte " << at);
    REQUIRE(control::first_broken_line(damaged));
  }
}

TEST_CASE("audit: inspect finds the last generation and the incomplete rest", "[control][audit]") {
  const std::string text = written(3);
  const std::size_t last = text.rfind('\n', text.size() - 2) + 1;
  for (std::size_t size = 0; size <= text.size(); ++size) {
    FaultFiles files;
    files.put(kFile, text.substr(0, size));
    AuditFile audit(files, "/state");
    const auto found = audit.inspect();
    INFO("size " << size);
    REQUIRE(found);
    REQUIRE(found->exists);
    const std::size_t complete = text.substr(0, size).rfind('\n') + 1;
    REQUIRE(found->incomplete_bytes == size - complete);
    if (size >= last) REQUIRE(found->generation == core::Generation{size == text.size() ? 3U : 2U});
    REQUIRE(audit.append(record(found->generation.value_or(core::Generation{0}).raw + 1)));
    REQUIRE_FALSE(control::first_broken_line(files.content(kFile).value()));
  }
}

TEST_CASE("audit: a last line longer than the first window is found", "[control][audit]") {
  FaultFiles files;
  control::ChangeRecord large = record(2);
  large.before.assign(1000, {});
  for (auto& service : large.before) service.name = std::string(200, 'n');
  AuditFile audit = opened(files);
  REQUIRE(audit.append(record(1)));
  REQUIRE(audit.append(large));
  AuditFile again(files, "/state");
  CHECK(again.inspect()->generation == core::Generation{2});
  REQUIRE(again.append(record(3)));
  CHECK_FALSE(control::first_broken_line(files.content(kFile).value()));
}

TEST_CASE("audit: a failed append leaves nothing behind for the next one", "[control][audit]") {
  for (std::size_t call = 1; call <= 3; ++call) {
    FaultFiles files;
    AuditFile audit = opened(files);
    REQUIRE(audit.append(record(1)));
    files.fail_at(call, "No space left on device", FaultFiles::Times::Once);
    INFO("call " << call);
    CHECK_FALSE(audit.append(record(2)));
    CHECK(audit.append(record(2)));
    const std::string text = files.content(kFile).value();
    CHECK_FALSE(control::first_broken_line(text));
    CHECK(std::count(text.begin(), text.end(), '\n') == 2);
  }
}

// ---- more than one file ----

namespace {

constexpr FaultFiles::Tail kTails[] = {FaultFiles::Tail::Lost, FaultFiles::Tail::Torn,
                                       FaultFiles::Tail::Kept};

/// Some three records fit.
constexpr std::uint64_t kSmall = 700;

AuditFile small_file(FaultFiles& files) {
  AuditFile audit(files, "/state", kSmall);
  REQUIRE(audit.inspect());
  return audit;
}

/// `lines` records in files of kSmall.
void write_small(FaultFiles& files, std::size_t lines) {
  AuditFile audit = small_file(files);
  for (std::size_t i = 1; i <= lines; ++i) REQUIRE(audit.append(record(i)));
}

/// Of the chain alone: there is no state.json here.
struct Report : control::AuditReport {
  std::optional<control::AuditFinding> broken;
};

Report report_of(FaultFiles& files, control::ChainStart start = control::ChainStart::First) {
  const auto found = control::look_at_audit(files, "/state", start);
  REQUIRE(found);
  Report report{*found, std::nullopt};
  if (!report.findings.empty() && report.findings[0].file != "state.json") {
    report.broken = report.findings[0];
  }
  return report;
}

std::vector<std::string> names_in(FaultFiles& files) {
  return control::audit_names(files, "/state").value();
}

}  // namespace

TEST_CASE("audit: a full file is set aside under its first generation", "[control][audit]") {
  FaultFiles files;
  write_small(files, 8);
  const auto names = names_in(files);
  REQUIRE(names.size() >= 3);
  CHECK(names.front() == "audit-1.jsonl");
  CHECK(names.back() == "audit.jsonl");
  std::uint64_t next = 1;
  for (const std::string& name : names) {
    const std::string text = files.content("/state/" + name).value();
    if (name != "audit.jsonl") {
      CHECK(name == "audit-" + std::to_string(next) + ".jsonl");
      CHECK(text.size() >= kSmall);
    }
    next += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  }
  const Report report = report_of(files);
  CHECK_FALSE(report.broken);
  CHECK(report.files == names.size());
  CHECK(report.lines == 8);
  CHECK(report.first == core::Generation{1});
  CHECK(report.last == core::Generation{8});
}

TEST_CASE("audit: a file is full at its size, not one byte before", "[control][audit]") {
  const std::uint64_t two = written(2).size();
  for (const std::uint64_t size : {two, two + 1}) {
    FaultFiles files;
    AuditFile audit(files, "/state", size);
    REQUIRE(audit.inspect());
    for (std::size_t i = 1; i <= 3; ++i) REQUIRE(audit.append(record(i)));
    INFO("size " << size << " of " << two);
    CHECK(names_in(files).size() == (size == two ? 2 : 1));
  }
}

TEST_CASE("audit: a restart goes on in any file of the chain", "[control][audit]") {
  FaultFiles files;
  for (std::size_t i = 1; i <= 12; ++i) {
    AuditFile audit(files, "/state", kSmall);
    const auto found = audit.inspect();
    REQUIRE(found);
    CHECK(found->generation == (i == 1 ? std::nullopt : std::optional(core::Generation{i - 1})));
    REQUIRE(audit.append(record(i)));
  }
  CHECK(names_in(files).size() > 2);
  CHECK(report_of(files).lines == 12);
  CHECK_FALSE(report_of(files).broken);
}

TEST_CASE("audit: two files may begin with the same generation", "[control][audit]") {
  FaultFiles files;
  AuditFile audit(files, "/state", 1);  // every line fills a file
  REQUIRE(audit.inspect());
  REQUIRE(audit.append(record(1)));
  control::ChangeRecord note = record(1);
  note.action = control::kRecovered;
  for (int i = 0; i < 11; ++i) REQUIRE(audit.append(note));
  const auto names = names_in(files);
  REQUIRE(names.size() == 12);
  CHECK(names[0] == "audit-1.jsonl");
  CHECK(names[1] == "audit-1-2.jsonl");
  CHECK(names[10] == "audit-1-11.jsonl");
  CHECK(report_of(files).lines == 12);
  CHECK_FALSE(report_of(files).broken);
}

TEST_CASE("audit: only names that Sluice gives belong to the chain", "[control][audit]") {
  FaultFiles files;
  for (const char* name : {"audit-.jsonl", "audit-1x.jsonl", "audit-01.jsonl", "audit-1-1.jsonl",
                           "audit-1-2-3.jsonl", "audit--1.jsonl", "audit-1.jsonl.gz", "audit.json",
                           "audit-99999999999999999999.jsonl", "state.json"}) {
    files.put("/state/" + std::string(name), "");
  }
  CHECK(names_in(files).empty());
  for (const char* name :
       {"audit-10.jsonl", "audit-9-10.jsonl", "audit-9-2.jsonl", "audit-9.jsonl", "audit.jsonl"}) {
    files.put("/state/" + std::string(name), "");
  }
  CHECK(names_in(files) == std::vector<std::string>{"audit-9.jsonl", "audit-9-2.jsonl",
                                                    "audit-9-10.jsonl", "audit-10.jsonl",
                                                    "audit.jsonl"});
}

TEST_CASE("audit: verify finds every flipped byte in every file, and names file and line",
          "[control][audit][verify]") {
  FaultFiles files;
  write_small(files, 8);
  for (const std::string& name : names_in(files)) {
    const std::string path = "/state/" + name;
    const std::string good = files.content(path).value();
    for (std::size_t at = 0; at < good.size(); ++at) {
      std::string damaged = good;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x01);
      files.put(path, damaged);
      const Report report = report_of(files);
      INFO(name << " byte " << at);
      REQUIRE(report.broken);
      REQUIRE(report.broken->file == name);
      const auto line =
          1 + std::count(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(at), '\n');
      REQUIRE(report.broken->line == static_cast<std::size_t>(line));
    }
    files.put(path, good);
  }
  CHECK_FALSE(report_of(files).broken);
}

TEST_CASE("audit: verify finds a file that is missing, exchanged or not whole",
          "[control][audit][verify]") {
  FaultFiles files;
  write_small(files, 12);
  const auto names = names_in(files);
  REQUIRE(names.size() >= 4);
  const auto path = [&names](std::size_t i) { return "/state/" + names[i]; };
  const std::string first = files.content(path(0)).value();
  const std::string second = files.content(path(1)).value();

  files.remove(path(1));
  CHECK(report_of(files).broken->file == names[2]);
  CHECK(report_of(files).broken->line == 1);
  files.put(path(1), first);
  CHECK(report_of(files).broken->file == names[1]);
  files.put(path(1), second.substr(0, second.size() - 1));
  CHECK(report_of(files).broken->what.find("incomplete") != std::string::npos);
  files.put(path(1), second);
  CHECK_FALSE(report_of(files).broken);

  // Older files may be archived elsewhere, when the caller says so.
  files.remove(path(0));
  const Report strict = report_of(files);
  REQUIRE(strict.broken);
  CHECK(strict.broken->file == names[1]);
  CHECK(strict.broken->what.find("not here") != std::string::npos);
  CHECK_FALSE(report_of(files, control::ChainStart::Any).broken);
  files.remove(path(2));
  CHECK(report_of(files, control::ChainStart::Any).broken->file == names[3]);
}

TEST_CASE("audit: verify of nothing, and of lines longer than a block",
          "[control][audit][verify]") {
  FaultFiles files;
  const auto nothing = control::look_at_audit(files, "/state", control::ChainStart::First);
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().code == core::ErrorCode::NotFound);

  control::ChangeRecord large = record(2);
  large.reason = std::string(3 * 1024 * 1024, 'r');
  AuditFile audit = opened(files);
  for (const auto& each : {record(1), large, record(3)}) REQUIRE(audit.append(each));
  CHECK_FALSE(report_of(files).broken);
  CHECK(report_of(files).lines == 3);
}

// A crash at any call of an append that begins a new file, with any part of what was not synced
// lost: a start finds the end of the chain, and the chain goes on.
TEST_CASE("audit: a crash at any step of a rotation leaves a chain that goes on",
          "[control][audit][crash]") {
  const auto full = [](FaultFiles& files) {
    AuditFile audit = small_file(files);
    std::size_t lines = 0;
    while (files.content(kFile).value_or("").size() < kSmall)
      REQUIRE(audit.append(record(++lines)));
    return lines;
  };
  FaultFiles counted;
  const std::size_t lines = full(counted);
  const std::size_t before = counted.calls();
  REQUIRE(small_file(counted).append(record(lines + 1)));
  REQUIRE(names_in(counted).size() == 2);
  const std::size_t calls = counted.calls() - before;
  REQUIRE(calls >= 6);  // rename, sync, open, write, sync, sync

  for (std::size_t call = 1; call <= calls + 1; ++call) {
    for (const FaultFiles::Tail tail : kTails) {
      for (std::uint64_t kept = 0;; ++kept) {
        FaultFiles files;
        full(files);
        AuditFile audit = small_file(files);
        files.crash_at(call);
        bool is_written = false;
        try {
          is_written = static_cast<bool>(audit.append(record(lines + 1)));
        } catch (const FaultFiles::Crashed&) {
        }
        const std::uint64_t combinations = std::uint64_t{1} << files.unsynced_entries();
        files.crash(tail, kept);
        INFO("call " << call << ", tail " << static_cast<int>(tail) << ", entries " << kept);
        AuditFile again(files, "/state", kSmall);
        const auto found = again.inspect();
        REQUIRE(found);
        REQUIRE(found->exists);
        REQUIRE_FALSE(found->is_damaged);
        REQUIRE(found->generation);
        const std::uint64_t last = found->generation->raw;
        REQUIRE((last == lines + 1 || (last == lines && !is_written)));
        for (std::uint64_t next = last + 1; next <= lines + 8; ++next) {
          REQUIRE(again.append(record(next)));
        }
        const Report report = report_of(files);
        REQUIRE_FALSE(report.broken);
        REQUIRE(report.lines == lines + 8);
        if (kept + 1 >= combinations) break;
      }
    }
  }
}

TEST_CASE("audit: a failure at any step of a rotation is made good by the next append",
          "[control][audit][fault]") {
  for (std::size_t call = 1; call <= 6; ++call) {
    FaultFiles files;
    AuditFile audit = small_file(files);
    std::size_t lines = 0;
    while (files.content(kFile).value_or("").size() < kSmall)
      REQUIRE(audit.append(record(++lines)));
    files.fail_at(call, "No space left on device", FaultFiles::Times::Once);
    INFO("call " << call);
    CHECK_FALSE(audit.append(record(lines + 1)));
    CHECK(audit.append(record(lines + 1)));
    const Report report = report_of(files);
    CHECK_FALSE(report.broken);
    CHECK(report.lines == lines + 1);
    CHECK(files.unsynced_entries() == 0);
  }
}

// ---- the newest lines ----

TEST_CASE("audit: the newest lines come from as many files as they need", "[control][audit]") {
  FaultFiles files;
  write_small(files, 9);
  AuditFile audit = small_file(files);
  for (std::size_t count = 1; count <= 10; ++count) {
    const auto tail = audit.tail(count);
    REQUIRE(tail);
    INFO("count " << count);
    REQUIRE(tail->lines.size() == std::min<std::size_t>(count, 9));
    CHECK(tail->has_older == (count < 9));
    for (std::size_t i = 0; i < tail->lines.size(); ++i) {
      CHECK(control::generation_of(tail->lines[i]) ==
            core::Generation{9 - tail->lines.size() + 1 + i});
    }
  }
}

TEST_CASE("audit: the newest lines are bounded in bytes, and whole", "[control][audit]") {
  FaultFiles files;
  write_small(files, 9);
  std::size_t all = 0;
  for (const std::string& name : names_in(files)) all += files.content("/state/" + name)->size();
  std::size_t most = 0;
  for (std::size_t bytes = 0; bytes <= all; ++bytes) {
    const auto tail = control::read_audit_tail(files, "/state", {.lines = 1000, .bytes = bytes});
    REQUIRE(tail);
    REQUIRE(tail->has_older == (tail->lines.size() < 9));
    REQUIRE(tail->lines.size() >= most);
    most = tail->lines.size();
    for (const std::string& line : tail->lines) REQUIRE(control::is_whole(line));
  }
  CHECK(most == 9);
  CHECK(control::read_audit_tail(files, "/nowhere", {.lines = 5, .bytes = 100})->lines.empty());
}

TEST_CASE("audit: a line that is not complete is not among the newest", "[control][audit]") {
  FaultFiles files;
  files.put(kFile, written(2) + "{\"previous");
  const auto tail = opened(files).tail(5);
  REQUIRE(tail);
  CHECK(tail->lines.size() == 2);
}

// ---- somebody else's hands on the file of a running proxy ----

namespace {

struct Meddled {
  FaultFiles files;
  AuditFile audit = opened(files);

  Meddled() {
    for (std::size_t i = 1; i <= 3; ++i) REQUIRE(audit.append(record(i)));
  }
  /// What the next two appends leave.
  std::string go_on() {
    for (std::size_t i = 4; i <= 5; ++i) REQUIRE(audit.append(record(i)));
    return files.content(kFile).value();
  }
};

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

bool has_note(const std::string& text, std::string_view words) {
  return text.find("\"action\":\"recovered\",\"reason\":\"audit.jsonl was " + std::string(words)) !=
         std::string::npos;
}

}  // namespace

TEST_CASE("audit: moved away while the proxy runs, the chain goes on in a new file and says so",
          "[control][audit][meddled]") {
  Meddled meddled;
  const std::string whole = meddled.files.content(kFile).value();
  meddled.files.remove(kFile);
  const std::string text = meddled.go_on();
  CHECK(lines_of(text) == 3);
  CHECK(has_note(text, "moved away or removed"));
  CHECK(meddled.files.unsynced_entries() == 0);
  CHECK(report_of(meddled.files).broken->what == "it continues a file that is not here");
  // Whoever moved it within the chain has lost nothing.
  meddled.files.put("/state/audit-1.jsonl", whole);
  CHECK_FALSE(report_of(meddled.files).broken);
  CHECK(report_of(meddled.files).lines == 6);
}

TEST_CASE(
    "audit: replaced, edited or truncated while the proxy runs is noted, and nothing but an "
    "incomplete line is cut",
    "[control][audit][meddled]") {
  const std::string foreign = "somebody's line\nand another\n";
  struct Case {
    const char* what;
    std::string left;  // by somebody
    std::string kept;  // of it
    bool is_whole;     // the chain, all the same
  };
  const std::string whole = written(3);
  const std::string two = written(2);
  for (const Case& each :
       {Case{"a copy", whole, whole, true}, Case{"other text", foreign, foreign, false},
        Case{"text without an end", foreign + "x", foreign, false}, Case{"nothing", "", "", false},
        Case{"longer", whole + foreign, whole + foreign, false}, Case{"shorter", two, two, false},
        Case{"shorter by half a line", whole.substr(0, whole.size() - 5), two, false}}) {
    for (const bool in_place : {false, true}) {
      if (in_place && each.is_whole) continue;  // then nobody has done anything
      Meddled meddled;
      if (in_place) {
        const int file = *meddled.files.open(kFile, control::OpenMode::Truncate);
        REQUIRE(meddled.files.write(file, each.left));
        meddled.files.close(file);
      } else {
        meddled.files.put(kFile, each.left);
      }
      INFO(each.what << (in_place ? " in place" : " as another file"));
      const std::string text = meddled.go_on();
      CHECK(text.starts_with(each.kept + "{\"previous\""));
      CHECK(lines_of(text.substr(each.kept.size())) == 3);
      CHECK(has_note(text, "replaced or changed"));
      CHECK(report_of(meddled.files).broken.has_value() != each.is_whole);
      // Once is enough.
      CHECK(meddled.audit.append(record(6)));
      CHECK(lines_of(meddled.files.content(kFile)->substr(each.kept.size())) == 4);
    }
  }
}

TEST_CASE("audit: a note that the disk does not take comes before the next record",
          "[control][audit][meddled]") {
  for (std::size_t call = 1; call <= 4; ++call) {
    Meddled meddled;
    meddled.files.remove(kFile);
    meddled.files.fail_at(call, "No space left on device", FaultFiles::Times::Once);
    CHECK_FALSE(meddled.audit.append(record(4)));
    const std::string text = meddled.go_on();
    INFO("call " << call);
    CHECK(lines_of(text) == 3);
    CHECK(text.find("recovered") < text.find("reason 4"));
  }
}

TEST_CASE("audit: full and replaced, it is set aside as what it is", "[control][audit][meddled]") {
  FaultFiles files;
  AuditFile audit = small_file(files);
  for (std::size_t i = 1; i <= 2; ++i) REQUIRE(audit.append(record(i)));
  files.put(kFile, std::string(kSmall, 'x') + "\n");
  REQUIRE(audit.append(record(3)));
  CHECK(names_in(files) == std::vector<std::string>{"audit-0.jsonl", "audit.jsonl"});
  CHECK(lines_of(files.content(kFile).value()) == 2);
}
