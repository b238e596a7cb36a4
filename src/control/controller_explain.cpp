// The controller's answers about one request; it decides nothing here (model/explain.hpp does).
#include <algorithm>

#include "control/controller.hpp"
#include "control/explain.hpp"
#include "sluice/policy/balance.hpp"

namespace sluice::control {

namespace {

bool is_one_word(std::string_view text) {
  return std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; });
}

std::string joined(const std::vector<ListenerView>& listeners) {
  std::string names;
  for (const ListenerView& listener : listeners)
    names.append(names.empty() ? "" : ", ").append(listener.name);
  return names;
}

}  // namespace

core::Result<std::string> request_of_user(const ExplainRequest& asked) {
  const std::string path = asked.path.value_or("/");
  const std::string host = asked.host.value_or("");
  const auto bad = [](const char* what) {
    return core::Error{core::ErrorCode::BadInput, "", what};
  };
  if (!path.starts_with('/') || !is_one_word(path))
    return bad("path begins with / and holds no spaces or control characters");
  if (!is_one_word(host)) return bad("host holds no spaces or control characters");
  // HTTP/1.1 has no request without a host.
  if (host.empty()) return "GET " + path + " HTTP/1.0\r\n\r\n";
  return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

ExplainOutcome Controller::explain(const ExplainRequest& asked) const {
  const model::Service* named = nullptr;
  std::string_view name = asked.service;
  const bool tells_where = asked.request || asked.host || asked.path;
  if (name.empty() && !tells_where) {
    if (known_.size() != 1) {
      Refusal refusal = service_required(known_);
      refusal.detail += "; or say host and path, and they lead to one";
      return refusal;
    }
    name = known_.front().name;
  }
  if (!name.empty()) {
    const auto found = std::ranges::find(known_, name, &KnownService::name);
    if (found == known_.end()) return unknown_service(name, known_);
    named = &in_force_.snapshot->services[static_cast<std::size_t>(found - known_.begin())];
  }
  const auto listener = std::ranges::find(listeners_, asked.listener, &ListenerView::name);
  if (!asked.listener.empty() && listener == listeners_.end()) {
    return Refusal{RefusalCode::BadRequest, "there is no listener \"" + asked.listener +
                                                "\"; there is: " + joined(listeners_)};
  }
  const core::Result<std::string> bytes =
      asked.request ? core::Result<std::string>(*asked.request) : request_of_user(asked);
  if (!bytes) return Refusal{RefusalCode::BadRequest, bytes.error().text()};

  const std::size_t number =
      asked.listener.empty() ? 0 : static_cast<std::size_t>(listener - listeners_.begin());
  core::Rng rng(static_cast<std::uint64_t>(deps_.loop.now().time_since_epoch().count()));
  ExplainAnswer answer{.explained = model::explain(in_force_,
                                                   {.bytes = *bytes,
                                                    .listener = number,
                                                    .peer = asked.from,
                                                    .named = named,
                                                    .user = asked.user,
                                                    .now = deps_.loop.now(),
                                                    .overload = overload_.word()},
                                                   rng),
                       .snapshot = in_force_.snapshot,
                       .listener = number < listeners_.size() ? listeners_[number].name : "",
                       .routed_to = "",
                       .is_routing_told = named == nullptr || asked.request || asked.host,
                       .endpoints = {}};
  if (answer.is_routing_told && answer.explained.routing)
    answer.routed_to = known_[answer.explained.routing->service.raw].name;
  add_endpoints(answer);
  return answer;
}

void Controller::add_endpoints(ExplainAnswer& answer) const {
  const model::Explanation& explained = answer.explained;
  if (explained.service == nullptr) return;
  const model::ServiceSettings& settings = *explained.service->settings;
  const ServiceView view = view_of(settings.id);
  for (const core::PoolName pool : {core::PoolName::Blue, core::PoolName::Green}) {
    const bool is_asked = explained.choice ? explained.choice->pool == pool : explained.would_mint;
    if (!is_asked) continue;
    const std::vector<model::Endpoint>& endpoints = settings.pool(pool).endpoints;
    const std::vector<EndpointView>& shown = view.pools[core::index(pool)];
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
      const core::Nanos left =
          policy::Penalty(endpoints[i].cell->penalty.load(std::memory_order_relaxed)).until() -
          deps_.loop.now();
      answer.endpoints.push_back(
          {.pool = pool, .shown = shown[i], .penalty_left = std::max(left, core::Nanos::zero())});
    }
  }
}

}  // namespace sluice::control
