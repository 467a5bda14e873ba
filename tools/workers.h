#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daybook {

using Message = std::vector<std::string>;

// Processes that work on tasks: for libraries that allow one thread in a process, and that a damaged file can end. What
// ends a worker costs its task alone. The parent must not have used such a library before run().
class Workers {
 public:
  // In a worker: does one task; `tell` sends a message to the parent. Must not throw.
  using Work = std::function<void(const Message& task, const std::function<void(const Message&)>& tell)>;
  Workers(std::size_t count, Work work);
  ~Workers();  // kills those that are left
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  struct Events {
    std::function<void(std::size_t task, const Message&)> told;
    std::function<void(std::size_t task)> done;
    // The worker is gone: its wait status.
    std::function<void(std::size_t task, int status)> died;
  };
  // Tasks are begun in order; returns when all are done. False if `stop` said so: then all workers are killed first, and
  // neither done() nor died() was called for the tasks they were at; `unfinished` has them.
  bool run(const std::vector<Message>& tasks, const Events& events, bool (*stop)(),
           std::vector<std::size_t>* unfinished = nullptr);

 private:
  struct Worker {
    int pid = -1;  // -1: none
    int socket = -1;
    std::optional<std::size_t> task;
  };
  void start(Worker& worker);
  int end(Worker& worker, int signal);  // waits for it; 0: it ends by itself
  bool give(Worker& worker, const Message& task);

  Work work_;
  std::vector<Worker> workers_;
};

}  // namespace daybook
