#include "sluice/metrics/block.hpp"

namespace sluice::metrics {

std::size_t code_class(unsigned status) {
  const bool is_standard = status >= 100 && status <= 599 && status != 499;
  return is_standard ? status / 100 - 1 : kCodeClasses - 1;
}

}  // namespace sluice::metrics
