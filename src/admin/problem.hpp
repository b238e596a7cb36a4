#pragma once
#include <string>
#include <string_view>

#include "admin/message.hpp"
#include "control/change.hpp"

namespace sluice::admin {

struct Problem {
  std::uint16_t status = 400;
  std::string_view code;  // for programs: `bad_request`
  std::string detail;     // for a person
};

/// application/problem+json (RFC 9457) with `type`, `title`, `status`, `detail` and our `code`. A
/// 503 says Retry-After.
Response problem_response(const Problem& problem);
/// A refused change with the status of behaviour.md §5.
Response refusal_response(const control::Refusal& refusal);

}  // namespace sluice::admin
