#include "sim/judge.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "sluice/policy/split.hpp"

namespace sluice::sim {

namespace {

using core::limits::kHighWatermark;
using core::limits::kReadBufferSize;

class Judge {
 public:
  explicit Judge(SimWorld& world) : world_(world) {}

  std::vector<std::string> run() {
    findings_ = world_.ledger().complaints;
    for (Entry& entry : world_.ledger().entries()) judge_request(entry);
    judge_heads_without_path();
    judge_rest();
    for (std::size_t i = 0; i < world_.workers(); ++i) judge_worker(i);
    return findings_;
  }

 private:
  void find(const std::string& what) { findings_.push_back(what); }
  void find(const Entry& entry, const std::string& what) {
    std::string text = "request " + std::to_string(entry.plan.number) + " " + what + "\n    " +
                       describe(entry.plan);
    for (const Attempt& attempt : entry.attempts) {
      text += "\n    endpoint " + std::to_string(attempt.endpoint.raw) +
              (attempt.was_reused ? " reused " : " ") + describe(*attempt.plan) +
              (attempt.is_request_complete ? ", request complete" : "") +
              (attempt.is_answer_complete ? ", answer complete" : "") +
              (attempt.was_cut_off ? ", cut off" : "");
    }
    const Outcome& outcome = entry.outcome;
    text += "\n    client" + std::string(outcome.is_sent_whole ? " sent all" : "") +
            (outcome.has_client_left ? ", left" : "");
    if (outcome.answer)
      text += ", got " + outcome.answer->start + " and " +
              std::to_string(outcome.answer->body.size()) + " bytes";
    if (outcome.partial)
      text += ", got in part " + outcome.partial->start + " and " +
              std::to_string(outcome.partial->body.size()) + " bytes";
    for (const LogLine& line : entry.lines) {
      text += "\n    log " + std::to_string(line.status) + " " + line.pool + " " + line.reason +
              " generation " + std::to_string(line.generation.value_or(0)) + " retries " +
              std::to_string(line.retries) + " " + line.error;
    }
    find(text);
  }

  void judge_request(const Entry& entry) {
    judge_count(entry);
    judge_repetition(entry);
    if (entry.outcome.answer) judge_answer(entry, *entry.outcome.answer);
    if (entry.outcome.partial) judge_bytes(entry, *entry.outcome.partial);
    if (!entry.lines.empty()) judge_choice(entry, entry.lines.front());
    judge_tunnel(entry);
    judge_liveness(entry);
  }

  /// Ended exactly once.
  void judge_count(const Entry& entry) {
    if (!entry.plan.raw.empty()) return;  // may have no path in the log
    if (entry.lines.size() > 1)
      find(entry, "ended " + std::to_string(entry.lines.size()) + " times");
    const Outcome& outcome = entry.outcome;
    // An answer to a head that never was whole is a 408, or a 400: its line has no path.
    const bool was_answered = outcome.is_delivered && (outcome.answer || outcome.partial);
    const bool was_routed =
        !entry.attempts.empty() || was_answered ||
        (outcome.is_delivered && outcome.was_alone && is_first_on_connection(entry));
    if (was_routed && entry.lines.empty()) find(entry, "never ended");
  }

  /// The first head on a connection is judged with its last byte, whatever comes after it.
  bool is_first_on_connection(const Entry& entry) {
    for (const auto& client : world_.clients()) {
      if (!client->plan().requests.empty() && client->plan().requests.front() == entry.plan.number)
        return true;
    }
    return false;
  }

