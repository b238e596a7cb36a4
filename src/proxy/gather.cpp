#include "proxy/gather.hpp"

#include <cstring>

namespace sluice::proxy {

void Gather::copy(std::string_view small) {
  if (kScratchSize - used_ < small.size() || count_ == parts_.size()) flush_parts();
  std::memcpy(scratch_.get() + used_, small.data(), small.size());
  add_written(small.size());
}

/// As one part with what was written there right before.
void Gather::add_written(std::size_t size) {
  const char* const begin = scratch_.get() + used_;
  used_ += size;
  if (count_ != 0) {
    std::string_view& last = parts_[count_ - 1];
    if (last.data() + last.size() == begin) {
      last = {last.data(), last.size() + size};
      return;
    }
  }
  add_view({begin, size});
}

void Gather::flush_parts() {
  ENSURE(transport_ != nullptr, "begin() comes first");
  transport_->write(std::span<const std::string_view>(parts_.data(), count_));
  count_ = 0;
  used_ = 0;
}

}  // namespace sluice::proxy
