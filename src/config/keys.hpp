#pragma once
#include <cstdint>
#include <span>
#include <string_view>

/// Every key of the configuration as data. The readers take names, words, ranges and expectations
/// from here; the JSON Schema, the reference of the guide and the man page are made from it
/// (tests/docs/config_pages.py). So what they say about a key is said once.
namespace sluice::config {

enum class Support { Now, Later };  // Later: known, refused with "not supported by this version"

/// What a value looks like; of a list, what its items look like.
enum class Form {
  Map,            // its keys are those of the table at its path
  Number,         // digits, within `range`
  Duration,       // within `range`, in milliseconds
  Size,           // within `range`, in bytes
  DataRate,       // a size and `/s`, within `range`, in bytes a second
  Percent,        // of 100, at most two decimals
  Word,           // one of `words` and nothing else
  Text,           // printable, at most range.most bytes when that is given
  Name,           // config::is_object_name()
  Token,          // config::is_token()
  QueryName,      // config::is_query_name()
  Host,           // config::normal_host()
  Path,           // config::normal_path_prefix()
  PathPattern,    // config::is_path_pattern()
  Target,         // a path with a query, as it stands in a request line
  Dependency,     // policy::is_dependency_name()
  Statuses,       // one status from 200 to 599, or a range of them
  Mode,           // octal permissions
  Address,        // IP and port
  AddressOrPath,  // or unix: and a path of at most range.most bytes
  Endpoint,       // or a host name and port
  Network,        // CIDR block, address, or unix:
  PoolMap,        // free keys, one of `words` as values; `items`: how many
  Rate,           // config::parse_rate()
  Nothing,        // no value
};

enum class Presence { Optional, Required };

/// Both ends included.
struct Range {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
};

struct Key {
  std::string_view name;
  std::string_view expects;  // "expected ..." in messages, of the whole value
  std::string_view about;    // for people, one line; `code` in backticks, no other markup
  Form form = Form::Text;
  Range range{};
  std::span<const std::string_view> words{};  // beside what `form` says: auto, off, unlimited ...
  std::string_view fallback = "";        // the value when the key is absent, as YAML; empty: none
  std::string_view fallback_words = "";  // what that is where no one value can be given
  std::string_view item = "";    // "expected ..." of one item; not empty: a list, or a PoolMap
  Range items{};                 // how many; most 0: any number
  bool may_stand_alone = false;  // one item without a list around it
  Presence presence = Presence::Optional;
  Support support = Support::Now;

  bool is_list() const { return !item.empty() && form != Form::PoolMap; }
};

/// Names of keys that belong together.
using KeySet = std::span<const std::string_view>;

struct Table {
  std::string_view
      path;  // where it stands in the file: "services[].timeouts", "...pools.blue|green"
  std::span<const Key> keys;
  Range count{};                       // how many keys a map of it has; most 0: no bound
  std::span<const KeySet> one_of{};    // a map has all keys of one of these sets, and no others
  std::span<const KeySet> together{};  // a map has all keys of such a set, or none of them
  KeySet at_least_one{};               // a map has one of these keys

  /// nullptr: no such key.
  const Key* find(std::string_view name) const;
};

namespace tables {
extern const Table kTop, kProcessLimits, kListener, kAdmin, kAdminSocket, kAdminHttp, kAccessLog,
    kService, kIdentity, kMintCookie, kPools, kPool, kInitial, kDrain, kPin, kSegment, kTimeouts,
    kServiceLimits, kRetry, kRescue, kCircuitBreaker, kEndpointBreaker, kRoute, kRouteBreaker,
    kAdaptive, kHealthCheck, kOutliers, kRateLimit, kLimitKey, kLimitMatch, kLimitCandidate;
}

std::span<const Table* const> all_tables();

}  // namespace sluice::config