  /// G10: what may not be repeated reaches one endpoint, once.
  void judge_repetition(const Entry& entry) {
    const bool was_rescued = !entry.lines.empty() && !entry.lines.front().rescued_from.empty();
    if (was_rescued) judge_rescue(entry, entry.lines.front());
    const std::size_t most = (entry.plan.is_idempotent() ? 2 : 1) * (was_rescued ? 2 : 1);
    if (entry.attempts.size() > most)
      find(entry, "reached endpoints " + std::to_string(entry.attempts.size()) + " times");
    if (!entry.plan.raw.empty() && !entry.attempts.empty()) find(entry, "was refused and sent on");
    if (entry.lines.empty()) return;
    if (entry.attempts.size() > 1U + entry.lines.front().retries + (was_rescued ? 1 : 0))
      find(entry, "was repeated, and the log does not say so");
    for (const core::PoolName pool : {core::PoolName::Blue, core::PoolName::Green})
      judge_connections(entry, pool);
  }

  /// Only the first attempt in a pool may be on a reused connection. An origin may read what was
  /// sent first after what was sent instead, so their order here says nothing; but the answer that
  /// the client has is that of the last one.
  void judge_connections(const Entry& entry, core::PoolName pool) {
    std::size_t reused = 0, fresh = 0;
    bool has_fresh_answered = false;
    for (const Attempt& attempt : entry.attempts) {
      if (attempt.pool != pool) continue;
      ++(attempt.was_reused ? reused : fresh);
      has_fresh_answered =
          has_fresh_answered || (!attempt.was_reused && attempt.is_answer_complete);
    }
    const bool is_of_pool = entry.outcome.answer && pool_of(*entry.outcome.answer) == pool;
    if (reused > 1 || (reused == 1 && fresh > 0 && is_of_pool && !has_fresh_answered))
      find(entry, "was repeated on a reused connection");
  }

  /// No cache keeps a 404 for what may be there tomorrow.
  void judge_missing_asset(const Entry& entry, const Message& answer) {
    const bool is_asset = std::ranges::any_of(
        world_.control().settings().repeats.assets,
        [&](const policy::PathPattern& each) { return each.matches(entry.plan.target()); });
    const bool may_be_stored = answer.field("Cache-Control") != "no-store";
    if (is_asset && answer.status() == 404 && may_be_stored)
      find(entry, "got a 404 for an asset that caches may store");
  }

  /// G11: what is safe, from the one pool to the other, and never back.
  void judge_rescue(const Entry& entry, const LogLine& line) {
    if (!entry.plan.is_safe()) find(entry, "is not safe, and was rescued");
    if (line.rescued_from == line.pool) find(entry, "was rescued from the pool that it went to");
    bool has_left = false;
    for (const Attempt& attempt : entry.attempts) {
      const bool is_of_failed = core::text(attempt.pool) == line.rescued_from;
      if (has_left && is_of_failed) find(entry, "went back to the pool that it was rescued from");
      has_left = has_left || !is_of_failed;
    }
  }

  static std::optional<core::PoolName> pool_of(const Message& answer) {
    const auto pool = answer.field("Sluice-Pool");
    if (!pool) return std::nullopt;
    return *pool == "blue" ? core::PoolName::Blue : core::PoolName::Green;
  }

  bool has_stray_surplus() {
    for (const Entry& entry : world_.ledger().entries()) {
      for (const Attempt& attempt : entry.attempts) {
        if (attempt.surplus_came_alone) return true;
      }
    }
    return false;
  }
  /// Sent behind an answer, and read when the connection worked for the next request already; or
  /// the answer to a request that such bytes were taken for before.
  bool is_stray(const Message& answer) {
    if (!has_stray_surplus()) return false;
    if (answer.start.ends_with(" Evil")) return true;
    const std::string answers = answer.field("X-Answers").value_or("");
    const Entry* other = world_.ledger().find("/r/" + answers);
    if (other == nullptr || !other->outcome.answer) return false;
    return other->outcome.answer->field("X-Answers") != answers && is_stray(*other->outcome.answer);
  }

