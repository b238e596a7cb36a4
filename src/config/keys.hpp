#pragma once
#include <span>
#include <string_view>

/// Every key of the configuration as data: the readers take names and expectations from here, and
/// so can a reference page or a schema. What a value may be at its edges stands in the reader of
/// its section.
namespace sluice::config {

enum class Support { Now, Later };  // Later: known, refused with "not supported by this version"

struct Key {
  std::string_view name;
  std::string_view expects;        // "expected ..." in messages, of the whole value
  std::string_view about;          // for people, one line
  std::string_view fallback = "";  // the value when the key is absent; empty: none
  std::string_view item = "";      // "expected ..." of one item, when the value is a list
  Support support = Support::Now;
};

struct Table {
  std::string_view path;  // where it stands in the file: "services[].timeouts"
  std::span<const Key> keys;

  /// nullptr: no such key.
  const Key* find(std::string_view name) const;
};

namespace tables {
extern const Table kTop, kProcessLimits, kListener, kAdmin, kAdminSocket, kAdminHttp, kAccessLog,
    kService, kIdentity, kMintCookie, kPools, kPool, kInitial, kDrain, kPin, kSegment, kTimeouts,
    kServiceLimits;
}

std::span<const Table* const> all_tables();

}  // namespace sluice::config
