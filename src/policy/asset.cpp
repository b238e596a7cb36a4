#include "sluice/policy/asset.hpp"

#include <utility>

#include "sluice/core/ensure.hpp"

namespace sluice::policy {

PathPattern::PathPattern(std::string text) : text_(std::move(text)), star_(text_.find('*')) {
  ENSURE(star_ == text_.rfind('*'), "a pattern has at most one star");
}

bool PathPattern::matches(std::string_view path) const {
  const std::string_view pattern = text_;
  if (star_ == pattern.npos) return path == pattern;
  const std::string_view begin = pattern.substr(0, star_);
  const std::string_view end = pattern.substr(star_ + 1);
  // The sizes first: in `/a*a` the one `a` of `/a` is not both its beginning and its end.
  return path.size() >= begin.size() + end.size() && path.starts_with(begin) && path.ends_with(end);
}

bool may_ask_other_pool(const MissedAsset& missed) {
  return missed.is_safe && missed.is_held && !missed.is_upgrade && !missed.answer_sent &&
         !missed.changed_pool;
}

std::string_view text(AssetOutcome outcome) {
  switch (outcome) {
    case AssetOutcome::Found:
      return "found";
    case AssetOutcome::Missing:
      return "missing";
    case AssetOutcome::Failed:
      return "failed";
    case AssetOutcome::Unavailable:
      return "unavailable";
    case AssetOutcome::OverLimit:
      return "over_limit";
  }
  core::unreachable();
}

AssetOutcome judge_asset_answer(unsigned status) {
  constexpr unsigned kPreconditionFailed = 412;
  constexpr unsigned kRangeNotSatisfiable = 416;
  if (status == 404) return AssetOutcome::Missing;
  const bool is_there =
      status < 400 || status == kPreconditionFailed || status == kRangeNotSatisfiable;
  return is_there ? AssetOutcome::Found : AssetOutcome::Failed;
}

}  // namespace sluice::policy
