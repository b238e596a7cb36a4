#pragma once
#include <functional>
#include <string>

#include "admin/message.hpp"
#include "control/controller.hpp"
#include "sluice/metrics/exposition.hpp"

/// What each route does. Every handler answers exactly once, at once or later.
namespace sluice::admin {

struct Context {
  control::Controller& controller;
  std::string version;
  /// Families that only the process knows (acceptors, loops); may be empty.
  std::function<void(metrics::Exposition&)> more_metrics;
  /// `Host` beside loopback that TCP callers may name: the address that admin.http is bound to.
  /// The wildcard: any literal address. Empty: no admin.http.
  std::string bound_host;
};

/// One matched route: `service` is the decoded path segment, empty for paths without one.
struct Call {
  const Request& request;
  std::string service;
};

using Handler = void (*)(const Context&, const Call&, const Responder&);

void get_status(const Context& context, const Call& call, const Responder& respond);
void get_service_status(const Context& context, const Call& call, const Responder& respond);
void post_switch(const Context& context, const Call& call, const Responder& respond);
void post_split(const Context& context, const Call& call, const Responder& respond);
void post_rollback(const Context& context, const Call& call, const Responder& respond);
void post_endpoint_drain(const Context& context, const Call& call, const Responder& respond);
void post_endpoint_enable(const Context& context, const Call& call, const Responder& respond);
void post_endpoint_disable(const Context& context, const Call& call, const Responder& respond);
void post_changes(const Context& context, const Call& call, const Responder& respond);
void post_explain(const Context& context, const Call& call, const Responder& respond);
void get_audit(const Context& context, const Call& call, const Responder& respond);
void get_events(const Context& context, const Call& call, const Responder& respond);
void get_healthz(const Context& context, const Call& call, const Responder& respond);
void get_readyz(const Context& context, const Call& call, const Responder& respond);
void get_metrics(const Context& context, const Call& call, const Responder& respond);

}  // namespace sluice::admin
