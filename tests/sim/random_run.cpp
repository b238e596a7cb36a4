#include "sim/random_run.hpp"

#include <array>

namespace sluice::sim {

using core::PoolName;

/// Commands at random instants: by steps, so that they fall into the middle of things, and by time,
/// so that they come at all.
class RandomRun::Operator final : public Actor {
 public:
  Operator(RandomRun& run, std::size_t commands, bool stops)
      : run_(run), left_(commands), stops_(stops) {
    run_.world_->scheduler().add(*this);
    draw_next();
  }
  ~Operator() { run_.world_->scheduler().remove(*this); }
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  bool is_done() const {
    return left_ == 0 && !run_.world_->control().has_prepared() && (!stops_ || stop_phase_ == 3);
  }

  bool is_ready() const override {
    const Scheduler& scheduler = run_.world_->scheduler();
    return !is_done() && (scheduler.steps() >= next_step_ || scheduler.now() >= next_time_);
  }
  std::optional<core::Instant> wakes_at() const override {
    return is_done() ? std::nullopt : std::optional(next_time_);
  }

  void step() override {
    draw_next();
    SimControl& control = run_.world_->control();
    if (control.has_prepared())
      return run_.chance(80) ? run_.world_->flip(drain()) : control.withdraw();
    if (left_ == 0) return stop();
    --left_;
    command();
  }

