#pragma once
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "control/change.hpp"
#include "control/status.hpp"
#include "sluice/core/address.hpp"
#include "sluice/core/ids.hpp"
#include "sluice/core/units.hpp"
#include "sluice/model/explain.hpp"

/// What is asked about one request, and why it would go where it goes (promise G12).
namespace sluice::control {

/// A user or a request: exactly one of them.
struct ExplainRequest {
  std::string service;                 // empty: host, path and listener decide
  std::optional<std::string> user;     // an identity
  std::optional<std::string> host;     // of the user's request; absent: none was told
  std::optional<std::string> path;     // of the user's request, with its query; absent: "/"
  std::optional<std::string> request;  // the bytes of a request head
  std::string listener;                // name; empty: the first one
  std::optional<core::IpAddress> from = core::IpAddress::v4({127, 0, 0, 1});  // nullopt: `unix:`
};

struct ExplainedEndpoint {
  core::PoolName pool = core::PoolName::Blue;
  EndpointView shown;
  core::Nanos penalty_left{0};  // not tried while others are free; 0: none
};

struct ExplainAnswer {
  model::Explanation explained;
  std::shared_ptr<const model::Snapshot> snapshot;  // what `explained` points into
  std::string listener;                             // name
  std::string
      routed_to;  // the service that host, path and listener lead to; empty: none, or not told
  bool is_routing_told = true;               // false: a user of a named service, without a host
  std::vector<ExplainedEndpoint> endpoints;  // of the pool; of both when it is not known
};

using ExplainOutcome = std::variant<ExplainAnswer, Refusal>;

/// The head of the request that a user is taken to send. Error: BadInput for a host or a path that
/// would not stay one word of it.
core::Result<std::string> request_of_user(const ExplainRequest& asked);

}  // namespace sluice::control
