#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "net/acceptor.hpp"
#include "sluice/core/rng.hpp"
#include "sluice/http/forward.hpp"
#include "sluice/http/message.hpp"
#include "sluice/model/snapshot.hpp"
#include "sluice/policy/identity.hpp"
#include "sluice/policy/split.hpp"

/// The decisions about one request, each a pure function of the held snapshot and the request
/// (behaviour.md §2, §3).
namespace sluice::proxy {

/// Where a connection came in and from whom.
struct Origin {
  net::Peer peer;
  std::uint16_t listener = 0;  // position in the configuration
};

/// Host and path → service. Refusal: 400 when the path has no normal form, 404 when nothing
/// matches.
struct Route {
  const model::Service* service = nullptr;
  std::optional<http::Refusal> refusal;
};
Route route(const model::Snapshot& snapshot, std::size_t listener, const http::RequestHead& head);

/// The service's own limits, which can be narrower than those the head was parsed with: 431, 414;
/// and 413 for a declared length above `body_bytes`.
std::optional<http::Refusal> check_limits(const model::ServiceSettings& settings,
                                          const http::RequestHead& head, std::size_t head_bytes);

/// Text forms that a decision refers to; lives as long as the exchange.
struct IdentityBuffers {
  std::array<char, 46> address;
  std::array<char, 32> minted;
};

/// Who the user is. A missing mint_cookie identity is minted here.
policy::Identity identify(const model::ServiceSettings& settings, const http::RequestHead& head,
                          const http::ClientIdentity& client, core::Rng& rng,
                          IdentityBuffers& buffers);

}  // namespace sluice::proxy
