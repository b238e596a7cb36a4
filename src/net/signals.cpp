#include "net/signals.hpp"

#include <csignal>

#include "sluice/core/ensure.hpp"

namespace sluice::net {

SignalWatch::SignalWatch(EventLoop& loop, std::initializer_list<int> signal_numbers,
                         Callback callback)
    : callback_(std::move(callback)) {
  const auto on_signal = [](uv_signal_t* watcher, int signal_number) {
    auto& self = *static_cast<SignalWatch*>(watcher->data);
    self.callback_(signal_number);
  };
  for (const int signal_number : signal_numbers) {
    auto* watcher = new uv_signal_t;
    ENSURE(uv_signal_init(loop.libuv(), watcher) == 0, "no signal watcher");
    watcher->data = this;
    ENSURE(uv_signal_start(watcher, on_signal, signal_number) == 0, "no signal watcher");
    watchers_.push_back(watcher);
  }
}

SignalWatch::~SignalWatch() {
  for (uv_signal_t* watcher : watchers_) {
    uv_close(reinterpret_cast<uv_handle_t*>(watcher),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_signal_t*>(handle); });
  }
}

void ignore_write_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace sluice::net
