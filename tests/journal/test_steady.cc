// The promise of the append path: once everything has been met before, no allocation and no system call.

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "daybook/journal/journal.h"
#include "support/child.h"

namespace {
thread_local std::uint64_t allocations = 0;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;  // the sanitizers bring their own malloc, and system calls of their own
#else
constexpr bool sanitized = false;

// All ways to memory end here: operator new calls malloc, and Cap'n Proto calloc. The names are glibc's.
extern "C" {
void* __libc_malloc(std::size_t size);                     // NOLINT
void* __libc_calloc(std::size_t count, std::size_t size);  // NOLINT
void* __libc_realloc(void* block, std::size_t size);       // NOLINT

void* malloc(std::size_t size) noexcept {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* block, std::size_t size) noexcept {
  ++allocations;
  return __libc_realloc(block, size);
}
}
#endif

namespace {

using namespace daybook;

constexpr std::uint64_t lap_bytes = std::uint64_t{4} << 20;

Journal quiet_journal() {
  JournalOptions options;
  options.commit_interval = std::chrono::hours(1);  // the committer waits for its batch to fill: nothing to wake
  options.intake_bytes = lap_bytes;
  auto journal = Journal::create("run.daybook", {}, options);
  journal.set("list", Value::list({}));
  return journal;
}

void append_a_few(Journal& journal, int count) {
  static const std::array<double, 64> row{};
  static const bool yes = true;
  for (int i = 0; i < count; ++i) {
    journal.set("scalar", 1.5);
    journal.append("list", i);
    journal.set("text", "some text of a length");
    journal.set("row", Value::array(row.data(), {64}));
    journal.mutate("row", {{i % 64}, {1}, {1}}, Value::array(row.data(), {1}));
    journal.set("flag", yes);
  }
}

// The committer has begun its wait: nobody contends for a lock any more, which would be a system call.
void wait_until_others_sleep() {
  const auto all_sleep = [] {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      if (task.path().filename() == std::to_string(::gettid())) continue;
      std::ifstream stream(task.path() / "stat");
      std::string stat;
      std::getline(stream, stat);
      if (stat.find(") S ") == std::string::npos) return false;
    }
    return true;
  };
  while (!all_sleep()) ::sched_yield();
}

// From here on this thread may take the time, write, and leave; anything else ends the process.
void forbid_system_calls() {
  const auto allow = [](unsigned call) { return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1); };
  const sock_filter pass = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  std::array<sock_filter, 10> rules{sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                    allow(SYS_clock_gettime),
                                    pass,
                                    allow(SYS_write),
                                    pass,
                                    allow(SYS_exit_group),
                                    pass,
                                    allow(SYS_kill),
                                    pass,
                                    sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
  const sock_fprog program{static_cast<unsigned short>(rules.size()), rules.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    ::_exit(98);
  }
}

}  // namespace

TEST_CASE("an append allocates nothing in the steady state") {
  auto journal = quiet_journal();
  append_a_few(journal, 100);
  if constexpr (!sanitized) {
    const auto before = allocations;
    append_a_few(journal, 500);
    CHECK(allocations == before);
  }
  CHECK(journal.statistics().last == 2 + 6 * (sanitized ? 100 : 600));
}

TEST_CASE("an append makes no system call in the steady state") {
  std::array<int, 2> done{};
  REQUIRE(::pipe(done.data()) == 0);
  const auto status = test::in_killed_child([&] {
    auto journal = quiet_journal();
    // In the intake's first lap the committer is woken for its pages.
    std::filesystem::path data = "run.daybook/data.mdb";
    while (std::filesystem::file_size(data) < 2 * lap_bytes) append_a_few(journal, 1000);
    journal.commit();
    append_a_few(journal, 100);
    const auto self = ::getpid();
    wait_until_others_sleep();
    if constexpr (!sanitized) forbid_system_calls();
    append_a_few(journal, 500);
    static_cast<void>(::write(done[1], "x", 1));
    ::kill(self, SIGKILL);
  });
  CHECK(test::was_killed(status));
  ::close(done[1]);
  char byte = 0;
  CHECK(::read(done[0], &byte, 1) == 1);  // it came through
  ::close(done[0]);
}