  /// Each byte comes from an endpoint of the pool that the answer names, and belongs to this
  /// request.
  void judge_bytes(const Entry& entry, const Message& answer) {
    const auto pool = pool_of(answer);
    if (!pool) return;  // an own answer
    if (is_stray(answer)) return;
    if (answer.field("X-Answers") != std::to_string(entry.plan.number))
      find(entry, "got the answer to another request");
    if (answer.body != bytes_of(side_of(*pool), entry.plan.number, answer.body.size())) {
      find(entry, "got bytes that are not of " + std::string(core::text(*pool)) + "'s answer");
    }
    const bool was_there =
        std::any_of(entry.attempts.begin(), entry.attempts.end(),
                    [&](const Attempt& attempt) { return attempt.pool == *pool; });
    if (!was_there) find(entry, "has an answer of a pool that never saw it");
  }

  void judge_answer(const Entry& entry, const Message& answer) {
    judge_bytes(entry, answer);
    if (!entry.lines.empty() && entry.lines.front().status != answer.status() &&
        entry.lines.front().status != 499) {
      find(entry, "was answered with " + std::to_string(answer.status()) + ", logged otherwise");
    }
    const auto pool = pool_of(answer);
    if (!pool) return judge_own_answer(entry, answer);
    if (is_stray(answer)) return;
    // A complete message only when an endpoint sent a complete one.
    // The last one: whoever is asked again has not passed on what came before.
    const auto sender =
        std::find_if(entry.attempts.rbegin(), entry.attempts.rend(), [&](const Attempt& attempt) {
          return attempt.pool == *pool &&
                 (attempt.is_answer_complete || attempt.plan->status == 101);
        });
    if (sender == entry.attempts.rend())
      return find(entry, "got a complete answer that no endpoint has completed");
    if (answer.status() != sender->plan->status)
      find(entry, "got another status than the endpoint sent");
    judge_missing_asset(entry, answer);
    const bool has_body = entry.plan.method != "HEAD" && answer.status() != 204 &&
                          answer.status() != 304 && answer.status() != 101;
    if (has_body && answer.body.size() != sender->plan->size) {
      find(entry, "got " + std::to_string(answer.body.size()) + " bytes of " +
                      std::to_string(sender->plan->size));
    }
    const bool wants_trailers = has_body && sender->plan->has_trailers &&
                                sender->plan->form == BodyForm::Chunked && !entry.plan.is_1_0;
    if (answer.trailers.size() != (wants_trailers ? 1U : 0U))
      find(entry, "lost or gained trailers");
    if (entry.plan.is_1_0 && answer.form == BodyForm::Chunked)
      find(entry, "got a chunked answer in HTTP/1.0");
    if (entry.plan.is_1_0 && entry.outcome.informational > 0) find(entry, "got a 1xx in HTTP/1.0");
    judge_exposed(entry, answer);
  }

  void judge_own_answer(const Entry& entry, const Message& answer) {
    if (answer.field("Server") != "sluice") find(entry, "got an answer of nobody");
    if (answer.status() < 400)
      find(entry, "got an own answer with status " + std::to_string(answer.status()));
  }

  /// The answer and the log say the same, and the generation is one that was in force while the
  /// request was on its way.
  void judge_exposed(const Entry& entry, const Message& answer) {
    const LogLine& line = entry.lines.front();
    const auto generation = answer.field("Sluice-Generation");
    if (!generation || *generation != std::to_string(line.generation.value_or(0)))
      find(entry, "another generation than logged");
    if (answer.field("Sluice-Reason") != line.reason) find(entry, "another reason than logged");
    if (answer.field("Sluice-Pool") != line.pool) find(entry, "another pool than logged");
    if (answer.field("Sluice-Endpoint") != line.endpoint)
      find(entry, "another endpoint than logged");
    const std::uint64_t number = line.generation.value_or(0);
    if (number < entry.outcome.generation_begun)
      find(entry, "was routed by a generation that a command had ended before");
    if (number > entry.outcome.generation_answered)
      find(entry, "was routed by a generation that did not exist yet");
  }

