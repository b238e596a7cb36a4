#pragma once
#include <memory>
#include <string>
#include <vector>

#include "sim/judge.hpp"

namespace sluice::sim {

/// A run of which everything follows from its seed: topology, faults, clients, origins, the
/// operator's commands, the order of events.
class RandomRun {
 public:
  explicit RandomRun(std::uint64_t seed);
  ~RandomRun();
  RandomRun(const RandomRun&) = delete;
  RandomRun& operator=(const RandomRun&) = delete;

  /// Runs to the end and judges. Empty: all invariants hold.
  std::vector<std::string> run();
  SimWorld& world() { return *world_; }

 private:
  class Operator;
  /// What may go wrong in this run.
  struct Weather {
    bool connects = false;    // refused, unanswered, out of resources
    bool origins = false;     // cut, silent, malformed answers
    bool clients = false;     // aborts, stops
    bool hostile = false;     // malformed requests
    bool idle_close = false;  // origins give up idle connections
    bool stops = false;
    bool has_operator = true;
    bool is_slow = false;
  };

  bool chance(unsigned percent) { return rng_.below(100) < percent; }
  std::size_t between(std::size_t low, std::size_t high) {
    return low + rng_.below(static_cast<std::uint32_t>(high - low + 1));
  }
  core::Nanos micros(std::size_t most) { return std::chrono::microseconds(between(0, most)); }
  std::size_t kernel_size();
  std::size_t body_size();

  WorldOptions draw_world();
  void draw_limits(WorldOptions& options) const;
  void draw_breakers(model::CircuitBreaker& breakers) const;
  void draw_adaptive(policy::AdaptivePolicy& adaptive) const;
  void draw_origins();
  ConnectFate draw_fate();
  void draw_clients();
  void draw_client();
  RequestPlan draw_request();
  AnswerPlan draw_answer(const RequestPlan& request);
  void spoil(AnswerPlan& answer);
  std::string draw_bad_head();
  std::string draw_bad_answer();
  bool is_faultless(const RequestPlan& request, const ClientPlan& client) const;

  core::Rng rng_;
  const std::uint64_t seed_;
  Weather weather_;
  WorldOptions options_;
  std::unique_ptr<SimWorld> world_;
  std::unique_ptr<Operator> operator_;
};

}  // namespace sluice::sim
