#include "control/change_counts.hpp"

namespace sluice::control {

ChangeCounts::ChangeCounts() {
  for (const Action action : {Action::Switch, Action::Split, Action::Rollback, Action::Endpoint}) {
    rows_[{text(action), kChanged}] = 0;
  }
}

void ChangeCounts::add(const ChangeRequest& request, std::string_view result) {
  if (request.execution == Execution::DryRun || request.orders.empty()) return;
  ++rows_[{text(request.orders.front().action), result}];
}

}  // namespace sluice::control
