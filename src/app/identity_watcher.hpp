#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "net/mailbox.hpp"
#include "sluice/config/schema.hpp"
#include "sluice/core/loose_thread.hpp"
#include "sluice/core/result.hpp"

namespace sluice::app {

/// Looks at the files of identities every second, and reads those that have changed, and again
/// those that could not be read: one thread, as the disk may take its time and a million lines do.
/// Made and ended by control's thread.
class IdentityWatcher {
 public:
  struct News {
    std::size_t file = 0;  // position in Config::identity_files
    core::Result<std::shared_ptr<const policy::IdentityList>> list;
  };

  /// What came of each reading, in order; a failure comes again with each try. `on_news` runs from
  /// `control`'s mailbox, which outlives this; none after the end of this.
  IdentityWatcher(const std::vector<config::IdentityFile>& files, net::Mailbox& control,
                  std::function<void(News)> on_news);
  IdentityWatcher(const IdentityWatcher&) = delete;
  IdentityWatcher& operator=(const IdentityWatcher&) = delete;
  /// Does not wait for a disk that hangs.
  ~IdentityWatcher();

 private:
  struct Shared;

  std::shared_ptr<Shared> shared_;
  core::LooseThread thread_;
};

}  // namespace sluice::app
