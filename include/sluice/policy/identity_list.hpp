#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/core/keyed_hash.hpp"
#include "sluice/core/result.hpp"

namespace sluice::policy {

/// The identities of an allow list (behaviour.md §2): immutable, so that any thread may ask it
/// without a lock. Octets are compared exactly; there are no false hits.
///
/// A table of buckets in two blocks of memory: the identities lie in the order of their buckets,
/// each behind its length, and per bucket there is one 32-bit offset. So an identity costs its
/// octets and two or three more (measured: a million UUIDs cost 38.0 each), and a look-up reads one
/// offset and then about four identities that lie side by side. The hash is keyed: whoever chooses
/// what stands in the list can't fill one bucket.
class IdentityList {
 public:
  IdentityList() = default;

  /// `text`: one identity per line. Lines end with LF or CRLF, the last one needs none; spaces and
  /// tabs around an identity, empty lines, lines that begin with '#' and a UTF-8 byte-order mark do
  /// not count; an identity that is listed twice counts once. Error: BadInput; `where` is the
  /// number of the first bad line (from 1), `what` says what is wrong with it and how many more are
  /// bad. Requires: text.size() <= kIdentityFileMax. Linear; `text` is not kept.
  static core::Result<IdentityList> parse(std::string_view text, core::HashKey key);

  /// Allocates nothing.
  bool contains(std::string_view identity) const;

  std::size_t size() const { return size_; }
  /// All memory that it holds.
  std::size_t bytes() const;

 private:
  std::size_t bucket_of(std::string_view identity) const;
  void place(std::string_view text);
  void close_gaps(const std::vector<std::uint32_t>& ends);

  core::HashKey key_;
  std::size_t size_ = 0;
  std::vector<std::uint32_t> starts_;  // by bucket, and the end of the last; empty: no identities
  std::vector<char> octets_;
};

}  // namespace sluice::policy
