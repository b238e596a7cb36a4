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

std::string_view text(OverloadView::Level level) {
  switch (level) {
    case OverloadView::Level::Normal:
      return "normal";
    case OverloadView::Level::NoKeepAlive:
      return "no_keep_alive";
    case OverloadView::Level::Shedding:
      return "shedding";
  }
  core::unreachable();
}

}  // namespace sluice::control
