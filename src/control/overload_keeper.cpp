#include "control/overload_keeper.hpp"

#include <algorithm>
#include <utility>

#include "sluice/core/duration.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::control {

namespace {

namespace limits = core::limits;
using Level = OverloadView::Level;

constexpr std::array kLevels{Level::Normal, Level::NoKeepAlive, Level::Shedding};
/// From here on the figures are looked at more often.
constexpr std::int64_t kMemoryInDoubt = 600;
constexpr core::Nanos kLagInDoubt = core::Millis{policy::kLoopSlow.leave};

std::int64_t milliseconds(core::Nanos time) {
  return std::chrono::floor<core::Millis>(time).count();
}

}  // namespace

OverloadKeeper::OverloadKeeper(Deps deps)
    : deps_(std::move(deps)), workers_(deps_.workers.size()) {}

void OverloadKeeper::on_look() {
  look_at_memory();
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    look_at_loop(i);
    tell_worker(i);
  }
  const Level level = view().level;
  if (level != level_) ++entered_[static_cast<std::size_t>(level)];
  if (level < level_) trim_ = {};  // something was freed: how much will be gained is not known
  level_ = level;
  if (memory_high_.is_high) make_room();
  deps_.loop.timers().arm(timer_, deps_.loop.now() + (is_in_doubt() ? limits::kOverloadLookFast
                                                                    : limits::kOverloadLook));
}

/// What can't be read is no limit: nobody is refused for a figure that nobody knows.
void OverloadKeeper::look_at_memory() {
  if (deps_.memory) memory_ = deps_.memory();
  memory_thousandths_ = memory_ ? policy::memory_thousandths(memory_->used, memory_->limit) : 0;
  const core::Instant now = deps_.loop.now();
  const policy::Mark high = std::exchange(
      memory_high_,
      policy::after_value(memory_high_, memory_thousandths_, now, policy::kMemoryHigh));
  if (memory_high_.is_high != high.is_high) {
    tell_memory(
        memory_high_, "memory_high",
        memory_high_.is_high ? "connections end with their answers" : "connections are kept again");
  }
  const policy::Shedding before =
      std::exchange(memory_shedding_, policy::after_look(memory_shedding_, memory_thousandths_,
                                                         policy::memory_strain(memory_thousandths_),
                                                         now, policy::kMemoryShedding));
  const policy::Mark& mark = memory_shedding_.mark;
  if (mark.is_high != before.mark.is_high) {
    tell_memory(mark, "memory_shedding",
                mark.is_high ? "requests are refused" : "requests are admitted again");
  }
}

void OverloadKeeper::look_at_loop(std::size_t number) {
  Worker& worker = workers_[number];
  model::WorkerPort& port = *deps_.workers[number];
  const core::Instant now = deps_.loop.now();
  worker.lag.see(port.lag(now));
  port.ask_lag(now);
  const core::Nanos lag = worker.lag.standing();
  const policy::Shedding before = std::exchange(
      worker.shedding, policy::after_look(worker.shedding, milliseconds(lag),
                                          policy::loop_strain(lag), now, policy::kLoopSlow));
  const bool is_slow = worker.shedding.mark.is_high;
  if (is_slow == before.mark.is_high) return;
  const std::string name = "worker " + std::to_string(number);
  const std::string time = core::format_duration(core::Millis{milliseconds(lag)});
  tell(is_slow,
       is_slow ? name + " does not keep up: events wait " + time + ", and requests are refused"
               : name + " keeps up again",
       {{"code", std::string("loop_slow")},
        {"worker", std::uint64_t{number}},
        {"wait_ms", static_cast<std::uint64_t>(milliseconds(lag))}});
}

/// The worse of both is what counts, and is named.
policy::OverloadWord OverloadKeeper::word_of(policy::Strain of_loop) const {
  const policy::Strain of_memory = memory_shedding_.strain();
  const bool is_loop = of_loop > of_memory;
  return policy::OverloadWord::of(
      {.strain = is_loop ? of_loop : of_memory,
       .cause = is_loop ? policy::OverloadCause::Loop : policy::OverloadCause::Memory,
       .ends_connections = memory_high_.is_high});
}

policy::OverloadWord OverloadKeeper::word() const {
  policy::Strain of_loop = 0;
  for (const Worker& worker : workers_) of_loop = std::max(of_loop, worker.shedding.strain());
  return word_of(of_loop);
}

