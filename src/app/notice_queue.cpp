#include "app/notice_queue.hpp"

#include <utility>

namespace sluice::app {

void NoticeQueue::push(std::string line) {
  if (missing_ > 0) {
    std::string gap = end_of_gap();
    if (has_room_for(gap.size() + line.size())) {
      append(std::move(gap));
      missing_ = 0;
    }
  }
  if (missing_ > 0 || !has_room_for(line.size())) {
    ++missing_;
  } else {
    append(std::move(line));
  }
}

std::optional<std::string> NoticeQueue::pop() {
  if (lines_.empty()) {
    if (missing_ == 0) return std::nullopt;
    std::string gap = end_of_gap();
    missing_ = 0;
    return gap;
  }
  std::string line = std::move(lines_.front());
  lines_.pop_front();
  bytes_ -= line.size();
  return line;
}

void NoticeQueue::append(std::string line) {
  bytes_ += line.size();
  lines_.push_back(std::move(line));
}

std::string NoticeQueue::end_of_gap() {
  return std::to_string(missing_) + " notices are missing here: nobody read them in time";
}

}  // namespace sluice::app
