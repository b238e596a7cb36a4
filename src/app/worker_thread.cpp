#include "app/worker_thread.hpp"

#include <string>
#include <utility>

#include "sluice/core/thread_name.hpp"

namespace sluice::app {

WorkerThread::WorkerThread(const core::Clock& clock, std::uint64_t seed, net::Mailbox& control,
                           net::DescriptorUse descriptors)
    : loop_(clock, seed),
      descriptors_(std::move(descriptors)),
      connector_(loop_, descriptors_),
      control_(control) {}

WorkerThread::~WorkerThread() {
  end();
}

void WorkerThread::start(model::Publication& publication, std::vector<net::ListenSocket> sockets,
                         const proxy::WorkerOptions& options) {
  const auto give_back = [&control = control_](std::shared_ptr<const model::Snapshot> snapshot) {
    // dies with the closure, on the control thread
    control.post([snapshot = std::move(snapshot)] {});
  };
  worker_.emplace(loop_.core(), connector_, publication, give_back, options);
  acceptor_.emplace(loop_, std::move(sockets), *worker_, descriptors_);
  worker_->set_acceptor(*acceptor_);
  thread_ = std::thread([this, number = options.number] {
    core::name_thread(("worker-" + std::to_string(number)).c_str());
    loop_.run();
  });
}

void WorkerThread::begin_accepting() {
  post([this] { acceptor_->resume(); });
}

void WorkerThread::begin_stop(std::function<void()> on_empty) {
  post([this, on_empty = std::move(on_empty)] {
    worker_->begin_stop([this, on_empty] { control_.post(on_empty); });
  });
}

void WorkerThread::end() {
  if (!thread_.joinable()) return;
  post([this] {
    acceptor_->stop();
    worker_->give_up_all();
    loop_.stop();
  });
  thread_.join();
}

void WorkerThread::count_leases(model::LeaseQuery query,
                                std::function<void(model::LeaseReport)> done) {
  post([this, query, done = std::move(done)] {
    control_.post([done, report = worker_->count_leases(query)] { done(report); });
  });
}

void WorkerThread::cut_leases(model::CutOrder order, std::function<void(model::CutReport)> done) {
  post([this, order, done = std::move(done)] {
    control_.post([done, report = worker_->cut_leases(order)] { done(report); });
  });
}

void WorkerThread::let_idle_go() {
  post([this] { worker_->let_idle_go(); });
}

void WorkerThread::recycle(core::EndpointId endpoint) {
  post([this, endpoint] { worker_->recycle(endpoint); });
}

void WorkerThread::wake() {
  post([this] { worker_->adopt(); });
}

}  // namespace sluice::app
