#include "app/identity_status.hpp"

namespace sluice::app {

IdentityStatus::IdentityStatus(const std::vector<config::IdentityFile>& files, core::WallTime now) {
  for (const config::IdentityFile& file : files) {
    files_.push_back({.path = file.path,
                      .identities = file.list == nullptr ? 0 : file.list->size(),
                      .read = now});
  }
}

std::optional<std::string> IdentityStatus::note(const IdentityWatcher::News& news,
                                                core::WallTime now) {
  File& file = files_[news.file];
  if (news.list) {
    file.identities = (*news.list)->size();
    file.read = now;
    file.failure.clear();
    return file.path + ": " + std::to_string(file.identities) + " identities read";
  }
  std::string failure = news.list.error().text();
  if (failure == file.failure) return std::nullopt;
  file.failure = std::move(failure);
  return file.failure + "; the list read before stays in force";
}

void IdentityStatus::write(metrics::Exposition& out) const {
  if (files_.empty()) return;
  out.family({"sluice_identity_list_identities", metrics::MetricType::Gauge,
              "Identities of the list in force, by its file."});
  for (const File& file : files_) out.sample({{"file", file.path}}, file.identities);
  out.family({"sluice_identity_list_read_timestamp_seconds", metrics::MetricType::Gauge,
              "When the list in force was read, in seconds since the epoch."});
  for (const File& file : files_)
    out.sample_seconds({{"file", file.path}}, file.read.time_since_epoch());
  out.family({"sluice_identity_list_refused", metrics::MetricType::Gauge,
              "1 when the file can't be read or is bad now, so that an older list is in force."});
  for (const File& file : files_) out.sample({{"file", file.path}}, file.failure.empty() ? 0 : 1);
}

}  // namespace sluice::app
