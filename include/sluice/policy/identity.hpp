#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sluice/core/limits.hpp"

/// Which octets are the user's identity (behaviour.md §2). Pure; the look-ups themselves are given
/// by the caller.
namespace sluice::policy {

enum class IdentityKind : std::uint8_t { Cookie, Header, Query, ClientAddress, MintCookie };
std::string_view text(IdentityKind kind);

struct IdentitySource {
  IdentityKind kind = IdentityKind::ClientAddress;
  std::string name;                 // of the cookie, header or parameter
  std::chrono::seconds max_age{0};  // of MintCookie
};

struct Identity {
  std::string_view octets;                 // empty: no identity
  const IdentitySource* source = nullptr;  // where it came from
  // A cookie that must be minted for this request, else nullptr
  const IdentitySource* mint = nullptr;
  bool was_too_long = false;  // a candidate over kIdentityMax counted as absent

  std::optional<std::string_view> value() const {
    return octets.empty() ? std::nullopt : std::optional(octets);
  }
};

/// First source that is present wins. `look_up(source)` returns std::optional<std::string_view>:
/// the raw octets, for MintCookie only a value that is acceptable as a minted one. Empty and
/// over-long values count as absent. When only MintCookie is left and absent, `mint` names it and
/// octets is empty: the caller mints, and uses the minted octets.
template <typename LookUp>
Identity choose_identity(std::span<const IdentitySource> sources, LookUp look_up) {
  Identity chosen;
  for (const IdentitySource& source : sources) {
    const std::optional<std::string_view> found = look_up(source);
    if (found && found->size() > core::limits::kIdentityMax) chosen.was_too_long = true;
    if (found && !found->empty() && found->size() <= core::limits::kIdentityMax) {
      chosen.octets = *found;
      chosen.source = &source;
      return chosen;
    }
    if (source.kind == IdentityKind::MintCookie) {
      chosen.source = &source;
      chosen.mint = &source;
      return chosen;
    }
  }
  return chosen;
}

}  // namespace sluice::policy
