#pragma once
#include <string>
#include <string_view>

#include "admin/message.hpp"
#include "control/change.hpp"

namespace sluice::admin {

struct Problem {
  std::uint16_t status = 400;
  std::string_view code;      // for programs: `bad_request`; one of those in problem.cpp
  std::string detail;         // for a person: what, why not
  std::string instance = {};  // the path that was asked; empty: not known
  std::string remedy = {};    // the command that would work; empty: none
};

/// application/problem+json (RFC 9457): `type`, `title`, `status`, `detail`, our `code`, and
/// `instance` and `remedy` where they are known. A 503 says Retry-After.
Response problem_response(const Problem& problem);
/// A refused change with the status of behaviour.md §5.
Response refusal_response(const control::Refusal& refusal, const Request& request,
                          std::string remedy = {});

/// What holds reasons and user ids is for those who may use the Unix socket: 403 over TCP. `what`
/// is "the audit is" or the like.
Response local_only_response(const Request& request, std::string_view what, std::string remedy);

}  // namespace sluice::admin
