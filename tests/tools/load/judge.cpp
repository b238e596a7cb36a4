#include "load/judge.hpp"

#include <algorithm>

namespace tools {

std::string_view Truth::pool_of(unsigned bucket) const {
  if (bucket >= split) return live;
  return live == "blue" ? "green" : "blue";
}

void Judge::command_answered(std::uint64_t generation, const Truth& truth) {
  if (in_flight_ > 0) --in_flight_;
  if (generation == 0) return;
  history_[generation] = truth;
  answered_ = std::max(answered_, generation);
  std::erase_if(pending_, [&](const Open& open) {
    if (open.generation != generation) return false;
    if (truth.pool_of(open.bucket) != open.pool) ++late_wrong_;
    return true;
  });
}

Verdict Judge::judge(unsigned bucket, std::string_view pool, std::uint64_t generation,
                     std::uint64_t floor) {
  if (generation < floor) return Verdict::OldGeneration;
  if (generation > ceiling()) return Verdict::UnknownGeneration;
  const auto known = history_.find(generation);
  if (known == history_.end()) {
    pending_.push_back({generation, bucket, std::string(pool)});
    return Verdict::Pending;
  }
  return known->second.pool_of(bucket) == pool ? Verdict::Right : Verdict::WrongPool;
}

}  // namespace tools
