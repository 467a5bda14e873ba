// bench_daybook [--size full|quick|smoke] [--folder DIR] [Google Benchmark's options]
// Works in a new folder below DIR (default: here), whose disk is what is measured. A parent process removes it whatever
// becomes of the one that measures: an interruption, a full disk, a crash.

#include <fcntl.h>
#include <lmdb.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <iostream>
#include <thread>

#include "harness.h"
#include "store.h"
#include "task.h"

namespace {

namespace fs = std::filesystem;

constexpr const char* prefix = "daybook-bench-";
pid_t measuring = 0;

void pass_on(int signal) {
  if (measuring > 0) ::kill(measuring, signal == SIGINT ? SIGTERM : signal);
}

// Whoever works in a folder holds a lock on it, so that what a killed run has left can be told from what is in use.
int lock(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0 && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  if (descriptor >= 0) ::close(descriptor);
  return -1;
}

void remove_stale(const fs::path& above) {
  for (const auto& entry : fs::directory_iterator(above)) {
    if (!entry.is_directory() || !entry.path().filename().string().starts_with(prefix)) continue;
    const int held = lock(entry.path());
    if (held < 0) continue;
    fs::remove_all(entry.path());
    ::close(held);
  }
}

void warn() {
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  std::cerr << "bench: WARNING: this build is not optimized: its figures mean nothing\n";
  benchmark::AddCustomContext("warning_build", "not optimized");
#endif
  double load = 0;
  const double cores = std::thread::hardware_concurrency();
  if (::getloadavg(&load, 1) == 1 && load > 0.25 * cores) {
    std::cerr << "bench: WARNING: this machine is busy (load " << load << " on " << cores
              << " cores): ratios will be off\n";
    benchmark::AddCustomContext("warning_load", std::to_string(load));
  }
  for (const auto& missing : bench::missing_stores()) std::cerr << "bench: " << missing << '\n';
}

int measure(int argc, char** argv) {
  using namespace bench;
  warn();
  benchmark::AddCustomContext("lmdb", mdb_version(nullptr, nullptr, nullptr));
  add_events();
  add_latency();
  add_durable();
  add_frames();
  add_growth();
  add_arrays();
  add_scalars();
  add_lists();
  add_history();
  add_memory();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

int measure_in_a_child(int argc, char** argv, const fs::path& above) {
  remove_stale(above);
  std::string folder = (fs::absolute(above) / (std::string(prefix) + "XXXXXX")).string();
  bench::require(::mkdtemp(folder.data()) != nullptr, "make a folder in " + above.string());
  const int held = lock(folder);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, pass_on);
  measuring = ::fork();
  if (measuring == 0) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, SIG_DFL);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    fs::current_path(folder);
    const int code = measure(argc, argv);
    std::cout.flush();
    std::exit(code);
  }
  int status = 0;
  while (::waitpid(measuring, &status, 0) < 0 && errno == EINTR) {
  }
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) std::cerr << "bench: could not remove " << folder << ": " << error.message() << '\n';
  ::close(held);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc >= 2 && std::strcmp(argv[1], "--task") == 0) return bench::do_task({argv + 2, argv + argc});
  fs::path above = ".";
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    if (i + 1 < argc && std::strcmp(argv[i], "--size") == 0) {
      bench::choose_size(argv[++i]);
    } else if (i + 1 < argc && std::strcmp(argv[i], "--folder") == 0) {
      above = argv[++i];
    } else {
      argv[kept++] = argv[i];
    }
  }
  return measure_in_a_child(kept, argv, above);
} catch (const std::exception& e) {
  std::cerr << "bench: " << e.what() << '\n';
  return 1;
}
