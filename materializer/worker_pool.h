#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace daybook::detail {

// Threads that do pieces of work. They see no signals.
class WorkerPool {
 public:
  using Work = std::function<void(std::size_t worker)>;  // must not throw

  explicit WorkerPool(std::size_t threads);
  ~WorkerPool();  // after all work that was given to it
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  [[nodiscard]] std::size_t size() const { return threads_.size(); }
  void add(Work work);

 private:
  void run(std::size_t worker);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// 0: as many threads as this process has cores.
std::size_t worker_count(unsigned threads);

}  // namespace daybook::detail
