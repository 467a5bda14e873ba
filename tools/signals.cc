#include "tools/signals.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace daybook {
namespace {

// Handlers cannot be given an argument: these are what they may look at.
std::array<char, 1024> journal_path{};
std::atomic<std::size_t> journal_path_size{0};
std::atomic<Sequence> last_read{0};
std::atomic<int> signal_seen{0};
static_assert(std::atomic<Sequence>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

// Only what POSIX lets a handler do: no allocation, no stdio.
class Line {
 public:
  Line& operator<<(std::string_view text) {
    const std::size_t room = std::min(text.size(), text_.size() - size_);
    std::memcpy(text_.data() + size_, text.data(), room);
    size_ += room;
    return *this;
  }
  Line& operator<<(std::uint64_t number) {
    std::array<char, 20> digits;
    std::size_t at = digits.size();
    do digits[--at] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    return *this << std::string_view(digits.data() + at, digits.size() - at);
  }
  void write_to_stderr() const {
    const ssize_t written = write(STDERR_FILENO, text_.data(), size_);
    static_cast<void>(written);  // nobody is left to be told
  }

 private:
  std::array<char, 4096> text_;
  std::size_t size_ = 0;
};

[[noreturn]] void on_crash(int signal) {
  Line line;
  const std::string_view path(journal_path.data(), journal_path_size.load());
  if (path.empty()) {
    line << "daybook: ended by signal " << static_cast<std::uint64_t>(signal)
         << ", which is an error of this program\n";
  } else {
    // SIGBUS: the file is shorter than it says. The others can also come from an error of this program.
    line << "daybook: " << path << ": the journal " << (signal == SIGBUS ? "is" : "may be")
         << " damaged (could not be read past event " << last_read.load() << ", signal "
         << static_cast<std::uint64_t>(signal) << "): run 'daybook verify " << path << "'\n";
  }
  line.write_to_stderr();
  _exit(1);
}

void on_interrupt(int signal) { signal_seen = signal; }

constexpr std::array interrupts = {SIGINT, SIGTERM, SIGHUP};

void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(signal, &action, nullptr);
}

}  // namespace

void explain_crashes() {
  handle(SIGABRT, on_crash, SA_ONSTACK);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose reports of these say more
  static std::array<std::byte, 64 << 10> stack;                      // the normal one may be what has overflowed
  stack_t alternative{};
  alternative.ss_sp = stack.data();
  alternative.ss_size = stack.size();
  sigaltstack(&alternative, nullptr);
  for (const int signal : {SIGBUS, SIGSEGV, SIGFPE, SIGILL}) handle(signal, on_crash, SA_ONSTACK);
#endif
}

void now_reading(const std::filesystem::path& journal) {
  const auto& text = journal.native();
  journal_path_size = 0;
  const std::size_t size = std::min(text.size(), journal_path.size());
  std::memcpy(journal_path.data(), text.data(), size);
  last_read = 0;
  journal_path_size = size;
}

void read_up_to(Sequence sequence) { last_read.store(sequence, std::memory_order_relaxed); }

Interruptible::Interruptible() {
  signal_seen = 0;
  for (const int signal : interrupts) handle(signal, on_interrupt, 0);  // no SA_RESTART: a read ends with EINTR
  handle(SIGPIPE, SIG_IGN, 0);
}

Interruptible::~Interruptible() {
  for (const int signal : interrupts) handle(signal, SIG_DFL, 0);
  handle(SIGPIPE, SIG_DFL, 0);
}

int Interruptible::signal() { return signal_seen; }

}  // namespace daybook