  /// The pool is the one that the held generation chooses; and the generation the one that was live
  /// when the head was whole.
  void judge_choice(const Entry& entry, const LogLine& line) {
    if (line.pool.empty() || !line.generation) return;
    const SimControl::Generation& held = world_.control().at(*line.generation);
    const model::ServiceTraffic& traffic = held.traffic;
    const core::PoolName pool = line.pool == "blue" ? core::PoolName::Blue : core::PoolName::Green;
    if (line.reason == "fallback" || line.reason == "rescue") {
      if (pool != traffic.live) find(entry, "fell back to a pool that is not live");
      return;
    }
    if (line.reason == "asset") {
      const bool is_closed = pool != traffic.live && !traffic.is_candidate_open;
      if (is_closed && !world_.control().settings().repeats.asks_closed_for_assets)
        find(entry, "asked a candidate that is closed for an asset");
      return;
    }
    const policy::SplitState state{.live = traffic.live,
                                   .split = traffic.split,
                                   .is_candidate_open = traffic.is_candidate_open,
                                   .salt = traffic.salt};
    std::optional<policy::PinHit> pin;
    for (const policy::PinTarget target : {policy::PinTarget::Blue, policy::PinTarget::Green}) {
      if (entry.plan.fields.find("X-Pin: " + std::string(policy::text(target))) !=
          std::string::npos)
        pin = policy::PinHit{target};
    }
    if (!pin) pin = entry.plan.pin;
    std::optional<std::string_view> identity;
    if (!entry.plan.user.empty()) identity = entry.plan.user;
    const policy::PoolChoice choice = policy::choose_pool(state, pin, identity);
    if (choice.pool != pool || policy::text(choice.reason) != line.reason)
      find(entry, "went to another pool than its generation chooses");
    if (choice.bucket != line.bucket) find(entry, "has another bucket");
    for (const Attempt& attempt : entry.attempts) judge_attempt(entry, attempt, pool, held);

    const Outcome& outcome = entry.outcome;
    if (!outcome.is_delivered) return;
    if (*line.generation < outcome.generation_delivered)
      find(entry, "was routed by an older epoch after a newer one was live");
    if (outcome.was_alone && *line.generation != outcome.generation_delivered) {
      find(entry, "was routed by a generation that was not live when its head was whole");
    }
  }

  void judge_attempt(const Entry& entry, const Attempt& attempt, core::PoolName pool,
                     const SimControl::Generation& held) {
    if (attempt.pool != pool) find(entry, "reached an endpoint of another pool");
    const std::size_t position = attempt.endpoint.raw - world_.control().first_of(attempt.pool).raw;
    if (((held.disabled[core::index(attempt.pool)] >> position) & 1U) != 0)
      find(entry, "reached a disabled endpoint");
  }

  /// By a drain or a stop: the one end that is early on purpose.
  static bool was_cut(const LogLine& line) {
    return line.error.starts_with("cut") || line.error == "closed by the tunnel policy";
  }

  void judge_tunnel(const Entry& entry) {
    if (!entry.plan.upgrades || !entry.outcome.answer || entry.outcome.answer->status() != 101)
      return;
    const auto attempt = std::find_if(entry.attempts.begin(), entry.attempts.end(),
                                      [](const Attempt& a) { return a.plan->status == 101; });
    if (attempt == entry.attempts.end()) return find(entry, "has a tunnel that no endpoint opened");
    const std::string down =
        bytes_of(side_of(attempt->pool), entry.plan.number, entry.plan.tunnel_down);
    const std::string up = bytes_of(Side::Client, entry.plan.number, entry.plan.tunnel_up);
    if (!down.starts_with(entry.outcome.tunnel_received))
      find(entry, "received other bytes through its tunnel");
    if (!up.starts_with(attempt->tunnel_received))
      find(entry, "sent other bytes through its tunnel");
    // A FIN says that this was all that the other end has sent, whoever left and why; only a cut
    // may end it in between.
    if (entry.lines.empty() || was_cut(entry.lines.front())) return;
    if (entry.outcome.has_tunnel_ended &&
        entry.outcome.tunnel_received.size() != attempt->tunnel_sent) {
      find(entry, "its tunnel lost bytes to the client");
    }
    if (attempt->has_tunnel_ended && attempt->tunnel_received.size() != entry.outcome.tunnel_sent) {
      find(entry, "its tunnel lost bytes to the endpoint");
    }
  }

