#pragma once
#include <functional>
#include <initializer_list>
#include <vector>

#include "net/event_loop.hpp"

namespace sluice::net {

/// Signals of the process as events of one loop. Loop thread only. While it lives the signals have
/// no other effect.
class SignalWatch {
 public:
  using Callback = std::function<void(int signal_number)>;

  SignalWatch(EventLoop& loop, std::initializer_list<int> signal_numbers, Callback callback);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();

 private:
  Callback callback_;
  std::vector<uv_signal_t*> watchers_;  // each frees itself in its close callback
};

/// For the first line of main(): a write to a closed socket or pipe, or one beyond the size that a
/// file may have (`ulimit -f`), is an error value, not the end of the process. (send() is told so
/// as well; a library's write() is not.)
void ignore_write_signals();

}  // namespace sluice::net
