#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// Files that only one of the two versions has: for which paths a 404 is tried on the other pool,
/// when, and what its answer means. Pure (behaviour.md §4).
namespace sluice::policy {

/// `/assets/*`, `*.js`, `/favicon.ico`: a whole path with at most one `*`, which stands for any
/// octets, `/` and none at all included. So a match is two comparisons, whatever a client sends.
class PathPattern {
 public:
  /// Requires: at most one `*` in `text`.
  explicit PathPattern(std::string text);
  /// `path` in the form that services are matched by: normal, without the query.
  bool matches(std::string_view path) const;
  const std::string& text() const { return text_; }
  friend bool operator==(const PathPattern&, const PathPattern&) = default;

 private:
  std::string text_;
  std::size_t star_;  // npos: none
};

/// A request that an endpoint has answered with 404.
struct MissedAsset {
  bool is_safe = false;       // its method
  bool is_held = false;       // it has come whole, and its body is absent or held
  bool is_upgrade = false;    // it asks for another protocol
  bool answer_sent = false;   // a byte of an answer has gone to the client
  bool changed_pool = false;  // it is not in the pool that was chosen for it any more
};
/// Whether the other pool may be asked, as far as the request goes: once, and never back.
bool may_ask_other_pool(const MissedAsset& missed);

/// What became of a 404 for such a path.
enum class AssetOutcome : std::uint8_t {
  Found,        // the other pool has it
  Missing,      // nor has the other
  Failed,       // that was asked, and gave no answer that counts
  Unavailable,  // not asked: closed, without a usable endpoint, or its breaker is open
  OverLimit,    // not asked: limits::kAssetAsksMax
};
inline constexpr std::array kAllAssetOutcomes{AssetOutcome::Found, AssetOutcome::Missing,
                                              AssetOutcome::Failed, AssetOutcome::Unavailable,
                                              AssetOutcome::OverLimit};
std::string_view text(AssetOutcome outcome);

/// Of the answer of the pool that was asked: Found, Missing or Failed. A file is there when it
/// comes, is elsewhere (3xx), or does not fit the conditions or the range of the request (412,
/// 416). All else says nothing about it: who gets a 401 or a 429 for a file asks for it no more.
AssetOutcome judge_asset_answer(unsigned status);

}  // namespace sluice::policy
