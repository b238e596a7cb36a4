#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "control/audit.hpp"
#include "control/change_record.hpp"
#include "control/file_layer.hpp"

namespace sluice::control {

/// How far a write of state.json came. From the rename on an error leaves open which state a
/// restart finds.
enum class Landing : std::uint8_t { NotWritten, Uncertain, Landed };
struct WriteResult {
  Landing landing = Landing::NotWritten;
  std::optional<core::Error> error;  // absent when Landed
};

/// What becomes of the state that is replaced. It is kept when it was in force; a refused one, or a
/// damaged one, must not push the good one out of state.json.previous.
enum class OldState : std::uint8_t { KeepAsPrevious, Drop };

/// The files of `state_dir` (behaviour.md §1): lock, state.json, state.json.previous, audit.jsonl
/// and the full ones before it. Blocking: store thread only, and the start of the process.
class StateDirectory {
 public:
  StateDirectory(std::shared_ptr<FileLayer> files, std::string path,
                 std::uint64_t audit_size_max = core::limits::kAuditFileMax);

  /// Makes the directory (its last component) when it is missing, and takes the lock for life.
  core::Status lock();
  /// nullopt: the very first start. Errors: Corrupt for a damaged file, also when state.json is
  /// missing but other files say that it was there; Io.
  core::Result<std::optional<StateImage>> load();
  core::Result<StateImage> load_previous();

  /// write, fsync; keep the old one; rename; fsync of the directory. state.json never disappears:
  /// after a crash anywhere it is the old one or the new one.
  WriteResult write(const std::string& bytes, OldState old);

  AuditFile& audit() { return audit_; }
  const std::string& path() const { return path_; }

 private:
  core::Result<std::string> find_witness();
  core::Status write_new(const std::string& bytes);
  core::Status keep_as_previous();
  core::Result<StateImage> read_image(const std::string& file);
  std::string in(std::string_view name) const { return path_ + "/" + std::string(name); }

  std::shared_ptr<FileLayer> files_;
  std::string path_;
  std::string state_, previous_;
  AuditFile audit_;
};

}  // namespace sluice::control
