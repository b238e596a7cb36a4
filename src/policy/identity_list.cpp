#include "sluice/policy/identity_list.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "sluice/core/ensure.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::policy {

namespace {

using core::limits::kIdentityMax;

constexpr std::size_t kPerBucket = 4;  // fewer cost more offsets, more are slower to compare
constexpr std::size_t kShortMax = 0x7F;
static_assert(kIdentityMax < 0x8000, "a length has one octet, or two with the top bit set");

constexpr std::size_t length_bytes(std::size_t length) {
  return length <= kShortMax ? 1 : 2;
}

char* write(char* at, std::string_view identity) {
  if (identity.size() > kShortMax) *at++ = static_cast<char>(0x80U | (identity.size() >> 8U));
  *at++ = static_cast<char>(identity.size() & 0xFFU);
  return std::copy(identity.begin(), identity.end(), at);
}

/// The identity that lies at `at`, which moves behind it.
std::string_view read(const char*& at) {
  std::size_t length = static_cast<unsigned char>(*at++);
  if (length > kShortMax) length = (length & kShortMax) << 8U | static_cast<unsigned char>(*at++);
  const std::string_view identity(at, length);
  at += length;
  return identity;
}

bool holds(const char* at, const char* end, std::string_view identity) {
  while (at != end) {
    if (read(at) == identity) return true;
  }
  return false;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view without_outer_blanks(std::string_view line) {
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  return line;
}

/// Lines of a text with their numbers.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  }
  /// Without its end.
  std::optional<std::string_view> next() {
    if (rest_.empty()) return std::nullopt;
    const std::size_t end = rest_.find('\n');
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == rest_.npos ? rest_.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++number_;
    return line;
  }
  /// Of the next line that has one: without outer blanks, which do not belong to it in a cookie or
  /// a field either.
  std::optional<std::string_view> next_identity() {
    while (const auto line = next()) {
      const std::string_view identity = without_outer_blanks(*line);
      if (!identity.empty() && identity.front() != '#') return identity;
    }
    return std::nullopt;
  }
  std::size_t number() const { return number_; }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

bool is_control(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return (octet < 0x20 && c != '\t') || octet == 0x7F;
}

bool has_comment_behind(std::string_view identity) {
  for (std::size_t hash = identity.find('#'); hash != identity.npos;
       hash = identity.find('#', hash + 1)) {
    if (hash > 0 && is_blank(identity[hash - 1])) return true;
  }
  return false;
}

/// What no identity can be; empty: it can. Such a line would never match, and nobody would learn
/// it.
std::string_view what_is_wrong(std::string_view identity) {
  static_assert(kIdentityMax == 1024, "the text says so");
  if (identity.size() > kIdentityMax) return "an identity has at most 1024 octets";
  if (std::ranges::any_of(identity, is_control)) return "a control character";
  if (has_comment_behind(identity)) return "a comment stands on a line of its own";
  return {};
}

core::Error bad_line(std::size_t number, std::string_view what, std::size_t bad) {
  std::string text(what);
  if (bad > 1) text += " (and " + std::to_string(bad - 1) + " more bad lines)";
  return {core::ErrorCode::BadInput, std::to_string(number), std::move(text)};
}

core::Result<std::size_t> count_identities(std::string_view text) {
  std::size_t count = 0;
  std::size_t bad = 0;
  std::size_t first_bad = 0;
  std::string_view what;
  Lines in(text);
  while (const auto identity = in.next_identity()) {
    ++count;
    const std::string_view wrong = what_is_wrong(*identity);
    if (wrong.empty()) continue;
    if (++bad > 1) continue;
    first_bad = in.number();
    what = wrong;
  }
  if (bad > 0) return bad_line(first_bad, what, bad);
  return count;
}

}  // namespace

core::Result<IdentityList> IdentityList::parse(std::string_view text, core::HashKey key) {
  ENSURE(text.size() <= core::limits::kIdentityFileMax, "whoever reads a list bounds it");
  const core::Result<std::size_t> count = count_identities(text);
  if (!count) return count.error();
  IdentityList list;
  list.key_ = key;
  if (*count == 0) return list;
  list.starts_.resize(std::bit_ceil(*count / kPerBucket + 1) + 1);
  list.place(text);
  if (list.size_ < *count) list.octets_.shrink_to_fit();
  return list;
}

/// Each bucket gets room for all of its lines; what is listed twice leaves gaps, which are closed.
/// The text is walked twice: to keep a note of each line would cost more than the list itself.
void IdentityList::place(std::string_view text) {
  Lines to_count(text);
  while (const auto identity = to_count.next_identity()) {
    starts_[bucket_of(*identity) + 1] +=
        static_cast<std::uint32_t>(length_bytes(identity->size()) + identity->size());
  }
  for (std::size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
  octets_.resize(starts_.back());
  std::vector<std::uint32_t> ends(starts_.begin(), starts_.end() - 1);
  Lines to_place(text);
  while (const auto identity = to_place.next_identity()) {
    const std::size_t bucket = bucket_of(*identity);
    char* const end = octets_.data() + ends[bucket];
    if (holds(octets_.data() + starts_[bucket], end, *identity)) continue;
    ends[bucket] = static_cast<std::uint32_t>(write(end, *identity) - octets_.data());
    ++size_;
  }
  close_gaps(ends);
}

void IdentityList::close_gaps(const std::vector<std::uint32_t>& ends) {
  std::uint32_t at = 0;
  for (std::size_t bucket = 0; bucket < ends.size(); ++bucket) {
    const std::uint32_t length = ends[bucket] - starts_[bucket];
    std::memmove(octets_.data() + at, octets_.data() + starts_[bucket], length);
    starts_[bucket] = at;
    at += length;
  }
  starts_.back() = at;
  octets_.resize(at);
}

bool IdentityList::contains(std::string_view identity) const {
  if (starts_.empty()) return false;
  const std::size_t bucket = bucket_of(identity);
  return holds(octets_.data() + starts_[bucket], octets_.data() + starts_[bucket + 1], identity);
}

std::size_t IdentityList::bucket_of(std::string_view identity) const {
  return core::siphash_2_4(identity, key_) & (starts_.size() - 2);  // a power of two of buckets
}

std::size_t IdentityList::bytes() const {
  return sizeof *this + starts_.capacity() * sizeof starts_[0] + octets_.capacity();
}

}  // namespace sluice::policy
