#pragma once
#include <compare>
#include <cstdint>
#include <functional>

namespace sluice::core {

/// An integer that can't be mixed up with another kind of integer.
template <typename Tag, typename Raw>
struct Id {
  Raw raw = 0;

  friend constexpr auto operator<=>(const Id&, const Id&) = default;
};

/// Position of a service in the configuration; the same in every snapshot of one configuration.
using ServiceId = Id<struct ServiceTag, std::uint32_t>;
/// Never reused within a process.
using PoolId = Id<struct PoolTag, std::uint32_t>;
/// One (service, pool, address) as long as somebody uses it; one that comes back later gets a new
/// one. Never reused within a process, and 64 bits: addresses behind names come and go for months.
using EndpointId = Id<struct EndpointTag, std::uint64_t>;
/// Number of a published snapshot, local to the process. Never reused; 0 = none.
using Epoch = Id<struct EpochTag, std::uint64_t>;
/// Number of a traffic state: one per installation, persisted, +1 for each accepted change
/// (behaviour.md §1). First: 1.
using Generation = Id<struct GenerationTag, std::uint64_t>;

struct IdHash {
  template <typename Tag, typename Raw>
  std::size_t operator()(const Id<Tag, Raw>& id) const {
    return std::hash<Raw>{}(id.raw);
  }
};

}  // namespace sluice::core
