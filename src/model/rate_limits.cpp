#include "sluice/model/rate_limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "sluice/core/ensure.hpp"
#include "sluice/http/cookies.hpp"
#include "sluice/http/target.hpp"

namespace sluice::model {

namespace {

using Kind = LimitKeyPart::Kind;

/// A quota per window, as clients read it: the window is that in which a used up burst comes back,
/// in whole seconds.
std::string quota_item(std::string_view name, const policy::RatePolicy& policy) {
  const std::uint64_t count = policy.rate().count;
  const auto period = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(policy.rate().period).count());
  const std::uint64_t window = (period * policy.burst() + count - 1) / count;  // 1 at least
  const std::uint64_t quota = std::max<std::uint64_t>(window * count / period, policy.burst());
  return fmt::format("{};q={};w={}", name, quota, window);
}

/// `name` in quotes, as it stands in fields.
std::string policy_item(std::string_view name, const Allowance& allowance) {
  std::string out = allowance.rate ? quota_item(name, *allowance.rate) + ", " : "";
  if (allowance.in_flight_max == 0) return out.substr(0, out.size() - 2);
  // A name stands for one policy only.
  name.remove_suffix(1);
  return out + fmt::format("{}{}\";q={};qu=\"concurrent-requests\"", name,
                           allowance.rate ? "#in-flight" : "", allowance.in_flight_max);
}

std::optional<policy::Rate> rate_in(const Allowance& allowance) {
  return allowance.rate ? std::optional(allowance.rate->rate()) : std::nullopt;
}

bool fit(const LimitTables& tables, const Allowance& allowance) {
  return tables.rate_of == rate_in(allowance) &&
         tables.in_flight.has_value() == (allowance.in_flight_max != 0);
}

std::array<std::uint8_t, 4> v4_octets(const core::IpAddress& address) {
  const std::array<std::uint8_t, 16>& octets = address.octets();
  return {octets[0], octets[1], octets[2], octets[3]};
}

/// The octets that tell one client from another.
std::string_view address_octets(const core::IpAddress& address, std::uint32_t ipv6_prefix,
                                std::array<std::uint8_t, 16>& buffer) {
  constexpr std::size_t kV4 = 4;
  buffer = address.octets();
  const auto* const octets = reinterpret_cast<const char*>(buffer.data());
  if (!address.is_v6()) return {octets, kV4};
  for (std::uint32_t i = 0; i < buffer.size(); ++i) {
    const std::uint32_t kept = std::clamp<std::uint32_t>(ipv6_prefix, i * 8, i * 8 + 8) - i * 8;
    buffer[i] = static_cast<std::uint8_t>(buffer[i] & (0xFF00U >> kept));
  }
  return {octets, buffer.size()};
}

/// `path` may be in `out` already.
std::string_view with_single_slashes(std::string_view path, std::span<char> out) {
  std::size_t size = 0;
  for (const char c : path) {
    if (c != '/' || size == 0 || out[size - 1] != '/') out[size++] = c;
  }
  return {out.data(), size};
}

/// `/a/b` of `/a/b/c` for two segments; the path itself when it has no more.
std::string_view leading_segments(std::string_view path, std::uint32_t segments) {
  std::size_t end = 0;
  for (std::uint32_t i = 0; i < segments && end != path.npos; ++i) end = path.find('/', end + 1);
  path = path.substr(0, end);
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);  // of `/a/`
  return path;
}

}  // namespace

std::string_view text(LimitKeyPart::Kind kind) {
  switch (kind) {
    case Kind::Identity:
      return "identity";
    case Kind::ClientAddress:
      return "client_address";
    case Kind::Header:
      return "header";
    case Kind::Cookie:
      return "cookie";
    case Kind::Method:
      return "method";
    case Kind::PathPrefix:
      return "path_prefix";
    case Kind::Service:
      return "service";
    case Kind::Pool:
      return "pool";
  }
  core::unreachable();
}

std::string text(const Allowance& allowance) {
  std::string out;
  if (allowance.rate) {
    out =
        fmt::format("{}, burst {}", policy::text(allowance.rate->rate()), allowance.rate->burst());
  }
  if (allowance.in_flight_max == 0) return out;
  return out + fmt::format("{}{} in progress", out.empty() ? "" : ", ", allowance.in_flight_max);
}

std::string_view text(LimitMode mode) {
  return mode == LimitMode::Shadow ? "shadow" : "enforce";
}

std::size_t table_bytes(const LimitRule& rule) {
  const auto tables = [](const Allowance& allowance) {
    return (allowance.rate ? 1U : 0U) + (allowance.in_flight_max != 0 ? 1U : 0U);
  };
  const std::size_t count = tables(rule.live) + (rule.candidate ? tables(*rule.candidate) : 0);
  return count * policy::KeyBuckets::bytes_for(rule.keys);
}

LimitTables::LimitTables(const Allowance& allowance, std::size_t keys)
    : rate_of(rate_in(allowance)) {
  if (allowance.rate) rate.emplace(keys);
  if (allowance.in_flight_max != 0) in_flight.emplace(keys);
}

LimitCell::LimitCell(const LimitRule& rule, core::HashKey key, std::size_t workers)
    : hash_key(key), keys(rule.keys), live(rule.live, rule.keys), counters(workers) {
  if (rule.candidate) candidate.emplace(*rule.candidate, rule.keys);
}

bool LimitCell::fits(const LimitRule& rule) const {
  return keys == rule.keys && fit(live, rule.live) &&
         candidate.has_value() == rule.candidate.has_value() &&
         (!candidate || fit(*candidate, *rule.candidate));
}

bool is_for_all(const LimitRule& rule) {
  return rule.methods.empty() && !rule.path_prefix && rule.exempt.is_nobody();
}

