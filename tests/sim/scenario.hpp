#pragma once
#include "sim/judge.hpp"
#include "support/catch.hpp"

/// Shorthand of the named scenarios.
namespace sluice::sim {

using core::PoolName;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Nothing at random that the scenario does not ask for: one event per turn, time moves only when
/// nothing can happen.
inline WorldOptions calm() {
  WorldOptions options;
  options.has_chaos = false;
  return options;
}

inline WorldOptions with_endpoints(std::size_t blue, std::size_t green) {
  WorldOptions options = calm();
  options.service.endpoints = {blue, green};
  return options;
}

/// A client with one request.
inline SimClient& ask(SimWorld& world, RequestPlan request, ClientPlan plan = {}) {
  plan.requests.push_back(world.request(std::move(request)));
  return world.client(std::move(plan));
}

/// A client with several requests, one after the other.
inline SimClient& ask_all(SimWorld& world, std::vector<RequestPlan> requests,
                          ClientPlan plan = {}) {
  for (RequestPlan& request : requests) plan.requests.push_back(world.request(std::move(request)));
  return world.client(std::move(plan));
}

inline RequestPlan get(AnswerPlan answer = {}) {
  return {.answers = {std::move(answer)}};
}
inline AnswerPlan sized(std::size_t size, BodyForm form = BodyForm::Length) {
  return {.form = form, .size = size};
}

inline ConnectFate::Kind kRefuse = ConnectFate::Kind::Refuse;
inline void meet(SimOrigin& origin, ConnectFate::Kind kind) {
  origin.fate = [kind] { return ConnectFate{.kind = kind}; };
}

/// To rest; then every invariant of the random runs must hold as well.
inline void finish(SimWorld& world) {
  world.run_to_end();
  const auto findings = judge(world);
  INFO(join(findings));
  CHECK(findings.empty());
}

inline const Entry& entry(SimWorld& world, unsigned number) {
  return world.ledger()[number];
}
inline unsigned status(SimWorld& world, unsigned number) {
  return entry(world, number).outcome.status();
}
inline std::string field(SimWorld& world, unsigned number, std::string_view name) {
  const auto& answer = entry(world, number).outcome.answer;
  return answer ? answer->field(name).value_or("") : "";
}
inline const LogLine& line(SimWorld& world, unsigned number) {
  REQUIRE(entry(world, number).lines.size() == 1);
  return entry(world, number).lines.front();
}
inline std::size_t attempts(SimWorld& world, unsigned number) {
  return entry(world, number).attempts.size();
}

}  // namespace sluice::sim
