#pragma once
#include <string_view>

namespace sluice::admin {

/// Whether a Host (without port) names this machine's loopback. A page of somebody else that was
/// re-bound to 127.0.0.1 in a victim's browser sends its own name here, and is told by it (DNS
/// rebinding).
bool is_loopback_host(std::string_view host);

/// Whether a Host (without port) can only have come from somebody who knows where admin.http is: it
/// names loopback or `bound`, the IP address that it is bound to (empty: none). Where that is the
/// wildcard, every IP address will do: rebinding needs a name. No Host at all is HTTP/1.0, which no
/// browser speaks.
bool is_own_host(std::string_view host, std::string_view bound);

}  // namespace sluice::admin
