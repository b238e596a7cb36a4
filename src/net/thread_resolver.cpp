#include "net/thread_resolver.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <utility>

#include "net/raw_address.hpp"
#include "sluice/core/thread_name.hpp"

namespace sluice::net {

namespace {

core::Error failed(const std::string& host, std::string what) {
  return {core::ErrorCode::Io, host, std::move(what)};
}

/// A link-local address means nothing without its interface, and an endpoint has no place for one.
bool is_usable(const addrinfo& found) {
  if (found.ai_family == AF_INET) return true;
  if (found.ai_family != AF_INET6) return false;
  sockaddr_in6 v6{};
  std::memcpy(&v6, found.ai_addr, sizeof v6);
  return v6.sin6_scope_id == 0;
}

Resolver::Answer ask(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error == EAI_SYSTEM) return failed(host, std::strerror(errno));
  if (error != 0) return failed(host, ::gai_strerror(error));
  std::vector<core::IpAddress> addresses;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    if (!is_usable(*each)) continue;
    RawAddress raw;
    std::memcpy(&raw.storage, each->ai_addr, each->ai_addrlen);
    raw.size = each->ai_addrlen;
    addresses.push_back(from_raw(raw).ip);
  }
  ::freeaddrinfo(list);
  if (addresses.empty()) return failed(host, "the answer holds no usable address");
  return addresses;
}

}  // namespace

/// What the threads use, also when they hang and everything else has ended.
struct ThreadResolver::Shared {
  explicit Shared(Mailbox& control) : mailbox(&control) {}

  void tell(Done done, Answer answer) {
    const std::lock_guard lock(mutex);
    if (mailbox == nullptr) return;
    // The resolver may end between the message and its turn.
    mailbox->post(
        [receiver = std::weak_ptr(is_there), done = std::move(done), answer = std::move(answer)] {
          if (receiver.lock() != nullptr) done(answer);
        });
    ++answers;
    changed.notify_all();
  }

  std::mutex mutex;
  std::condition_variable changed;
  Mailbox* mailbox;         // guarded by mutex; nullptr: the end
  std::size_t answers = 0;  // guarded by mutex
  std::size_t seen = 0;     // the loop's: of `answers`, those that were waited for
  std::shared_ptr<const bool> is_there = std::make_shared<const bool>(true);
};

struct ThreadResolver::Lookup {
  std::shared_ptr<Shared> shared;
  std::string host;
  Done done;
};

ThreadResolver::ThreadResolver(Mailbox& mailbox) : shared_(std::make_shared<Shared>(mailbox)) {}

ThreadResolver::~ThreadResolver() {
  const std::lock_guard lock(shared_->mutex);
  shared_->mailbox = nullptr;
  shared_->is_there.reset();
}

// Not std::thread: that one throws when there can be no further thread, and here that is one more
// reason for a failed look-up.
void ThreadResolver::lookup(const std::string& host, Done done) {
  auto lookup = std::make_unique<Lookup>(Lookup{shared_, host, std::move(done)});
  pthread_t thread{};
  const int error = ::pthread_create(&thread, nullptr, &ThreadResolver::run, lookup.get());
  if (error != 0) {
    return shared_->tell(std::move(lookup->done),
                         failed(host, std::string("no thread: ") + std::strerror(error)));
  }
  static_cast<void>(lookup.release());  // the thread's
  ::pthread_detach(thread);
}

void* ThreadResolver::run(void* lookup) {
  const std::unique_ptr<Lookup> own(static_cast<Lookup*>(lookup));
  core::name_thread("lookup");
  own->shared->tell(std::move(own->done), ask(own->host));
  return nullptr;
}

bool ThreadResolver::wait_for_answer(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(shared_->mutex);
  const bool came = shared_->changed.wait_until(
      lock, deadline, [this] { return shared_->answers != shared_->seen; });
  shared_->seen = shared_->answers;
  return came;
}

}  // namespace sluice::net
