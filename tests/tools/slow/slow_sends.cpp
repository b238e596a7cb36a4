// Preloaded into a program (LD_PRELOAD), makes each message that a thread whose name begins with
// `worker-` sends take longer: a proxy on a machine that is too slow for its load, and no slower at
// rest. By how many microseconds is in the first eight bytes of the file that SLUICE_SLOW_SENDS
// names, so another process can change it while the program runs.

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

std::atomic<std::uint64_t> none{0};
std::atomic<std::uint64_t>* delay = &none;

__attribute__((constructor)) void open_delay() {
  const char* path = std::getenv("SLUICE_SLOW_SENDS");
  if (path == nullptr) return;
  const int file = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ::ftruncate(file, sizeof *delay) != 0) return;
  void* const page = ::mmap(nullptr, sizeof *delay, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (page != MAP_FAILED) delay = static_cast<std::atomic<std::uint64_t>*>(page);
}

void take_time() {
  const std::uint64_t micros = delay->load();
  if (micros == 0) return;
  constexpr char kWorker[] = "worker-";
  char name[16] = "";
  if (::pthread_getname_np(::pthread_self(), name, sizeof name) != 0) return;
  if (std::strncmp(name, kWorker, sizeof kWorker - 1) != 0) return;
  const timespec time{.tv_sec = static_cast<time_t>(micros / 1'000'000),
                      .tv_nsec = static_cast<long>(micros % 1'000'000) * 1000};
  ::nanosleep(&time, nullptr);
}

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

// The data path asks the kernel directly ...
long syscall(long number, ...) {
  static auto* const real = next<long(long, ...)>("syscall");
  va_list list;
  va_start(list, number);
  long given[6];
  for (long& each : given) each = va_arg(list, long);
  va_end(list);
  if (number == SYS_sendto || number == SYS_sendmsg) take_time();
  return real(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

// ... and the functions of the library where a sanitizer is to see what they are given.
ssize_t send(int fd, const void* bytes, std::size_t size, int flags) {
  static auto* const real = next<ssize_t(int, const void*, std::size_t, int)>("send");
  take_time();
  return real(fd, bytes, size, flags);
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  static auto* const real = next<ssize_t(int, const msghdr*, int)>("sendmsg");
  take_time();
  return real(fd, message, flags);
}
}
