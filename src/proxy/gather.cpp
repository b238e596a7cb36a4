#include "proxy/gather.hpp"

#include <cstring>

namespace sluice::proxy {

void Gather::copy(std::string_view small) {
  if (kScratchSize - used_ < small.size() || count_ == parts_.size()) flush_parts();
  std::memcpy(scratch_.get() + used_, small.data(), small.size());
  add_written(small.size());
}

void Gather::flush_parts() {
  ENSURE(transport_ != nullptr, "begin() comes first");
  transport_->write(std::span<const std::string_view>(parts_.data(), count_));
  count_ = 0;
  used_ = 0;
}

}  // namespace sluice::proxy
