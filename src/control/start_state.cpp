#include "control/start_state.hpp"

#include <algorithm>

#include "control/state_file.hpp"
#include "sluice/config/build.hpp"

namespace sluice::control {

namespace {

core::Error with_ways_out(core::Error error) {
  if (error.code == core::ErrorCode::Corrupt) {
    error.what +=
        "\nThe traffic state can't be trusted, so nothing was started. Two ways out:\n"
        "  sluice run --state previous   go on from state.json.previous, one change older\n"
        "  sluice run --state discard    begin again from `initial` in the configuration";
  }
  return error;
}

/// One start, step by step. Lives during open_state() only.
class Opening {
 public:
  Opening(StateDirectory& directory, const config::Config& config, const StartRequest& request)
      : directory_(directory), config_(config), request_(request) {
    request_.now = to_milliseconds(request_.now);
  }

  core::Result<StartState> run() {
    if (core::Status locked = directory_.lock(); !locked) return locked.error();
    auto audit = directory_.audit().inspect();
    if (!audit) return audit.error();
    audit_ = *audit;
    // What a damaged line says is no witness against a state that has its own checksum.
    if (audit_.is_damaged) audit_.generation.reset();
    core::Status state = core::ok();
    switch (request_.source) {
      case StateSource::Saved:
        state = from_saved();
        break;
      case StateSource::Discard:
        state = from_initial();
        break;
      case StateSource::Previous:
        state = from_previous();
        break;
    }
    if (!state) return with_ways_out(state.error());
    repair_audit();
    for (std::string& line : differences(config_, start_.image.state)) note(std::move(line));
    return std::move(start_);
  }

 private:
  core::Status from_saved() {
    auto saved = directory_.load();
    if (!saved) return saved.error();
    if (!saved->has_value()) {
      start_.image.state = config::initial_traffic(config_);
      return write_as("start", {}, OldState::Drop);
    }
    // A line is written only after its state has landed, so a state older than the last line is not
    // what a crash leaves.
    if (audit_.generation && *audit_.generation > (*saved)->state.generation) {
      return core::Error{core::ErrorCode::Corrupt, directory_.path() + "/state.json",
                         "is of generation " + std::to_string((*saved)->state.generation.raw) +
                             ", but the audit file knows " +
                             std::to_string(audit_.generation->raw)};
    }
    start_.image = std::move(**saved);
    take_over_configuration();
    return core::ok();
  }

  // Services that joined or left: the same generation, so state.json.previous keeps the state
  // before the last change.
  void take_over_configuration() {
    auto merged = config::merge_traffic(config_, start_.image.state, request_.now, request_.names);
    if (merged == start_.image.state) return;
    start_.image.state = std::move(merged);
    const auto bytes = encode_state(start_.image);
    const WriteResult written =
        bytes ? directory_.write(*bytes, OldState::Drop)
              : WriteResult{.landing = Landing::NotWritten, .error = bytes.error()};
    if (written.landing == Landing::Landed) return;
    start_.is_on_disk = false;
    note("the state could not be written and will be retried: " + written.error->text());
  }

  core::Status from_initial() {
    const auto saved = directory_.load();
    const bool had_state = saved && saved->has_value();
    pass_over();
    start_.image.state = config::initial_traffic(config_);
    std::vector<model::ServiceTraffic> before;
    if (had_state) before = (*saved)->state.services;
    raise_generation();
    return write_as("discard", std::move(before),
                    had_state ? OldState::KeepAsPrevious : OldState::Drop);
  }

  core::Status from_previous() {
    auto previous = directory_.load_previous();
    if (!previous) return previous.error();
    const auto saved = directory_.load();
    std::vector<model::ServiceTraffic> before;
    if (saved && saved->has_value()) before = (*saved)->state.services;
    pass_over();
    start_.image.state =
        config::merge_traffic(config_, std::move(previous->state), request_.now, request_.names);
    raise_generation();
    return write_as("previous", std::move(before), OldState::Drop);
  }

  // A state that is given up may be the only place that has the record of its change.
  void pass_over() {
    if (auto previous = directory_.load_previous()) passed_.push_back(std::move(previous->record));
    if (auto saved = directory_.load(); saved && saved->has_value()) {
      passed_.push_back(std::move((*saved)->record));
    }
  }

  // Generations are one per installation and only grow: above everything that any file still knows.
  void raise_generation() {
    std::optional<core::Generation> known = audit_.generation;
    if (const auto saved = directory_.load(); saved && saved->has_value()) {
      known = std::max(known.value_or(core::Generation{}), (*saved)->state.generation);
    }
    if (const auto previous = directory_.load_previous(); previous) {
      known = std::max(known.value_or(core::Generation{}), previous->state.generation);
    }
    if (!known) return;
    start_.image.state.generation = core::Generation{known->raw + 1};
    for (auto& service : start_.image.state.services) {
      service.generation = start_.image.state.generation;
    }
  }

