#include "tools/workers.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "daybook/journal/error.h"

namespace daybook {
namespace {

constexpr int look_up_every = 200;  // ms: a signal may come just before the wait
constexpr const char* told_kind = "told";
constexpr const char* done_kind = "done";

bool write_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool read_all(int socket, char* out, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::recv(socket, out, size, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    out += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

void put_number(std::string& out, std::uint64_t number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof bytes);
}

bool get_number(int socket, std::uint64_t& number) {
  return read_all(socket, reinterpret_cast<char*>(&number), sizeof number);
}

// Both ends are this program: a number of texts, then each with its length in front.
bool send_message(int socket, const Message& message) {
  std::string bytes;
  put_number(bytes, message.size());
  for (const std::string& text : message) {
    put_number(bytes, text.size());
    bytes += text;
  }
  return write_all(socket, bytes);
}

// Nothing if the other end is gone.
std::optional<Message> receive_message(int socket) {
  std::uint64_t count = 0;
  if (!get_number(socket, count)) return std::nullopt;
  Message message;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t size = 0;
    if (!get_number(socket, size)) return std::nullopt;
    std::string& text = message.emplace_back(size, '\0');
    if (!read_all(socket, text.data(), size)) return std::nullopt;
  }
  return message;
}

[[noreturn]] void work_until_told(int socket, const Workers::Work& work) {
  // The terminal's signals come to all of us: the parent decides. Deaths are its to tell, too.
  for (const int signal : {SIGINT, SIGHUP, SIGPIPE}) ::signal(signal, SIG_IGN);
  for (const int signal : {SIGTERM, SIGBUS, SIGSEGV, SIGABRT, SIGFPE, SIGILL}) ::signal(signal, SIG_DFL);
  const auto tell = [&](const Message& message) {
    Message told{told_kind};
    told.insert(told.end(), message.begin(), message.end());
    send_message(socket, told);
  };
  while (const std::optional<Message> task = receive_message(socket)) {
    work(*task, tell);
    if (!send_message(socket, {done_kind})) break;
  }
  _exit(0);
}

}  // namespace

Workers::Workers(std::size_t count, Work work) : work_(std::move(work)), workers_(std::max<std::size_t>(count, 1)) {}

Workers::~Workers() {
  for (Worker& worker : workers_)
    if (worker.pid > 0) end(worker, SIGKILL);
}

void Workers::start(Worker& worker) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("start a worker process", errno);
  std::fflush(stdout);
  std::fflush(stderr);
  const pid_t pid = ::fork();
  if (pid < 0) {
    const int code = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    throw_errno("start a worker process", code);
  }
  if (pid == 0) {
    ::close(ends[0]);
    for (const Worker& other : workers_)
      if (other.socket >= 0) ::close(other.socket);
    work_until_told(ends[1], work_);
  }
  ::close(ends[1]);
  worker = {pid, ends[0], {}};
}

int Workers::end(Worker& worker, int signal) {
  if (signal != 0) ::kill(worker.pid, signal);
  ::close(worker.socket);
  int status = 0;
  while (::waitpid(worker.pid, &status, 0) < 0 && errno == EINTR) {
  }
  worker = {};
  return status;
}

bool Workers::give(Worker& worker, const Message& task) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (worker.pid < 0) start(worker);
    if (send_message(worker.socket, task)) return true;
    end(worker, SIGKILL);  // somebody ended it while it had nothing to do
  }
  return false;
}

bool Workers::run(const std::vector<Message>& tasks, const Events& events, bool (*stop)(),
                  std::vector<std::size_t>* unfinished) {
  std::size_t next = 0;
  const auto stopped = [&] {
    for (Worker& worker : workers_) {
      if (worker.pid < 0) continue;
      if (worker.task && unfinished != nullptr) unfinished->push_back(*worker.task);
      end(worker, SIGKILL);
    }
    return false;
  };
  for (;;) {
    if (stop()) return stopped();
    std::vector<pollfd> waiting;
    std::vector<Worker*> busy;
    for (Worker& worker : workers_) {
      if (!worker.task && next < tasks.size()) {
        if (!give(worker, tasks[next])) throw StorageError("start a worker process: it ends at once");
        worker.task = next++;
      }
      if (!worker.task) continue;
      busy.push_back(&worker);
      waiting.push_back({worker.socket, POLLIN, 0});
    }
    if (busy.empty()) return true;
    if (::poll(waiting.data(), waiting.size(), look_up_every) < 0 && errno != EINTR)
      throw_errno("wait for worker processes", errno);
    if (stop()) return stopped();
    for (std::size_t i = 0; i < busy.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      Worker& worker = *busy[i];
      const std::size_t task = *worker.task;
      std::optional<Message> message = receive_message(worker.socket);
      if (!message) {
        events.died(task, end(worker, 0));
      } else if (message->front() == done_kind) {
        worker.task.reset();
        events.done(task);
      } else {
        message->erase(message->begin());
        events.told(task, *message);
      }
    }
  }
}

}  // namespace daybook
