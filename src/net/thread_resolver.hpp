#pragma once
#include <chrono>
#include <memory>

#include "net/mailbox.hpp"
#include "net/resolver.hpp"

namespace sluice::net {

/// Resolver over getaddrinfo(3), so by the same rules as everything else on the machine (hosts
/// file, nsswitch.conf, search domains). One detached thread per look-up, because the call blocks,
/// for half a minute when the name server is silent, and nothing can cancel it: its end does not
/// wait for such threads, nor does that of the process. The caller bounds how many there are.
class ThreadResolver final : public Resolver {
 public:
  /// Answers come through `mailbox`, which outlives this.
  explicit ThreadResolver(Mailbox& mailbox);
  ThreadResolver(const ThreadResolver&) = delete;
  ThreadResolver& operator=(const ThreadResolver&) = delete;
  ~ThreadResolver();

  void lookup(const std::string& host, Done done) override;
  /// Before the loop runs: blocks until an answer is in the mailbox that was not there when it was
  /// called last, or until `deadline`. False: none came.
  bool wait_for_answer(std::chrono::steady_clock::time_point deadline);

 private:
  struct Shared;
  struct Lookup;
  static void* run(void* lookup);

  std::shared_ptr<Shared> shared_;
};

}  // namespace sluice::net
