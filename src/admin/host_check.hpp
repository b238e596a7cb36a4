#pragma once
#include <string_view>

namespace sluice::admin {

/// Whether a Host (without port) names this machine's loopback. A page of somebody else that was
/// re-bound to 127.0.0.1 in a victim's browser sends its own name here, and is told by it (DNS
/// rebinding).
bool is_loopback_host(std::string_view host);

}  // namespace sluice::admin
