#include "control/status.hpp"

#include "sluice/core/ensure.hpp"

namespace sluice::control {

std::string_view text(EndpointState state) {
  switch (state) {
    case EndpointState::Up:
      return "up";
    case EndpointState::Down:
      return "down";
    case EndpointState::Draining:
      return "draining";
    case EndpointState::Disabled:
      return "disabled";
  }
  core::unreachable();
}

}  // namespace sluice::control