  /// A request that nothing went wrong with is answered by its endpoint. Catches lost wake-ups,
  /// which time-outs would hide.
  void judge_liveness(const Entry& entry) {
    const Outcome& outcome = entry.outcome;
    if (!entry.is_faultless || entry.lines.empty() || outcome.has_client_left) return;
    const LogLine& line = entry.lines.front();
    if (was_cut(line) || line.error == "the proxy stopped") return;
    if (is_beyond_limit(line)) return;
    if (was_on_given_up_connection(entry, line)) return;
    if (!outcome.answer && is_lost_on_its_way(entry)) return;
    // Behind stray bytes the broken answer to another request may have been taken for its own.
    if (!outcome.answer && has_stray_surplus()) return;
    if (!outcome.answer) return find(entry, "nothing went wrong, and it has no complete answer");
    if (pool_of(*outcome.answer) || has_stray_surplus()) return;
    // Its pool has answered, and the other one could not.
    if (line.reason == "asset" && line.status == 404) return;
    find(entry, "nothing went wrong, and the proxy answers itself");
  }

  /// Of tunnels, of a ceiling or of a breaker: 503 on purpose.
  bool is_beyond_limit(const LogLine& line) {
    const model::CircuitBreaker& breakers = world_.control().settings().breakers;
    const auto is_said = [&line](bool has_bound, std::string_view words) {
      return has_bound && line.error == words;
    };
    return line.status == 503 &&
           (is_said(world_.tunnel_limit() != nullptr,
                    "there are as many tunnels as there may be") ||
            is_said(breakers.pool.pending != 0,
                    "as many requests wait for a connection to this pool as may") ||
            is_said(breakers.pool.connections + breakers.endpoint.connections != 0,
                    "there are as many connections as there may be") ||
            is_said(breakers.pool.requests + breakers.endpoint.requests != 0,
                    "as many requests are in flight as may be") ||
            is_said(world_.control().settings().adaptive.is_on,
                    "as many requests are in flight as the pool can do") ||
            is_said(breakers.rule.is_on || !breakers.routes.empty(),
                    "too many requests have failed lately: the circuit breaker is open"));
  }

  /// An origin that ends its connection right behind a whole answer, without a word in it, takes
  /// along the next request, if that may not be repeated.
  bool was_on_given_up_connection(const Entry& entry, const LogLine& line) {
    if (entry.plan.is_idempotent() || line.status != 502 || !entry.attempts.empty()) return false;
    for (const Entry& other : world_.ledger().entries()) {
      for (const Attempt& attempt : other.attempts) {
        if (attempt.is_answer_complete && attempt.plan->cut_at) return true;
      }
    }
    return false;
  }

  /// A RST takes along what the client's kernel and ours still hold. The proxy answers for what had
  /// not left it, and for a RST without a reason. A reason is an answer behind this one that is
  /// broken off, or input after the lingering.
  bool is_lost_on_its_way(const Entry& entry) {
    switch (entry.outcome.lost_by) {
      case Link::Rst::OnPurpose:
        return is_before_broken(entry);
      case Link::Rst::Lingered:
        return true;
      case Link::Rst::Hasty:
      case Link::Rst::None:
        return false;
    }
    return false;
  }

  bool is_before_broken(const Entry& entry) {
    for (const auto& client : world_.clients()) {
      bool is_behind = false;
      for (const unsigned number : client->plan().requests) {
        const Entry& other = world_.ledger()[number];
        if (is_behind && !other.lines.empty() && !other.outcome.answer) return true;
        is_behind = is_behind || number == entry.plan.number;
      }
    }
    return false;
  }

  void judge_heads_without_path() {
    for (const LogLine& line : world_.ledger().other_lines) {
      if (line.status < 400) find("a line without a path: " + line.text);
    }
  }

