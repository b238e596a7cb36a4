#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sluice/core/ids.hpp"

/// Host and path prefix → service (behaviour.md §3). Immutable after construction; shared between
/// snapshots.
namespace sluice::model {

struct ServiceMatch {
  core::ServiceId service;
  std::vector<std::string>
      hosts;  // lower case, no trailing dot; `*.example.com` for wildcards; empty: any
  std::string path_prefix = "/";       // begins with '/', no trailing '/' except "/" itself
  std::vector<std::size_t> listeners;  // positions; empty: all
};

/// Whether `path` lies under `prefix` by whole segments: `/app` covers `/app` and `/app/x`, not
/// `/apple`. Requires: `prefix` as ServiceMatch has it.
bool covers_path(std::string_view prefix, std::string_view path);

class ServiceTable {
 public:
  explicit ServiceTable(std::vector<ServiceMatch> matches);

  /// `host` without port and trailing dot, any case; `path` normalised (http/target.hpp). Exact
  /// host before the longest wildcard before none; then the longest prefix of whole segments. A
  /// service with listeners matches on those only: when the best host has no matching prefix or
  /// listener, the next best host is tried. Of two that match alike the one that names its
  /// listeners wins, then the one that was given first. Allocates nothing.
  std::optional<core::ServiceId> find(std::size_t listener, std::string_view host,
                                      std::string_view path) const {
    const Entry* const entry = find_entry(listener, host, path);
    return entry == nullptr ? std::nullopt : std::optional(entry->service);
  }

  /// As find(), with what of the service's match decided: for a person. Views into the table.
  struct Place {
    core::ServiceId service;
    std::string_view host;  // as configured; empty: any
    std::string_view path_prefix;
    bool names_listeners = false;
  };
  std::optional<Place> locate(std::size_t listener, std::string_view host,
                              std::string_view path) const;

 private:
  struct Entry {
    core::ServiceId service;
    std::string host;
    std::string prefix;
    std::vector<std::size_t> listeners;
  };
  // Longest prefix first, those with listeners first among equals
  using Entries = std::vector<Entry>;
  struct StringHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  using HostMap = std::unordered_map<std::string, Entries, StringHash, std::equal_to<>>;

  static void sort_by_rank(Entries& entries);
  const Entry* find_entry(std::size_t listener, std::string_view host, std::string_view path) const;
  const Entry* find_host(std::size_t listener, std::string_view host, std::string_view path) const;
  static const Entry* find_in(const Entries& entries, std::size_t listener, std::string_view path);

  HostMap exact_;
  HostMap wildcard_;  // keyed by ".example.com"
  Entries any_;
  std::size_t longest_wildcard_ = 0;  // of the keys of wildcard_
};

}  // namespace sluice::model