 private:
  void draw_next() {
    next_step_ = run_.world_->scheduler().steps() + run_.between(1, 150);
    next_time_ = run_.world_->now() + run_.micros(20'000);
  }

  core::Nanos drain() {
    return run_.chance(60) ? run_.micros(30'000) : core::Nanos(std::chrono::seconds(30));
  }

  void command() {
    SimWorld& world = *run_.world_;
    SimControl& control = world.control();
    const model::ServiceTraffic& traffic = control.current().traffic;
    switch (run_.rng_.below(8)) {
      case 0:
      case 1:
        return world.switch_to(run_.chance(85) ? traffic.candidate() : traffic.live, drain());
      case 2:
        return world.rollback(drain());
      case 3:
      case 4: {
        constexpr std::array<std::uint16_t, 6> kSplits{0, 1, 1000, 5000, 9900, 10'000};
        return world.split(kSplits[run_.rng_.below(kSplits.size())]);
      }
      case 5: {
        const PoolName pool = run_.chance(50) ? PoolName::Blue : PoolName::Green;
        const std::size_t count = run_.options_.service.endpoints[core::index(pool)];
        const std::uint64_t all = (std::uint64_t{1} << count) - 1;
        const std::uint64_t disabled = run_.rng_.next() & all;
        const bool leaves_some = (disabled | control.current().gone[core::index(pool)]) != all;
        return world.disable(pool, leaves_some ? disabled : 0);
      }
      case 6:
        return other_addresses();
      default:
        control.prepare(model::apply_switch(traffic, traffic.candidate()));
        return;  // flipped or withdrawn by the next step
    }
  }

  /// An address more or less, where that leaves one that is not disabled; else the same again.
  void other_addresses() {
    SimControl& control = run_.world_->control();
    const PoolName pool = left_ % 2 == 0 ? PoolName::Blue : PoolName::Green;
    const std::size_t index = core::index(pool);
    const std::size_t count = run_.options_.service.endpoints[index];
    const std::uint64_t all = (std::uint64_t{1} << count) - 1;
    const std::uint64_t gone =
        control.current().gone[index] ^ (std::uint64_t{1} << (left_ / 2 % count));
    if ((gone | control.current().disabled[index]) != all)
      return run_.world_->lose_addresses(pool, gone);
    control.republish();
    run_.world_->adopt_everywhere();
  }

  void stop() {
    SimWorld& world = *run_.world_;
    switch (stop_phase_++) {
      case 0:
        world.begin_stop();
        break;
      case 1:
        world.cut_all();
        break;
      default:
        world.give_up_all();
        break;
    }
    if (run_.chance(70)) {
      next_step_ = UINT64_MAX;
      next_time_ = world.now() + std::chrono::seconds(2);
    }
  }

  RandomRun& run_;
  std::size_t left_;
  const bool stops_;
  int stop_phase_ = 0;
  std::uint64_t next_step_ = 0;
  core::Instant next_time_{};
};

RandomRun::RandomRun(std::uint64_t seed) : rng_(seed * 0x9E3779B9U + 17), seed_(seed) {
  options_ = draw_world();
  world_ = std::make_unique<SimWorld>(options_);
  draw_origins();
  draw_clients();
  if (weather_.has_operator || weather_.stops) {
    operator_ = std::make_unique<Operator>(*this, weather_.has_operator ? between(1, 12) : 0,
                                           weather_.stops);
  }
}

RandomRun::~RandomRun() = default;

std::vector<std::string> RandomRun::run() {
  if (operator_) world_->run_until([this] { return operator_->is_done(); });
  world_->run_to_end();
  std::vector<std::string> findings = judge(*world_);
  if (world_->scheduler().steps() > 2'000'000) findings.push_back("the run spins");
  return findings;
}

// ---- what there is

std::size_t RandomRun::kernel_size() {
  constexpr std::array<std::size_t, 5> kSizes{300, 2000, 9000, 40'000, 200'000};
  return kSizes[rng_.below(kSizes.size())];
}

std::size_t RandomRun::body_size() {
  switch (rng_.below(10)) {
    case 0:
      return 0;
    case 1:
      return 1;
    case 2:
      return between(15'000, 18'000);
    case 3:
      return between(60'000, 70'000);
    case 4:
      return between(100'000, 300'000);
    default:
      return between(2, 3000);
  }
}

WorldOptions RandomRun::draw_world() {
  weather_.connects = chance(25);
  weather_.origins = chance(40);
  weather_.clients = chance(40);
  weather_.hostile = chance(25);
  weather_.idle_close = chance(25);
  weather_.stops = chance(12);
  weather_.has_operator = chance(80);
  weather_.is_slow = chance(40);
  WorldOptions options;
  options.seed = seed_;
  options.workers = chance(20) ? 2 : 1;
  options.service.endpoints = {between(1, 3), between(1, 3)};
  options.service.tunnels = static_cast<model::TunnelPolicy>(rng_.below(3));
  if (chance(15)) options.service.body_bytes_max = between(0, 20'000);
  if (chance(10)) options.connections_max = between(1, 4);
  draw_limits(options);
  return options;
}

/// From numbers of their own: what was added later must not make other runs of the seeds that are
/// kept.
void RandomRun::draw_limits(WorldOptions& options) const {
  core::Rng rng(seed_ * 0x9E3779B9U + 18);
  const auto one_in_ten = [&rng] { return rng.below(10) == 0; };
  if (one_in_ten()) options.tunnels_max = 1 + rng.below(2);
  if (one_in_ten()) options.service.breakers.pool.pending = 1 + rng.below(3);
  if (one_in_ten()) options.service.requests_per_connection = 1 + rng.below(3);
  if (rng.below(4) == 0) {
    options.service.repeats.assets.emplace_back("/r/*");
    options.service.repeats.asks_closed_for_assets = rng.below(2) == 0;
  }
  draw_breakers(options.service.breakers);
  draw_adaptive(options.service.adaptive);
}

/// Likewise.
void RandomRun::draw_breakers(model::CircuitBreaker& breakers) const {
  core::Rng rng(seed_ * 0x9E3779B9U + 19);
  const auto one_in = [&rng](std::uint32_t count) { return rng.below(count) == 0; };
  if (!one_in(3)) return;
  if (one_in(3)) breakers.pool.connections = 1 + rng.below(4);
  if (one_in(3)) breakers.pool.requests = 1 + rng.below(4);
  if (one_in(3)) breakers.pool.retries = 1;
  if (one_in(3)) breakers.endpoint.requests = 1 + rng.below(3);
  if (one_in(4)) breakers.endpoint.connections = 1 + rng.below(3);
  if (one_in(4)) breakers.endpoint.retries = 1;
  if (one_in(3)) breakers.fallback = model::BreakerFallback::Fail;
  const auto draw_rule = [&](model::BreakerRule& rule) {
    rule = {};
    rule.policy.min_requests = 1 + rng.below(4);
    rule.policy.window_seconds = 1 + rng.below(10);
    rule.policy.open_for = std::chrono::seconds(1 + rng.below(3));
    rule.policy.half_open_probes = 1 + rng.below(3);
    rule.policy.probe_time = std::chrono::seconds(1 + rng.below(40));
    rule.slow_call = core::Millis(1 + rng.below(2000));
  };
  if (!one_in(3)) draw_rule(breakers.rule);
  if (one_in(2)) draw_rule(breakers.endpoint_rule);
  if (one_in(3)) {
    model::RouteBreaker route;
    route.path_prefix = "/r";
    draw_rule(route.rule);
    route.cell = std::make_shared<model::RouteCell>();
    breakers.routes.push_back(std::move(route));
  }
}

/// Likewise. Small, or it would bound nothing of eight clients.
void RandomRun::draw_adaptive(policy::AdaptivePolicy& adaptive) const {
  core::Rng rng(seed_ * 0x9E3779B9U + 20);
  if (rng.below(5) != 0) return;
  adaptive.is_on = true;
  adaptive.least = 1 + rng.below(2);
  adaptive.most = adaptive.least + rng.below(4);
}

void RandomRun::draw_origins() {
  for (std::size_t i = 0; i < world_->origins(); ++i) {
    SimOrigin& origin = world_->origin(i);
    origin.kernel_in = kernel_size();
    origin.kernel_out = kernel_size();
    origin.ends_tunnels = chance(70);
    if (weather_.idle_close) origin.idle_close = micros(20'000);
    origin.fate = [this] { return draw_fate(); };
  }
}

ConnectFate RandomRun::draw_fate() {
  using Kind = ConnectFate::Kind;
  ConnectFate fate{.kind = Kind::Accept, .delay = micros(chance(50) ? 0 : 4000)};
  if (!weather_.connects || chance(60)) return fate;
  constexpr std::array<Kind, 5> kKinds{Kind::Refuse, Kind::Refuse, Kind::Unreachable,
                                       Kind::LocalResources, Kind::NoAnswer};
  fate.kind = kKinds[rng_.below(kKinds.size())];
  return fate;
}

// ---- clients

void RandomRun::draw_clients() {
  const std::size_t count = between(1, 8);
  for (std::size_t i = 0; i < count; ++i) draw_client();
}

void RandomRun::draw_client() {
  ClientPlan plan;
  plan.worker = rng_.below(static_cast<std::uint32_t>(world_->workers()));
  plan.pipelined = chance(70) ? 1 : static_cast<unsigned>(between(2, 5));
  plan.kernel_in = kernel_size();
  plan.kernel_out = kernel_size();
  plan.starts_after = micros(chance(50) ? 0 : 30'000);
  plan.think = micros(chance(60) ? 0 : 8000);
  plan.at_end = static_cast<ClientPlan::AtEnd>(rng_.below(3));
  plan.sends_on_after_final = chance(50);
  if (weather_.is_slow && chance(60)) {
    plan.most_written = chance(30) ? 1 : between(2, 2000);
    plan.most_read = chance(30) ? 7 : between(20, 4000);
    plan.write_pause = micros(200);
    plan.read_pause = micros(200);
  }
  std::vector<RequestPlan> requests;
  const std::size_t count = between(1, 6);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    requests.push_back(draw_request());
    bytes += requests.back().body + 200;
    if (requests.back().may_become_tunnel()) break;  // what follows it would be bytes of the tunnel
    if (!requests.back().raw.empty() || requests.back().breaks_body) break;
  }
  if (bytes > 4000) plan.most_written = std::max<std::size_t>(plan.most_written, 500);
  if (weather_.clients && chance(50)) {
    plan.fault = static_cast<ClientPlan::Fault>(between(1, 5));
    if (chance(60)) {
      plan.fault_after_sent = between(1, bytes);
    } else {
      plan.fault_after_received = between(1, chance(50) ? 600 : 60'000);
    }
  }
  for (RequestPlan& request : requests) {
    const bool is_good = is_faultless(request, plan);
    plan.requests.push_back(world_->request(std::move(request)));
    world_->ledger()[plan.requests.back()].is_faultless = is_good;
  }
  world_->client(std::move(plan));
}

RequestPlan RandomRun::draw_request() {
  RequestPlan plan;
  if (weather_.hostile && chance(25)) {
    plan.raw = draw_bad_head();
    return plan;
  }
  constexpr std::array<const char*, 10> kMethods{"GET",  "GET",  "GET", "GET",    "HEAD",
                                                 "POST", "POST", "PUT", "DELETE", "PATCH"};
  plan.method = kMethods[rng_.below(kMethods.size())];
  if (chance(85)) plan.user = "user-" + std::to_string(rng_.below(50));
  if (chance(10)) plan.fields += chance(50) ? "X-Pin: green\r\n" : "X-Pin: blue\r\n";
  plan.is_1_0 = chance(12);
  if (plan.is_1_0 && chance(50)) plan.fields += "Connection: keep-alive\r\n";
  if (!plan.is_1_0 && chance(5)) plan.fields += "Connection: close\r\n";
  const bool may_have_body = plan.method != "GET" && plan.method != "HEAD";
  if (may_have_body || chance(4)) {
    plan.form = chance(50) && !plan.is_1_0 ? BodyForm::Chunked : BodyForm::Length;
    plan.body = body_size();
    plan.has_trailers = plan.form == BodyForm::Chunked && chance(30);
    plan.expects = !plan.is_1_0 && chance(20);
    plan.breaks_body = weather_.hostile && plan.form == BodyForm::Chunked && chance(20);
  } else if (plan.method == "GET" && !plan.is_1_0 && chance(15)) {
    plan.upgrades = true;
    plan.tunnel_up = body_size();
    plan.tunnel_down = body_size();
  }
  const std::size_t answers = between(1, 2);
  for (std::size_t i = 0; i < answers; ++i) plan.answers.push_back(draw_answer(plan));
  return plan;
}

AnswerPlan RandomRun::draw_answer(const RequestPlan& request) {
  AnswerPlan answer;
  constexpr std::array<unsigned, 10> kStatus{200, 200, 200, 200, 201, 204, 304, 404, 413, 500};
  answer.status = request.upgrades && chance(80) ? 101 : kStatus[rng_.below(kStatus.size())];
  if (answer.status == 101) return answer;
  answer.form = static_cast<BodyForm>(between(1, 3));
  answer.size = answer.status == 304 || answer.status == 204 ? 0 : body_size();
  if ((answer.status == 204 || answer.status == 304 || request.method == "HEAD") &&
      answer.form == BodyForm::UntilClose) {
    answer.form = BodyForm::Length;
  }
  answer.has_trailers = answer.form == BodyForm::Chunked && chance(30);
  answer.closes = chance(10);
  if (chance(10)) answer.informational = static_cast<unsigned>(between(1, 3));
  answer.sends_continue = chance(80);
  if (request.body > 0 && chance(15)) answer.is_early = true;
  if (request.body > 0 && chance(5)) answer.stops_reading = answer.closes = true;
  if (chance(10))
    answer.fields = chance(50) ? "Keep-Alive: timeout=2\r\n" : "Keep-Alive: timeout=1\r\n";
  if (chance(40)) answer.delay = micros(5000);
  if (weather_.is_slow && chance(40)) {
    answer.most_each = answer.size > 4000 ? between(500, 5000) : between(1, 200);
    answer.pause_each = micros(300);
  }
  if (weather_.origins && chance(45)) spoil(answer);
  return answer;
}

void RandomRun::spoil(AnswerPlan& answer) {
  using Deed = AnswerPlan::Deed;
  switch (rng_.below(9)) {
    case 0:
      answer.deed = Deed::Leave;
      break;
    case 1:
      answer.deed = Deed::Break;
      break;
    case 2:
      answer.deed = Deed::Silence;
      break;
    case 3:
      answer.deed = Deed::Raw;
      answer.raw = draw_bad_answer();
      break;
    case 4:
      answer.informational = static_cast<unsigned>(between(7, 12));
      break;
    case 5:
      if (answer.form == BodyForm::UntilClose) return;  // it would be body
      answer.surplus = chance(50) ? "x" : "HTTP/1.1 200 Evil\r\nContent-Length: 0\r\n\r\n";
      break;
    default:
      answer.cut_at = chance(50) ? between(0, 120) : between(0, answer.size + 100);
      // A FIN in a body that ends with the connection is its end.
      answer.cuts_with_reset = answer.form == BodyForm::UntilClose || chance(50);
      break;
  }
}

std::string RandomRun::draw_bad_head() {
  static const std::array<std::string, 16> kHeads{
      "GET / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\nTransfer-Encoding: "
      "chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
      "GET / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: +1\r\n\r\nx",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: shop.test\r\n\r\n",
      "GET / HTTP/1.1\nHost: shop.test\n\n",
      "GET / HTTP/2.0\r\nHost: shop.test\r\n\r\n",
      "CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      "POST / HTTP/1.0\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: shop.test\r\n X: folded\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Big: " + std::string(20'000, 'x') + "\r\n\r\n",
      "GET /" + std::string(9000, 'y') + " HTTP/1.1\r\nHost: shop.test\r\n\r\n",
      "GET /unfinished HTT",
  };
  return kHeads[rng_.below(kHeads.size())];
}

std::string RandomRun::draw_bad_answer() {
  static const std::array<std::string, 10> kAnswers{
      "HTTP/1.1 20 OK\r\n\r\n",
      "HELLO\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: "
      "chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
      "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nabcde",
      "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n",
      "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
      "HTTP/1.1 200 OK\r\nX: a" + std::string(1, '\0') + "b\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX-Big: " + std::string(70'000, 'x') + "\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
  };
  return kAnswers[rng_.below(kAnswers.size())];
}

/// Nothing that is drawn may keep it from a whole answer of an endpoint.
bool RandomRun::is_faultless(const RequestPlan& request, const ClientPlan& client) const {
  if (weather_.connects || weather_.stops) return false;
  if (client.fault != ClientPlan::Fault::None || !request.raw.empty() || request.breaks_body)
    return false;
  const auto& most = options_.service.body_bytes_max;
  if (most && request.body > *most) return false;
  if (!request.has_sound_answers()) return false;
  for (const AnswerPlan& answer : request.answers) {
    // An early answer to a long request: a client that goes on for long and reads slowly may meet
    // the end of the lingering.
    if ((answer.is_early || answer.stops_reading) && (request.body > 30'000 || answer.size > 3000))
      return false;
  }
  // A kept connection that its origin gives up takes a request along that may not be repeated.
  const bool is_repeatable = request.is_idempotent() &&
                             request.body <= core::limits::kReplayBodyMax && !request.has_trailers;
  return !weather_.idle_close || is_repeatable;
}

}  // namespace sluice::sim
