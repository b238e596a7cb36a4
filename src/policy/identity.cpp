#include "sluice/policy/identity.hpp"

#include "sluice/core/ensure.hpp"

namespace sluice::policy {

std::string_view text(IdentityKind kind) {
  switch (kind) {
    case IdentityKind::Cookie:
      return "cookie";
    case IdentityKind::Header:
      return "header";
    case IdentityKind::Query:
      return "query";
    case IdentityKind::ClientAddress:
      return "client_address";
    case IdentityKind::MintCookie:
      return "mint_cookie";
  }
  core::unreachable();
}

}  // namespace sluice::policy
