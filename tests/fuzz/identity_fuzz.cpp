// Any octets as what a user is known by: Cookie lines, a query, a header, X-Forwarded-For. Each
// look-up agrees with its rule written once more as slowly as it reads (behaviour.md §2), and an
// identity that is chosen is never empty, too long or outside of the request.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/check.hpp"
#include "sluice/http/cookies.hpp"
#include "sluice/http/forward.hpp"
#include "sluice/http/head_scanner.hpp"
#include "sluice/policy/identity.hpp"
#include "sluice/policy/split.hpp"

using namespace sluice;
using fuzz::check;

namespace {

using Found = std::optional<std::string>;

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

/// Without a piece behind the last separator being lost.
std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

Found slow_cookie(const http::HeaderBlock& fields, const std::string& name) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!http::iequals(fields[i].name, "Cookie")) continue;
    for (const std::string& pair : split(std::string(fields[i].value), ';')) {
      const std::size_t equals = pair.find('=');
      if (equals != std::string::npos && trimmed(pair.substr(0, equals)) == name)
        return trimmed(pair.substr(equals + 1));
    }
  }
  return std::nullopt;
}

Found slow_parameter(std::string_view query, const std::string& name) {
  for (const std::string& pair : split(std::string(query), '&')) {
    if (pair.substr(0, pair.find('=')) == name && pair.size() > name.size())
      return pair.substr(name.size() + 1);
  }
  return std::nullopt;
}

Found slow_header(const http::HeaderBlock& fields, std::string_view name) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (http::iequals(fields[i].name, name)) return std::string(fields[i].value);
  }
  return std::nullopt;
}

Found owned(std::optional<std::string_view> view) {
  return view ? Found(*view) : std::nullopt;
}

/// All lines as one list, from the right, as long as the elements are trusted proxies.
std::optional<core::IpAddress> slow_client(const http::HeaderBlock& fields, core::IpAddress peer,
                                           const std::vector<core::Network>& trusted) {
  const auto is_trusted = [&](const core::IpAddress& address) {
    for (const core::Network& network : trusted) {
      if (network.contains(address)) return true;
    }
    return false;
  };
  std::vector<std::string> elements;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!http::iequals(fields[i].name, "X-Forwarded-For")) continue;
    for (const std::string& element : split(std::string(fields[i].value), ','))
      elements.push_back(trimmed(element));
  }
  core::IpAddress client = peer;
  while (is_trusted(client) && !elements.empty()) {
    const auto next = core::IpAddress::parse(elements.back());
    if (!next) break;
    client = *next;
    elements.pop_back();
  }
  return client;
}

void check_client(const http::HeaderBlock& fields) {
  static const std::vector<core::Network> trusted{*core::Network::parse("10.0.0.0/8", ""),
                                                  *core::Network::parse("2001:db8::/32", "")};
  for (const char* text : {"10.0.0.1", "192.0.2.7", "2001:db8::1"}) {
    const core::IpAddress peer = *core::IpAddress::parse(text);
    const http::ClientIdentity found = http::find_client(fields, peer, false, trusted);
    check(found.address == slow_client(fields, peer, trusted), "another client address");
    check(found.peer_is_trusted == (std::string_view(text) != "192.0.2.7"), "trust of the peer");
    std::array<char, 46> scratch;
    const std::string_view written = found.address->write(scratch);
    check(core::IpAddress::parse(written) == found.address, "an address reads back otherwise");
  }
}

void check_choice(const http::RequestHead& head) {
  using Kind = policy::IdentityKind;
  static const std::vector<policy::IdentitySource> sources{
      {.kind = Kind::Cookie, .name = "uid", .max_age = {}},
      {.kind = Kind::Header, .name = "X-User-Id", .max_age = {}},
      {.kind = Kind::Query, .name = "u", .max_age = {}},
      {.kind = Kind::MintCookie, .name = "sid", .max_age = {}}};
  const auto look_up =
      [&head](const policy::IdentitySource& source) -> std::optional<std::string_view> {
    switch (source.kind) {
      case Kind::Cookie:
        return http::find_cookie(head.fields, source.name);
      case Kind::Header:
        return head.fields.find(source.name);
      case Kind::Query:
        return http::find_query_parameter(head.query, source.name);
      case Kind::MintCookie: {
        const auto value = http::find_cookie(head.fields, source.name);
        return value && http::is_minted_cookie_value(*value) ? value : std::nullopt;
      }
      case Kind::ClientAddress:
        break;
    }
    return std::nullopt;
  };
  const policy::Identity chosen =
      policy::choose_identity(std::span<const policy::IdentitySource>(sources), look_up);
  check(chosen.source != nullptr, "the last source mints");
  check((chosen.mint != nullptr) == chosen.octets.empty(), "minted and found at once");
  check(chosen.octets.size() <= core::limits::kIdentityMax, "an identity over its limit");
  if (chosen.mint != nullptr) return;
  check(owned(look_up(*chosen.source)) == std::string(chosen.octets), "from another source");
  const std::uint32_t bucket = policy::bucket_of("salt", chosen.octets);
  check(bucket < 10'000, "a bucket that there is not");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto head = std::make_unique<http::RequestHead>();
  if (http::scan_request_head(bytes, {}, *head)) return 0;
  for (const std::string name : {"uid", "sid", "u"}) {
    check(owned(http::find_cookie(head->fields, name)) == slow_cookie(head->fields, name),
          "another cookie");
    check(owned(http::find_query_parameter(head->query, name)) == slow_parameter(head->query, name),
          "another parameter");
  }
  check(owned(head->fields.find("X-User-Id")) == slow_header(head->fields, "X-User-Id"),
        "another header");
  check_client(head->fields);
  check_choice(*head);
  return 0;
}
