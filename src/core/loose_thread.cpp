#include "sluice/core/loose_thread.hpp"

#include <string>
#include <utility>

#include "sluice/core/thread_name.hpp"

namespace sluice::core {

LooseThread::LooseThread(const char* name, std::function<void()> work) {
  std::promise<void> ended;
  ended_ = ended.get_future();
  thread_ = std::thread(
      [name = std::string(name), work = std::move(work), ended = std::move(ended)]() mutable {
        name_thread(name.c_str());
        work();
        ended.set_value();
      });
}

LooseThread::~LooseThread() {
  end_within(Nanos::zero());
}

bool LooseThread::end_within(Nanos patience) {
  if (!thread_.joinable()) return !was_left_;
  was_left_ = ended_.wait_for(patience) != std::future_status::ready;
  if (was_left_) {
    thread_.detach();
  } else {
    thread_.join();
  }
  return !was_left_;
}

}  // namespace sluice::core
