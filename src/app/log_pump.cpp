#include "app/log_pump.hpp"

#include <algorithm>
#include <string_view>

namespace sluice::app {
namespace {

using Waiting = proxy::LogQueue::Waiting;

/// A queue that fills as fast as it is emptied does not keep the others waiting for ever.
constexpr unsigned kPassesMax = 4;

std::size_t count_lines(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

Waiting front_of(const Waiting& waiting, std::size_t bytes) {
  const std::size_t of_first = std::min(bytes, waiting.first.size());
  Waiting front{waiting.first.substr(0, of_first), waiting.second.substr(0, bytes - of_first), 0};
  front.lines = count_lines(front.first) + count_lines(front.second);
  return front;
}

Waiting without_front(Waiting waiting, std::size_t bytes) {
  const std::size_t of_first = std::min(bytes, waiting.first.size());
  waiting.first.remove_prefix(of_first);
  waiting.second.remove_prefix(bytes - of_first);
  return waiting;
}

/// Of the first `bytes`: up to the last end of a line.
std::size_t whole_lines(const Waiting& waiting, std::size_t bytes) {
  const std::size_t of_first = std::min(bytes, waiting.first.size());
  const std::size_t in_second = waiting.second.substr(0, bytes - of_first).rfind('\n');
  if (in_second != std::string_view::npos) return of_first + in_second + 1;
  const std::size_t in_first = waiting.first.substr(0, of_first).rfind('\n');
  return in_first == std::string_view::npos ? 0 : in_first + 1;
}

}  // namespace

LogPump::Pass LogPump::pump(LogTarget& target) {
  Pass pass;
  // Its rest would be a torn line with others behind it.
  if (torn_ > 0 && target.is_truncated()) torn_ = 0;
  for (std::size_t i = 0; i < queues_.size() && !pass.is_stuck; ++i) {
    const std::size_t number = (next_ + i) % queues_.size();
    pump_queue(*queues_[number], target, pass);
    if (pass.is_stuck) next_ = number;
  }
  return pass;
}

void LogPump::pump_queue(proxy::LogQueue& queue, LogTarget& target, Pass& pass) {
  for (unsigned count = 0; count < kPassesMax; ++count) {
    // Until it is empty, with the few lines that came meanwhile: then it begins at its front again.
    Waiting waiting = queue.peek();
    if (waiting.empty()) return;
    while (!waiting.empty()) {
      const Waiting rest = without_front(waiting, torn_);
      const LogTarget::Taken taken = target.take(rest.first, rest.second);
      pass.bytes += taken.bytes;
      if (taken.error != 0) pass.error = taken.error;
      note_taken(queue, waiting, taken.bytes);
      switch (taken.then) {
        case LogTarget::Then::GoesOn:
          break;
        case LogTarget::Then::NotNow:
          pass.is_stuck = true;
          return;
        case LogTarget::Then::Never:
          lose(queue, waiting);
          return;
      }
    }
  }
}

/// Lines that are whole now leave the queue.
void LogPump::note_taken(proxy::LogQueue& queue, Waiting& waiting, std::size_t bytes) {
  torn_ += bytes;
  const std::size_t whole = whole_lines(waiting, torn_);
  if (whole == 0) return;
  torn_ -= whole;
  const Waiting front = front_of(waiting, whole);
  waiting = without_front(waiting, whole);
  waiting.lines -= front.lines;
  queue.consume(front);
}

void LogPump::lose(proxy::LogQueue& queue, const Waiting& waiting) {
  torn_ = 0;
  lines_lost_.fetch_add(waiting.lines, std::memory_order_relaxed);
  queue.consume(waiting);
}

void LogPump::take_out_torn(LogTarget& last) {
  if (torn_ > 0) static_cast<void>(last.cut(torn_));
  torn_ = 0;
}

void LogPump::change(LogTarget& last, const LogTarget& next) {
  if (!next.is_same_as(last)) take_out_torn(last);
}

void LogPump::give_up(LogTarget& last) {
  take_out_torn(last);
  for (const auto& queue : queues_) {
    const Waiting waiting = queue->peek();
    if (!waiting.empty()) lose(*queue, waiting);
  }
}

}  // namespace sluice::app
