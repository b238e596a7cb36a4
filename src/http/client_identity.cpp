#include <algorithm>
#include <cstring>

#include "http/char_class.hpp"
#include "http/hex.hpp"
#include "sluice/http/forward.hpp"

// Who the client is, and the ids that Sluice gives to requests and users (behaviour.md §2).
namespace sluice::http {
namespace {

bool is_in_any(const core::IpAddress& address, std::span<const core::Network> networks) {
  return std::any_of(networks.begin(), networks.end(), [&address](const core::Network& network) {
    return network.contains(address);
  });
}

/// Cuts the last element off a comma-separated list.
std::string_view take_last(std::string_view& list) {
  const std::size_t comma = list.rfind(',');
  const std::string_view last = comma == std::string_view::npos ? list : list.substr(comma + 1);
  list = comma == std::string_view::npos ? std::string_view{} : list.substr(0, comma);
  return without_outer_blanks(last);
}

enum class Walk : std::uint8_t { GoesOn, Ended };

/// From right to left through one line; `found` is the last good element.
Walk walk_line(std::string_view line, std::span<const core::Network> trusted,
               std::optional<core::IpAddress>& found) {
  while (true) {
    const bool is_last = line.find(',') == std::string_view::npos;
    const std::optional<core::IpAddress> element = core::IpAddress::parse(take_last(line));
    if (!element) return Walk::Ended;
    found = element;
    if (!is_in_any(*element, trusted)) return Walk::Ended;
    if (is_last) return Walk::GoesOn;
  }
}

}  // namespace

ClientIdentity find_client_behind(const HeaderBlock& fields,
                                  const std::optional<core::IpAddress>& peer, bool unix_is_trusted,
                                  std::span<const core::Network> trusted) {
  ClientIdentity client;
  client.address = peer;
  client.peer_is_trusted = peer ? is_in_any(*peer, trusted) : unix_is_trusted;
  if (!client.peer_is_trusted || !fields.has(FieldId::XForwardedFor)) return client;
  for (std::size_t i = fields.size(); i > 0; --i) {
    const Field field = fields[i - 1];
    if (field.id != FieldId::XForwardedFor) continue;
    if (walk_line(field.value, trusted, client.address) == Walk::Ended) break;
  }
  return client;
}

std::string_view make_identity(core::Rng& rng, std::array<char, 32>& out) {
  put_hex(put_hex(out.data(), rng.next()), rng.next());
  return {out.data(), out.size()};
}

std::string_view make_request_id(core::Rng& rng, std::array<char, 36>& out) {
  // RFC 9562 §5.4: version 4, variant 10.
  const std::uint64_t high = (rng.next() & ~std::uint64_t{0xF000}) | 0x4000U;
  const std::uint64_t low = (rng.next() & ~(std::uint64_t{3} << 62U)) | std::uint64_t{2} << 62U;
  std::array<char, 32> digits;
  put_hex(put_hex(digits.data(), high), low);
  // 8-4-4-4-12, as copies of fixed size: a loop over the digits takes 290 instructions.
  out[8] = out[13] = out[18] = out[23] = '-';
  std::memcpy(&out[0], &digits[0], 8);
  std::memcpy(&out[9], &digits[8], 4);
  std::memcpy(&out[14], &digits[12], 4);
  std::memcpy(&out[19], &digits[16], 4);
  std::memcpy(&out[24], &digits[20], 12);
  return {out.data(), out.size()};
}

bool is_sane_request_id(std::string_view value) {
  constexpr std::size_t kSizeMax = 128;
  return !value.empty() && value.size() <= kSizeMax &&
         std::all_of(value.begin(), value.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

}  // namespace sluice::http
