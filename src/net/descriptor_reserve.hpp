#pragma once
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "net/owned_fd.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::net {

/// Who may take of the reserve, and how deep: each leaves something to those below it, so that
/// callers who only look can't keep a rollback from the process, nor callers the state from the
/// disk.
enum class DescriptorClaim : std::uint8_t {
  None,         // the data path: takes nothing, and waits until the reserve is whole
  RemoteAdmin,  // callers over TCP, who look
  LocalAdmin,   // callers of the Unix socket
  Answer,       // what an answer needs: the connections that a switch tries, figures of /proc
  State,        // the state file and the audit
};

/// Descriptors that are held open from the start for what must work when all others are taken: a
/// caller of the admin socket, and what its change needs (adr/0022). One that is given up makes
/// room in the process's table; it is taken back before anybody makes another one. A thread that
/// has just asked may still be quicker, once: then one more is given up. Any thread.
class DescriptorReserve {
 public:
  /// Takes as many as there are.
  DescriptorReserve();
  DescriptorReserve(const DescriptorReserve&) = delete;
  DescriptorReserve& operator=(const DescriptorReserve&) = delete;

  /// Closes one, so that the next call that makes a descriptor has room. False: nothing is left for
  /// this claim.
  bool give_up(DescriptorClaim claim);
  /// Takes back what is missing, as far as there is room. True: nothing is missing. One load when
  /// that was so before.
  bool make_whole();
  std::size_t missing() const { return missing_.load(std::memory_order_relaxed); }

 private:
  std::mutex mutex_;
  std::array<OwnedFd, core::limits::kDescriptorReserve> held_;  // guarded by mutex_
  std::atomic<std::size_t> missing_{held_.size()};              // written under mutex_
};

/// What somebody who makes descriptors may do when there are none left.
struct DescriptorUse {
  std::shared_ptr<DescriptorReserve> reserve;  // nullptr: nothing
  DescriptorClaim claim = DescriptorClaim::None;
};

constexpr bool is_out_of_descriptors(int error_number) {
  return error_number == EMFILE || error_number == ENFILE;
}

/// `make` is a system call that returns a descriptor, or -1 with errno; so does this.
template <typename Make>
int make_descriptor(const DescriptorUse& use, Make make) {
  if (use.reserve == nullptr) return make();
  // What is free goes to the reserve first, or a claim would get it past its bound.
  if (!use.reserve->make_whole() && use.claim == DescriptorClaim::None) {
    errno = EMFILE;
    return -1;
  }
  int made = make();
  bool has_given_up = false;
  // Again and again: another thread may be quicker.
  while (made < 0 && is_out_of_descriptors(errno) && use.reserve->give_up(use.claim)) {
    has_given_up = true;
    made = make();
  }
  if (made < 0 && has_given_up) {
    const int error_number = errno;
    use.reserve->make_whole();
    errno = error_number;
  }
  return made;
}

}  // namespace sluice::net
