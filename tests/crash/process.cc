#include "crash/process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "crash/ledger.h"

namespace daybook::crash {

Child::Child(const std::function<void()>& work, std::chrono::seconds limit) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  process_ = ::fork();
  if (process_ < 0) throw std::runtime_error("fork failed");
  if (process_ != 0) {
    ::close(ends[1]);
    messages_ = ends[0];
    return;
  }
  ::close(ends[0]);
  ::alarm(static_cast<unsigned>(limit.count()));
  std::string trouble;
  try {
    work();
    ::_exit(0);
  } catch (const Violation& e) {
    trouble = e.what;
  } catch (const std::exception& e) {
    trouble = std::string("exception: ") + e.what();
  }
  static_cast<void>(!::write(ends[1], trouble.data(), std::min<std::size_t>(trouble.size(), 4000)));
  ::_exit(1);
}

Child::~Child() {
  if (process_ != 0) {
    kill();
    wait();
  }
}

void Child::kill() { ::kill(process_, SIGKILL); }

Ending Child::wait() {
  Ending ending;
  std::array<char, 4096> text{};
  for (ssize_t got = 0; (got = ::read(messages_, text.data(), text.size())) > 0;)
    ending.trouble.append(text.data(), static_cast<std::size_t>(got));
  ::close(messages_);
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) continue;
  process_ = 0;
  ending.good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (WIFSIGNALED(status)) {
    ending.killed = WTERMSIG(status) == SIGKILL;
    ending.trouble =
        WTERMSIG(status) == SIGALRM ? "it hangs" : std::string("it died: ") + ::strsignal(WTERMSIG(status));
  } else if (!ending.good && ending.trouble.empty()) {
    ending.trouble = "it ended with status " + std::to_string(WEXITSTATUS(status));
  }
  return ending;
}

Ending in_child(const std::function<void()>& work, std::chrono::seconds limit) { return Child(work, limit).wait(); }

Workshop::Workshop() {
  const std::filesystem::path memory = "/dev/shm";
  const char* wanted = std::getenv("TMPDIR");
  const auto parent =
      ::access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::path(wanted != nullptr ? wanted : "/tmp");
  std::string name = parent / "daybook-crash-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder in " + parent.string());
  path_ = name;
}

Workshop::~Workshop() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path Workshop::empty(const std::string& name) const {
  const auto folder = path_ / name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  return folder;
}

}  // namespace daybook::crash
