#include "daybook/materializer/worker_pool.h"

#include <algorithm>
#include <csignal>
#include <system_error>

namespace daybook::detail {
namespace {

constexpr std::size_t most_threads = 64;

// A new thread starts with its maker's mask.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

std::size_t worker_count(unsigned threads) {
  const std::size_t wanted = threads != 0 ? threads : std::thread::hardware_concurrency();
  return std::clamp<std::size_t>(wanted, 1, most_threads);
}

WorkerPool::WorkerPool(std::size_t threads) {
  const SignalsBlocked blocked;
  try {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this, i] { run(i); });
  } catch (const std::system_error&) {
    if (threads_.empty()) throw;  // fewer have to do
  }
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::add(Work work) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(work));
  }
  changed_.notify_one();
}

void WorkerPool::run(std::size_t worker) {
  while (true) {
    Work work;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    work(worker);
  }
}

}  // namespace daybook::detail