  // ---- what must be left: nothing

  void judge_rest() {
    SimControl& control = world_.control();
    for (std::size_t i = 0; i < world_.origins(); ++i) {
      const auto left =
          control.cell(core::EndpointId{static_cast<std::uint32_t>(i)}).in_flight.load();
      if (left != 0)
        find("endpoint " + std::to_string(i) + " is left with " + std::to_string(left) +
             " in flight");
    }
    for (const core::PoolName pool : {core::PoolName::Blue, core::PoolName::Green}) {
      for (auto& lease : control.pool_cell(pool).leases) {
        if (lease.count.load() != 0)
          find(std::string(core::text(pool)) +
               " is left with leases: " + std::to_string(lease.count.load()));
      }
    }
    for (const core::PoolName pool : {core::PoolName::Blue, core::PoolName::Green}) {
      const model::PoolCell& cell = control.pool_cell(pool);
      if (const auto left = cell.pending.load(); left != 0)
        find(std::to_string(left) + " requests are left waiting for a connection");
      if (const auto left = cell.repeating.load() + cell.rescuing.load() + cell.asset_asks.load();
          left != 0)
        find(std::to_string(left) + " requests are left counted as repeated or rescued");
      if (const auto left = cell.requests.load(); left != 0)
        find(std::to_string(left) + " requests are left under a ceiling");
      if (const auto left = cell.adaptive.in_flight.load(); left != 0)
        find(std::to_string(left) + " requests are left under an adaptive limit");
      if (const auto left = cell.connections.load(); left != 0)
        find(std::to_string(left) + " connections are left counted");
      judge_peaks(pool);
    }
    judge_tunnel_limit();
    if (world_.is_stopping() && world_.workers_reported_empty() != world_.workers())
      find("a stopping worker did not report that it is empty");
    std::size_t counted = 0;
    for (std::size_t i = 0; i < world_.workers(); ++i)
      counted += count_requests(world_.worker(i).metrics());
    if (counted != world_.ledger().lines) {
      find("the metrics count " + std::to_string(counted) + " requests, the log has " +
           std::to_string(world_.ledger().lines));
    }
  }

  /// Never more in flight than the ceiling, or than the limit that was found when they came; never
  /// more probes than the cap, and no probe is owed.
  void judge_peaks(core::PoolName pool) {
    const model::CircuitBreaker& breakers = world_.control().settings().breakers;
    const SimWorld::GuardPeaks& peaks = world_.peaks(pool);
    const auto expect_below = [&](std::uint32_t peak, std::uint32_t most, const char* what) {
      if (peak > most)
        find(std::to_string(peak) + " " + what + ", of at most " + std::to_string(most));
    };
    expect_below(peaks.requests, model::most(breakers.pool.requests), "requests were in flight");
    expect_below(peaks.connections, model::most(breakers.pool.connections),
                 "connections were open");
    if (peaks.beyond_adaptive != 0)
      find("one more came in beyond the adaptive limit: " + std::to_string(peaks.beyond_adaptive));
    if (!breakers.rule.is_on) return;
    expect_below(peaks.probes, breakers.rule.policy.half_open_probes, "probes were out");
    const auto breaker =
        policy::Breaker::from_word(world_.control().pool_cell(pool).breaker.word.load());
    if (breaker.probes_out != 0) find("a breaker is left with probes that are out");
  }

  /// All places are free again, and no more than there were.
  void judge_tunnel_limit() {
    proxy::TunnelLimit* const limit = world_.tunnel_limit();
    if (limit == nullptr) return;
    std::uint32_t free = 0;
    while (free <= world_.tunnels_max() && limit->enter()) ++free;
    if (free != world_.tunnels_max())
      find(std::to_string(free) + " places for tunnels are free at the end");
    while (free-- > 0) limit->leave();
  }