RateLimit make_limit(LimitRule rule, std::shared_ptr<LimitCell> cell) {
  RateLimit limit{.rule = std::move(rule),
                  .cell = std::move(cell),
                  .log_name = {},
                  .names = {},
                  .policy_items = {}};
  limit.is_for_all = is_for_all(limit.rule);
  const std::string& name = limit.rule.name;
  limit.log_name = limit.rule.mode == LimitMode::Shadow ? "shadow:" + name : name;
  limit.names[0] = fmt::format("\"{}\"", name);
  limit.names[1] = limit.rule.candidate ? fmt::format("\"{}#candidate\"", name) : limit.names[0];
  for (std::size_t role = 0; role < limit.names.size(); ++role)
    limit.policy_items[role] = policy_item(limit.names[role], limit.rule.allowance(role == 1));
  return limit;
}

RateLimits::RateLimits(std::vector<RateLimit> limits) : list(std::move(limits)) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const LimitRule& rule = list[i].rule;
    if (rule.is_announced && rule.mode == LimitMode::Enforce)
      announced = static_cast<std::uint16_t>(announced | 1U << i);
  }
  for (std::size_t role = 0; role < policies.size(); ++role)
    put_policies(*this, announced, role == 1,
                 [&](std::string_view part) { policies[role] += part; });
}

bool LimitedRequest::has_method_of(const LimitRule& rule) const {
  return std::ranges::find(rule.methods, parts_.head.method_text) != rule.methods.end();
}

std::string_view LimitedRequest::path() {
  if (!path_.empty()) return path_;
  path_ = "/";
  if (parts_.head.form == http::TargetForm::Asterisk) return path_;
  const auto refusal = http::normalize_path(parts_.head.path, scratch_, path_);
  ENSURE(!refusal, "the path of a request that has a service has a normal form");
  // Most origins serve `//login` as /login: it must not lead around a limit of that.
  if (path_.find("//") != path_.npos) path_ = with_single_slashes(path_, scratch_);
  return path_;
}

std::string_view LimitedRequest::octets(const LimitKeyPart& part, const LimitRule& rule,
                                        std::array<std::uint8_t, 16>& buffer) {
  const http::RequestHead& head = parts_.head;
  switch (part.kind) {
    case Kind::Identity:
      return parts_.identity.value_or(std::string_view());
    case Kind::ClientAddress:
      if (!parts_.client) return {};
      return address_octets(*parts_.client, rule.ipv6_prefix, buffer);
    case Kind::Header:
      return head.fields.find(part.name).value_or(std::string_view());
    case Kind::Cookie:
      return http::find_cookie(head.fields, part.name).value_or(std::string_view());
    case Kind::Method:
      return head.method_text;
    case Kind::PathPrefix:
      return leading_segments(path(), part.segments);
    case Kind::Service:
      return parts_.service;
    case Kind::Pool:
      return core::text(parts_.pool);
  }
  core::unreachable();
}

std::optional<std::uint64_t> LimitedRequest::part_hash(const LimitKeyPart& part,
                                                       const LimitRule& rule,
                                                       core::HashKey hash_key) {
  if (part.kind == Kind::Identity) {
    if (!parts_.identity || parts_.identity->empty()) return std::nullopt;
    return core::siphash_1_3(*parts_.identity, hash_key);
  }
  if (part.kind == Kind::ClientAddress && parts_.client && !parts_.client->is_v6())
    return core::siphash_1_3(v4_octets(*parts_.client), hash_key);
  return rare_part_hash(part, rule, hash_key);
}

// Apart from what a key nearly always is, as its memory costs the others 20 instructions.
[[gnu::noinline]] std::optional<std::uint64_t> LimitedRequest::rare_part_hash(
    const LimitKeyPart& part, const LimitRule& rule, core::HashKey hash_key) {
  std::array<std::uint8_t, 16> buffer;
  const std::string_view found = octets(part, rule, buffer);
  if (found.empty()) return std::nullopt;
  return core::siphash_1_3(found, hash_key);
}

std::optional<std::uint64_t> LimitedRequest::key_hash(const LimitRule& rule,
                                                      core::HashKey hash_key) {
  if (rule.key.size() == 1) return part_hash(rule.key.front(), rule, hash_key);
  return joined_hash(rule, hash_key);
}

[[gnu::noinline]] std::optional<std::uint64_t> LimitedRequest::joined_hash(const LimitRule& rule,
                                                                           core::HashKey hash_key) {
  std::array<std::uint64_t, core::limits::kLimitKeyPartsMax> hashes{};
  std::size_t count = 0;
  for (const LimitKeyPart& part : rule.key) {
    const auto hash = part_hash(part, rule, hash_key);
    if (!hash) return std::nullopt;
    hashes[count++] = *hash;
  }
  // Of the hashes and not of the octets in a row: there nobody can move the border of two parts.
  return core::siphash_1_3({reinterpret_cast<const char*>(hashes.data()), count * sizeof hashes[0]},
                           hash_key);
}

std::string LimitedRequest::key_text(const LimitRule& rule) {
  std::string out;
  std::array<std::uint8_t, 16> buffer;
  for (const LimitKeyPart& part : rule.key) {
    const std::string_view found = octets(part, rule, buffer);
    if (found.empty()) return "";
    out += fmt::format("{}{}", out.empty() ? "" : ", ", text(part.kind));
    if (!part.name.empty()) out += " " + part.name;
    if (part.kind != Kind::ClientAddress) {
      out.append(" ").append(found);
    } else if (parts_.client->is_v6()) {
      out += fmt::format(" {}/{}", core::IpAddress::v6(buffer).text(), rule.ipv6_prefix);
    } else {
      out += " " + parts_.client->text();
    }
  }
  return out;
}

}  // namespace sluice::model