  core::Status write_as(std::string action, std::vector<model::ServiceTraffic> before,
                        OldState old) {
    StateImage& image = start_.image;
    image.record = {.generation = image.state.generation,
                    .time = request_.now,
                    .actor = request_.actor,
                    .action = std::move(action),
                    .reason = "",
                    .before = std::move(before),
                    .after = image.state.services};
    const auto bytes = encode_state(image);
    if (!bytes) return bytes.error();
    const WriteResult written = directory_.write(*bytes, old);
    if (written.landing != Landing::Landed) return *written.error;
    return core::ok();
  }

  void repair_audit() {
    if (audit_.is_damaged) {
      note(
          "audit: the last line of " + directory_.path() +
          "/audit.jsonl is not one that Sluice wrote; new lines follow it, but the chain is broken "
          "there");
    }
    std::vector<std::string> recovered;
    if (audit_.incomplete_bytes > 0) {
      recovered.push_back("an incomplete last line of " + std::to_string(audit_.incomplete_bytes) +
                          " bytes was cut off");
    }
    append_missing(recovered);
    for (std::string& what : recovered) {
      note("audit: " + what);
      append({.generation = start_.image.state.generation,
              .time = request_.now,
              .actor = request_.actor,
              .action = std::string(kRecovered),
              .reason = std::move(what),
              .before = {},
              .after = {}});
    }
  }

  /// What the states still know is appended; what nobody knows any more is said.
  void append_missing(std::vector<std::string>& recovered) {
    std::vector<ChangeRecord> records;
    // Where the chain ends is not known behind a damaged line.
    if (!audit_.is_damaged) records = std::move(passed_);
    records.push_back(start_.image.record);
    core::Generation last = audit_.generation.value_or(core::Generation{0});
    for (ChangeRecord& record : records) {
      if (record.generation <= last) continue;
      if (record.generation.raw > last.raw + 1 && !audit_.is_damaged) {
        recovered.push_back(missing_text(last.raw + 1, record.generation.raw - 1));
      }
      last = record.generation;
      append(std::move(record));
    }
  }

  static std::string missing_text(std::uint64_t from, std::uint64_t to) {
    const std::string range =
        from == to ? "generation " + std::to_string(from)
                   : "generations " + std::to_string(from) + " to " + std::to_string(to);
    return "the audit ended too early: what led to " + range + " is missing from it";
  }

  void append(ChangeRecord record) {
    if (start_.audit_pending.empty()) {
      const core::Status done = directory_.audit().append(record);
      if (done) return;
      note("the audit file could not be written and will be retried: " + done.error().text());
    }
    start_.audit_pending.push_back(std::move(record));
  }

  void note(std::string line) { start_.notices.push_back(std::move(line)); }

  StateDirectory& directory_;
  const config::Config& config_;
  StartRequest request_;
  AuditFile::Found audit_;
  std::vector<ChangeRecord> passed_;  // of the states that were given up, oldest first
  StartState start_;
};

}  // namespace

core::Result<StartState> open_state(StateDirectory& directory, const config::Config& config,
                                    const StartRequest& request) {
  return Opening(directory, config, request).run();
}

std::vector<std::string> differences(const config::Config& config,
                                     const model::TrafficState& state) {
  std::vector<std::string> lines;
  for (const config::Service& service : config.services) {
    const model::ServiceTraffic* now = state.find(service.name);
    if (now == nullptr) continue;
    if (now->salt != service.salt) {
      lines.push_back("service " + service.name + ": the saved salt \"" + now->salt +
                      "\" rules, not \"" + service.salt + "\" of the file (sluice split --salt)");
    }
    if (now->live != service.initial_live || now->split != service.initial_split) {
      lines.push_back("service " + service.name + ": the saved state rules (live " +
                      std::string(core::text(now->live)) + ", split " + now->split.percent() +
                      "), not `initial` of the file");
    }
    for (const model::EndpointDecision& endpoint : now->endpoints) {
      if (endpoint.gone_since) continue;
      const std::string name = std::string(core::text(endpoint.pool)) + "/" + endpoint.address;
      lines.push_back("service " + service.name + ": endpoint " + name + " is " +
                      std::string(text(endpoint.mode)) +
                      " by the saved state (sluice endpoint enable " + name + " " + service.name +
                      ")");
    }
  }
  return lines;
}

}  // namespace sluice::control
