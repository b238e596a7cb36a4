#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/names.hpp"
#include "config/sections.hpp"
#include "config/values.hpp"

/// `identity` of a service: sources, and the order that they may stand in (behaviour.md §2).
namespace sluice::config {

namespace {

using policy::IdentityKind;
using policy::IdentitySource;

constexpr std::array kKinds{IdentityKind::Cookie, IdentityKind::Header, IdentityKind::Query,
                            IdentityKind::ClientAddress, IdentityKind::MintCookie};

IdentitySource minted_by_default() {
  return {.kind = IdentityKind::MintCookie, .name = "sluice_id", .max_age = std::chrono::days(30)};
}

bool read_query_name(Reader& in, Value value, std::string& target) {
  if (!value.is_scalar() || !is_query_name(value.text())) {
    report_bad(in, value);
    return false;
  }
  target = value.text();
  return true;
}

// `off` is no value here: without Max-Age the cookie would end with the browser, and the user would
// change pools.
bool read_max_age(Reader& in, Value value, std::chrono::seconds& target) {
  core::Millis age{0};
  if (!read_duration(in, value, age)) return false;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(age);
  if (seconds != age) {
    report_bad(in, value);
    return false;
  }
  target = seconds;
  return true;
}

bool read_mint_cookie(Reader& in, Value value, const std::string& label, IdentitySource& source) {
  source = minted_by_default();
  const Section section(in, value, tables::kMintCookie, fmt::format("'mint_cookie' of {}", label));
  bool is_good = section.is_map();
  if (const auto v = section.get("name"))
    is_good = read_cookie_name(in, *v, source.name) && is_good;
  if (const auto v = section.get("max_age"))
    is_good = read_max_age(in, *v, source.max_age) && is_good;
  return is_good;
}

bool read_client_address(Reader& in, Value value) {
  const bool has_no_value = value.node->kind == Node::Kind::Null;
  if (!has_no_value) report_bad(in, value);
  return has_no_value;
}

bool read_kind(Reader& in, Value value, const std::string& label, IdentitySource& source) {
  switch (source.kind) {
    case IdentityKind::Cookie:
      return read_cookie_name(in, value, source.name);
    case IdentityKind::Header:
      return read_header_name(in, value, source.name);
    case IdentityKind::Query:
      return read_query_name(in, value, source.name);
    case IdentityKind::ClientAddress:
      return read_client_address(in, value);
    case IdentityKind::MintCookie:
      return read_mint_cookie(in, value, label, source);
  }
  core::unreachable();
}

/// `- client_address`, `- mint_cookie`: the sources that need no name.
std::optional<IdentitySource> read_bare(Reader& in, Value item) {
  if (item.is("client_address")) return IdentitySource{};
  if (item.is("mint_cookie")) return minted_by_default();
  report_bad_word(in, item);
  return std::nullopt;
}

std::optional<IdentitySource> read_source(Reader& in, Value item, const std::string& label) {
  if (item.node->kind != Node::Kind::Map) return read_bare(in, item);
  const Section section(in, item, tables::kIdentity, fmt::format("'identity' of {}", label));
  if (item.node->children.size() != 1) {
    in.report(
        *item.node,
        fmt::format("an item of 'identity' has {} keys, expected one: begin each source with '-'",
                    item.node->children.size()));
    return std::nullopt;
  }
  for (const IdentityKind kind : kKinds) {
    const auto value = section.get(policy::text(kind));
    IdentitySource source{.kind = kind, .name = "", .max_age = {}};
    if (value && read_kind(in, *value, label, source)) return source;
  }
  return std::nullopt;
}

bool is_same(const IdentitySource& a, const IdentitySource& b) {
  if (a.kind != b.kind) return false;
  return a.kind == IdentityKind::Header ? equals_ignoring_case(a.name, b.name) : a.name == b.name;
}

// Whatever stands behind a source that is always present is never asked.
std::string order_problem(const std::vector<IdentitySource>& before, const IdentitySource& source) {
  const std::string_view word = policy::text(source.kind);
  if (std::ranges::any_of(before,
                          [&](const IdentitySource& other) { return is_same(other, source); })) {
    return fmt::format("'{}' is listed twice in 'identity', expected each source once", word);
  }
  if (before.empty()) return "";
  const IdentityKind last = before.back().kind;
  if (last == IdentityKind::MintCookie) {
    return fmt::format("'{}' stands after 'mint_cookie', expected nothing after it", word);
  }
  if (last == IdentityKind::ClientAddress && source.kind != IdentityKind::MintCookie) {
    return fmt::format("'{}' stands after 'client_address', expected only 'mint_cookie' after it",
                       word);
  }
  return "";
}

}  // namespace

bool read_cookie_name(Reader& in, Value value, std::string& target) {
  if (!value.is_scalar() || !is_token(value.text())) {
    report_bad(in, value);
    return false;
  }
  target = value.text();
  return true;
}

bool read_header_name(Reader& in, Value value, std::string& target) {
  if (!value.is_scalar() || !is_token(value.text())) {
    report_bad(in, value);
    return false;
  }
  constexpr std::string_view kOwn = "sluice-";
  if (equals_ignoring_case(value.text().substr(0, kOwn.size()), kOwn)) {
    report_bad(in, value, "; Sluice-* fields are removed from requests first");
    return false;
  }
  target = value.text();
  return true;
}

void read_identity(Reader& in, Value list, const std::string& service_label,
                   std::vector<IdentitySource>& sources) {
  std::vector<IdentitySource> read;
  for (const Value item : items_of(in, list)) {
    std::optional<IdentitySource> source = read_source(in, item, service_label);
    if (!source) continue;
    const std::string problem = order_problem(read, *source);
    if (!problem.empty()) in.report(*item.node, problem);
    read.push_back(std::move(*source));
  }
  if (!read.empty()) sources = std::move(read);
}

}  // namespace sluice::config
