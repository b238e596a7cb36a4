#include "control/change_record.hpp"

#include <unistd.h>

namespace sluice::control {

Actor this_process() {
  return {.uid = static_cast<std::uint32_t>(::geteuid()),
          .pid = static_cast<std::int32_t>(::getpid())};
}

core::WallTime to_milliseconds(core::WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time);
}

}  // namespace sluice::control
