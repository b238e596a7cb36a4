#include "control/change.hpp"

#include "sluice/core/ensure.hpp"

namespace sluice::control {

std::string_view text(Action action) {
  switch (action) {
    case Action::Switch:
      return "switch";
    case Action::Split:
      return "split";
    case Action::Rollback:
      return "rollback";
    case Action::Endpoint:
      return "endpoint";
  }
  core::unreachable();
}

std::string_view text(RefusalCode code) {
  switch (code) {
    case RefusalCode::UnknownService:
      return "unknown_service";
    case RefusalCode::BadRequest:
      return "bad_request";
    case RefusalCode::ServiceRequired:
      return "service_required";
    case RefusalCode::GenerationMismatch:
      return "generation_mismatch";
    case RefusalCode::PreconditionFailed:
      return "precondition_failed";
    case RefusalCode::PoolUnreachable:
      return "pool_unreachable";
    case RefusalCode::UnknownEndpoint:
      return "unknown_endpoint";
    case RefusalCode::AmbiguousEndpoint:
      return "ambiguous_endpoint";
    case RefusalCode::LastEndpoint:
      return "last_endpoint";
    case RefusalCode::Superseded:
      return "superseded";
    case RefusalCode::StorageUnavailable:
      return "storage_unavailable";
    case RefusalCode::Busy:
      return "busy";
  }
  core::unreachable();
}

std::string_view text(DrainOutcome outcome) {
  switch (outcome) {
    case DrainOutcome::Running:
      return "running";
    case DrainOutcome::Drained:
      return "drained";
    case DrainOutcome::Deadline:
      return "deadline";
    case DrainOutcome::Superseded:
      return "superseded";
  }
  core::unreachable();
}

}  // namespace sluice::control
