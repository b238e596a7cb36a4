#pragma once
#include <optional>
#include <string>
#include <vector>

#include "app/identity_watcher.hpp"
#include "sluice/config/schema.hpp"
#include "sluice/core/clock.hpp"
#include "sluice/metrics/exposition.hpp"

namespace sluice::app {

/// Which list of each file of identities is in force, and whether the file has a newer one that was
/// not taken. Control thread only.
class IdentityStatus {
 public:
  /// The lists that were read at the start, at `now`.
  IdentityStatus(const std::vector<config::IdentityFile>& files, core::WallTime now);

  /// What to tell whoever runs the process; nullopt: it was told before, and nothing has changed.
  std::optional<std::string> note(const IdentityWatcher::News& news, core::WallTime now);

  /// A family each for what an alert looks at, with a sample for each file; nothing without files.
  void write(metrics::Exposition& out) const;

 private:
  struct File {
    std::string path;
    std::size_t identities = 0;
    core::WallTime read;    // the one in force
    std::string failure{};  // the last one; empty: the file is in force as it was last seen
  };
  std::vector<File> files_;
};

}  // namespace sluice::app
