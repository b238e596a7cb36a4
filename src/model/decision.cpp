#include "sluice/model/decision.hpp"

#include "sluice/http/cookies.hpp"
#include "sluice/http/target.hpp"

namespace sluice::model {

Route route(const Snapshot& snapshot, std::size_t listener, const http::RequestHead& head) {
  std::array<char, core::limits::kRequestHeadMax> scratch;
  std::string_view path;
  if (const auto refusal = matching_path(head, scratch, path)) return {nullptr, refusal};
  const auto id = snapshot.table->find(listener, head.host, path);
  if (!id) return {nullptr, http::Refusal{404, "no service answers for this host and path"}};
  return {&snapshot.service(*id), std::nullopt};
}

std::optional<http::Refusal> matching_path(const http::RequestHead& head, std::span<char> scratch,
                                           std::string_view& out) {
  out = "/";
  if (head.form == http::TargetForm::Asterisk) return std::nullopt;
  return http::normalize_path(head.path, scratch, out);
}

// A TRACE is not reflected: its fields hold what the client's own proxies added (RFC 9110 §9.3.8).
std::optional<http::Refusal> last_hop_of(const http::RequestHead& head) {
  if (http::max_forwards(head) != 0U) return std::nullopt;
  if (head.method == http::Method::Trace)
    return http::Refusal{405, "a TRACE that must not go further is not reflected"};
  return http::Refusal{200, "this is the last hop that Max-Forwards allows"};
}

policy::Identity identify(const ServiceSettings& settings, const http::RequestHead& head,
                          const http::ClientIdentity& client, core::Rng& rng,
                          IdentityBuffers& buffers) {
  using Kind = policy::IdentityKind;
  const auto look_up =
      [&](const policy::IdentitySource& source) -> std::optional<std::string_view> {
    switch (source.kind) {
      case Kind::Cookie:
        return http::find_cookie(head.fields, source.name);
      case Kind::Header:
        return head.fields.find(source.name);
      case Kind::Query:
        return http::find_query_parameter(head.query, source.name);
      case Kind::ClientAddress:
        return client.address ? std::optional(client.address->write(buffers.address))
                              : std::nullopt;
      case Kind::MintCookie: {
        const auto value = http::find_cookie(head.fields, source.name);
        return value && http::is_minted_cookie_value(*value) ? value : std::nullopt;
      }
    }
    core::unreachable();
  };
  policy::Identity identity =
      policy::choose_identity(std::span<const policy::IdentitySource>(settings.identity), look_up);
  if (identity.mint != nullptr) identity.octets = http::make_identity(rng, buffers.minted);
  return identity;
}

}  // namespace sluice::model
