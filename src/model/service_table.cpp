#include "sluice/model/service_table.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "sluice/core/limits.hpp"

namespace sluice::model {

namespace {

using core::limits::kHostNameMax;

constexpr std::uint64_t each_octet(std::uint8_t value) {
  return 0x0101010101010101U * value;
}

/// ASCII letters of eight octets. Seven bits of each are compared at once: a sum carries into the
/// eighth, never beyond.
constexpr std::uint64_t lower(std::uint64_t octets) {
  const std::uint64_t seven_bits = octets & each_octet(0x7F);
  const std::uint64_t from_a = seven_bits + each_octet(0x80 - 'A');
  const std::uint64_t beyond_z = seven_bits + each_octet(0x7F - 'Z');
  const std::uint64_t is_letter = (from_a ^ beyond_z) & ~octets & each_octet(0x80);
  return octets | is_letter >> 2U;
}
static_assert(lower(0x405A5B41DAC17A61U) == 0x407A5B61DAC17A61U);

/// Host names in lower case, in memory of whole words.
class LowerCase {
 public:
  /// Requires: host.size() <= kHostNameMax.
  explicit LowerCase(std::string_view host) : size_(host.size()) {
    words_[size_ / sizeof words_[0]] = 0;  // the last word is read whole
    std::memcpy(words_.data(), host.data(), size_);
    for (std::size_t i = 0; i * sizeof words_[0] < size_; ++i) words_[i] = lower(words_[i]);
  }
  std::string_view text() const { return {reinterpret_cast<const char*>(words_.data()), size_}; }

 private:
  std::array<std::uint64_t, kHostNameMax / sizeof(std::uint64_t) + 1> words_;
  std::size_t size_;
};

}  // namespace

bool covers_path(std::string_view prefix, std::string_view path) {
  if (prefix == "/") return true;
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

ServiceTable::ServiceTable(std::vector<ServiceMatch> matches) {
  for (ServiceMatch& match : matches) {
    Entry entry{match.service, "", std::move(match.path_prefix), std::move(match.listeners)};
    if (match.hosts.empty()) any_.push_back(entry);
    for (const std::string& host : match.hosts) {
      entry.host = host;
      if (host.starts_with("*.")) {
        wildcard_[host.substr(1)].push_back(entry);
        longest_wildcard_ = std::max(longest_wildcard_, host.size() - 1);
      } else {
        exact_[host].push_back(entry);
      }
    }
  }
  for (auto& [host, entries] : exact_) sort_by_rank(entries);
  for (auto& [host, entries] : wildcard_) sort_by_rank(entries);
  sort_by_rank(any_);
}

// Longest prefix first; of two equal ones that which names its listeners, as it is the more
// specific; then file order.
void ServiceTable::sort_by_rank(Entries& entries) {
  std::ranges::stable_sort(entries, [](const Entry& a, const Entry& b) {
    if (a.prefix.size() != b.prefix.size()) return a.prefix.size() > b.prefix.size();
    return !a.listeners.empty() && b.listeners.empty();
  });
}

std::optional<ServiceTable::Place> ServiceTable::locate(std::size_t listener, std::string_view host,
                                                        std::string_view path) const {
  const Entry* const entry = find_entry(listener, host, path);
  if (entry == nullptr) return std::nullopt;
  return Place{entry->service, entry->host, entry->prefix, !entry->listeners.empty()};
}

const ServiceTable::Entry* ServiceTable::find_entry(std::size_t listener, std::string_view host,
                                                    std::string_view path) const {
  const bool knows_hosts = !exact_.empty() || !wildcard_.empty();
  // No configured host is longer, so a longer one can only be for "any host".
  if (knows_hosts && !host.empty() && host.size() <= kHostNameMax) {
    const LowerCase lower_host(host);
    if (const Entry* found = find_host(listener, lower_host.text(), path)) return found;
  }
  return find_in(any_, listener, path);
}

const ServiceTable::Entry* ServiceTable::find_host(std::size_t listener, std::string_view host,
                                                   std::string_view path) const {
  if (const auto exact = exact_.find(host); exact != exact_.end()) {
    if (const Entry* found = find_in(exact->second, listener, path)) return found;
  }
  // From the left-most dot on, so the longest wildcard comes first. Suffixes longer than any
  // wildcard are skipped: a host of a hundred dots costs no more look-ups than the configuration
  // can match.
  const std::size_t first = host.size() > longest_wildcard_ ? host.size() - longest_wildcard_ : 1;
  for (std::size_t dot = host.find('.', std::max<std::size_t>(first, 1)); dot != host.npos;
       dot = host.find('.', dot + 1)) {
    const auto wildcard = wildcard_.find(host.substr(dot));
    if (wildcard == wildcard_.end()) continue;
    if (const Entry* found = find_in(wildcard->second, listener, path)) return found;
  }
  return nullptr;
}

const ServiceTable::Entry* ServiceTable::find_in(const Entries& entries, std::size_t listener,
                                                 std::string_view path) {
  for (const Entry& entry : entries) {
    const bool answers = entry.listeners.empty() ||
                         std::ranges::find(entry.listeners, listener) != entry.listeners.end();
    if (answers && covers_path(entry.prefix, path)) return &entry;
  }
  return nullptr;
}

}  // namespace sluice::model
