#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sluice/core/address.hpp"
#include "sluice/core/units.hpp"
#include "sluice/http/message.hpp"
#include "sluice/policy/identity_list.hpp"
#include "sluice/policy/split.hpp"

/// Pins: rules that decide about a request before the split (behaviour.md §2).
namespace sluice::model {

/// Some of the clients: `from` of a pin, `network` of a segment.
struct ClientSet {
  std::vector<core::Network> networks;
  bool has_unix = false;  // `unix:`: peers on a Unix socket

  bool is_nobody() const { return networks.empty() && !has_unix; }
  /// nullopt: a peer on a Unix socket that named no client.
  bool contains(const std::optional<core::IpAddress>& client) const;
};

/// A header field or a cookie whose value selects a pool, for those who may choose.
struct ValuePin {
  enum class Field : std::uint8_t { Header, Cookie };
  Field field = Field::Header;
  std::string name;
  std::vector<std::pair<std::string, policy::PinTarget>> values;
  ClientSet from;
};

/// Identities that a file lists.
struct ListPin {
  std::size_t list = 0;  // position in IdentityLists
  policy::PinTarget target = policy::PinTarget::Candidate;
};

/// Requests that meet every condition that is given. At least one is.
struct SegmentPin {
  struct HeaderIs {
    std::string name;
    std::string value;
  };
  /// The users whose bucket with this salt is below the share; nobody without identity.
  struct Share {
    core::BasisPoints percent;
    std::string salt;
  };
  std::optional<HeaderIs> header;
  std::optional<std::string> path_prefix;  // as ServiceMatch::path_prefix
  std::optional<ClientSet> network;
  std::optional<Share> share;
  policy::PinTarget target = policy::PinTarget::Candidate;
};

using Pin = std::variant<ValuePin, ListPin, SegmentPin>;
using IdentityLists = std::vector<std::shared_ptr<const policy::IdentityList>>;

/// What pins look at. Borrowed for the call.
struct PinnedRequest {
  const http::RequestHead& head;
  const std::optional<core::IpAddress>& client;
  std::optional<std::string_view> identity;
};

std::optional<policy::PinHit> find_pin_among(std::span<const Pin> pins, const IdentityLists& lists,
                                             const PinnedRequest& request);

/// The first pin that matches. The path that segments look at is that of service matching
/// (behaviour.md §3). Allocates nothing, and costs a service without pins nothing. Requires:
/// `lists` has every list that `pins` name, none of them nullptr; the path of the request has a
/// normal form.
inline std::optional<policy::PinHit> find_pin(std::span<const Pin> pins, const IdentityLists& lists,
                                              const PinnedRequest& request) {
  if (pins.empty()) return std::nullopt;
  return find_pin_among(pins, lists, request);
}

}  // namespace sluice::model