void OverloadKeeper::tell_worker(std::size_t number) {
  if (deps_.cells == nullptr) return;
  const policy::OverloadWord word = word_of(workers_[number].shedding.strain());
  // Stored when it changes: a line that workers read at each request stays in their caches.
  std::atomic<std::uint32_t>& cell = (*deps_.cells)[number].word;
  if (cell.load(std::memory_order_relaxed) != word.word())
    cell.store(word.word(), std::memory_order_relaxed);
}

void OverloadKeeper::make_room() {
  for (model::WorkerPort* worker : deps_.workers) worker->let_idle_go();
  const auto refusing = level_ == Level::Shedding ? policy::Refusing::Yes : policy::Refusing::No;
  if (deps_.trim && policy::is_trim_due(trim_, refusing, deps_.loop.now())) trim_heap();
}

/// What it gained is seen in what counts: that the heap let something go does not say that it was
/// there.
void OverloadKeeper::trim_heap() {
  deps_.trim();
  const auto after = deps_.memory();
  const std::int64_t gained =
      after && memory_ ? static_cast<std::int64_t>(memory_->used - after->used) : 0;
  trim_ = policy::after_trim(trim_, gained, memory_ ? memory_->limit : 0, deps_.loop.now());
}

void OverloadKeeper::tell_memory(const policy::Mark& mark, std::string_view code,
                                 std::string_view what) {
  const model::MemorySample memory = memory_.value_or(model::MemorySample{});
  std::string line = "memory has no limit that can be read";
  if (memory_) {
    line = "memory is at " + std::to_string(memory_thousandths_ / 10) + "% of " +
           core::format_size(memory.limit);
  }
  tell(mark.is_high, line.append(": ").append(what),
       {{"code", std::string(code)}, {"used_bytes", memory.used}, {"limit_bytes", memory.limit}});
}

void OverloadKeeper::tell(bool is_problem, std::string text, EventMembers members) {
  if (deps_.notice) deps_.notice(text);
  deps_.events.add(is_problem ? EventKind::Problem : EventKind::Solved, std::move(text),
                   std::move(members));
}

bool OverloadKeeper::is_in_doubt() const {
  return memory_thousandths_ >= kMemoryInDoubt || level_ != Level::Normal ||
         std::ranges::any_of(deps_.workers, [this](const model::WorkerPort* worker) {
           return worker->lag(deps_.loop.now()) >= kLagInDoubt;
         });
}

OverloadView OverloadKeeper::view() const {
  OverloadView view{.memory = memory_, .strain = memory_shedding_.strain()};
  for (const Worker& worker : workers_) {
    view.strain = std::max(view.strain, worker.shedding.strain());
    view.loop_wait = std::max(view.loop_wait, worker.lag.standing());
  }
  if (view.strain != 0) {
    view.level = Level::Shedding;
  } else if (memory_high_.is_high) {
    view.level = Level::NoKeepAlive;
  }
  return view;
}

void OverloadKeeper::write_metrics(metrics::Exposition& out) const {
  using metrics::MetricType;
  const OverloadView now = view();
  out.family({"sluice_overload_level", MetricType::Gauge,
              "1 for the level that the process is at, 0 for the others."});
  for (const Level level : kLevels)
    out.sample({{"level", text(level)}}, level == now.level ? 1 : 0);
  out.family({"sluice_overload_entered_total", MetricType::Counter,
              "How often the process came to the level."});
  for (const Level level : kLevels)
    out.sample({{"level", text(level)}}, entered_[static_cast<std::size_t>(level)]);
  out.family({"sluice_overload_refused_ratio", MetricType::Gauge,
              "Share that the most loaded worker refuses, of users who are new or known."});
  const policy::Strain of_new = std::min(now.strain, policy::kStrainNew);
  out.sample_ratio({{"users", "new"}}, of_new / 1000.0);
  out.sample_ratio({{"users", "known"}}, (now.strain - of_new) / 1000.0);
  out.family(
      {"sluice_loop_wait_seconds", MetricType::Gauge,
       "How long an event waits for the loop of a worker, the least of the last five looks."});
  for (std::size_t i = 0; i < workers_.size(); ++i)
    out.sample_seconds({{"loop", "worker-" + std::to_string(i)}}, workers_[i].lag.standing());
  if (!now.memory) return;
  out.family({"sluice_memory_used_bytes", MetricType::Gauge,
              "Memory that counts against the limit of the process or its control group."});
  out.sample(now.memory->used);
  out.family({"sluice_memory_limit_bytes", MetricType::Gauge, "That limit."});
  out.sample(now.memory->limit);
}

}  // namespace sluice::control