  static std::size_t count_requests(const metrics::Block& block) {
    std::size_t sum = 0;
    for (const auto& pool : block.services[0].durations) {
      for (const auto& code : pool) sum += code.count();
    }
    for (const auto& code : block.unmatched) sum += code.count();
    return sum;
  }

  void judge_worker(std::size_t number) {
    const std::string who = "worker " + std::to_string(number) + ": ";
    SimNode& node = world_.node(number);
    if (!node.misuse.empty()) find(who + "misuse of a transport: " + node.misuse);
    const proxy::Worker::Load load = world_.worker(number).load();
    const auto expect_zero = [&](std::size_t value, const char* what) {
      if (value != 0) find(who + std::to_string(value) + " " + what + " are left");
    };
    expect_zero(load.sessions, "sessions");
    expect_zero(load.requests, "requests");
    expect_zero(load.tunnels, "tunnels");
    expect_zero(load.leases, "leases");
    expect_zero(load.holds, "holds");
    expect_zero(load.endpoint_connections, "endpoint connections");
    expect_zero(load.chunks, "chunks");
    expect_zero(node.transports, "transports");
    expect_zero(node.loop.timers().armed(), "armed timers");
    const metrics::Block& block = world_.worker(number).metrics();
    expect_zero(block.connections_open.read(), "connections (metric)");
    expect_zero(block.connections_idle.read(), "idle connections (metric)");
    expect_zero(block.endpoint_connections_idle.read(), "idle endpoint connections (metric)");
    for (const auto& gauge : block.services[0].in_flight)
      expect_zero(gauge.read(), "requests in flight (metric)");
    for (const auto& gauge : block.services[0].tunnels)
      expect_zero(gauge.read(), "tunnels (metric)");
    judge_choices(block.services[0], who);
    constexpr std::size_t kQueuedMost = kHighWatermark + kReadBufferSize + 96 * 1024;
    if (node.queued_most > kQueuedMost)
      find(who + std::to_string(node.queued_most) + " bytes were queued on one transport");
  }

  /// Each request that got as far as a pool had one identity or none, and one choice; each
  /// fallback, rescue or ask for an asset is one choice more. A refused tunnel has no choice.
  void judge_choices(const metrics::ServiceCounters& counters, const std::string& who) {
    std::uint64_t choices = 0, identities = 0;
    for (const auto& pool : counters.choices) {
      for (const auto& reason : pool) choices += reason.read();
    }
    for (const auto& source : counters.identities) identities += source.read();
    const std::uint64_t refused =
        counters.refusals[static_cast<std::size_t>(metrics::Refusal::TunnelLimit)].read();
    const std::uint64_t moves =
        counters.fallbacks.read() + counters.rescues.read() + asset_asks(counters);
    // A breaker or a ceiling may turn a request away before its choice counts, or after.
    const bool is_exact = !world_.control().settings().guards.pools;
    if (is_exact ? choices + refused != identities + moves : choices > identities + moves) {
      find(who + "the metrics count " + std::to_string(identities) + " identities and " +
           std::to_string(choices) + " choices");
    }
  }

  static std::uint64_t asset_asks(const metrics::ServiceCounters& counters) {
    using policy::AssetOutcome;
    std::uint64_t sum = 0;
    for (const auto& pool : counters.asset_rescues) {
      for (const auto asked : {AssetOutcome::Found, AssetOutcome::Missing, AssetOutcome::Failed})
        sum += pool[static_cast<std::size_t>(asked)].read();
    }
    return sum;
  }

  SimWorld& world_;
  std::vector<std::string> findings_;
};

}  // namespace

std::vector<std::string> judge(SimWorld& world) {
  std::vector<std::string> findings = Judge(world).run();
  // Every worker keeps the newest; all others must have come back to control.
  if (world.control().snapshots_alive() > 1) findings.push_back("old snapshots are still held");
  return findings;
}

std::string join(const std::vector<std::string>& findings) {
  std::string text;
  for (const std::string& finding : findings) text += finding + "\n";
  return text;
}

}  // namespace sluice::sim
