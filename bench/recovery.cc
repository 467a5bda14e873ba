// bench_recovery [GIGABYTES]: a journal of so many GB (10) and one of 10 MB, killed by SIGKILL with the same events in the
// intake, again and again in turns: how long until it is open, and until the recovered run's file is there. Two kinds of
// history: images of 2 MB, which LMDB keeps on pages of their own, and scalars, of which a page holds many. The state at
// the end is the same, so what differs is what history costs. Before each measurement the page cache forgets the journal.
// In the working directory; needs GIGABYTES of room there.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/recover.h"
#include "daybook/materializer/materialize.h"

namespace {

using namespace daybook;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr std::uint64_t small = 10'000'000;
constexpr std::size_t image_items = 1 << 18;  // of 8 bytes
constexpr int rounds = 7, in_intake = 5000;

struct Times {
  double open = 0, file = 0;  // ms
};

void require(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

// Forks; `work` ends the child.
template <class Work>
int in_child(const Work& work) {
  const auto child = ::fork();
  require(child >= 0, "fork");
  if (child == 0) {
    try {
      work();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "bench_recovery: %s\n", e.what());
    }
    ::_exit(1);
  }
  int status = 0;
  require(::waitpid(child, &status, 0) == child, "waitpid");
  return status;
}

// History of at least `bytes`; both kinds end in the same state.
void make(const fs::path& run, bool images, std::uint64_t bytes) {
  JournalOptions options;
  options.history_bytes = unlimited_history;
  RunInfo info;
  info.rid = 1;
  info.class_name = "Bench";
  auto journal = Journal::create(run, info, options);
  const std::vector<double> image(image_items, 1.5);
  const auto data = run / "data.mdb";
  const auto set_image = [&] { journal.set("image", Value::array(image.data(), {image_items})); };
  for (int i = 0; fs::file_size(data) < bytes; ++i) {
    if (images) {
      set_image();
    } else {
      for (int n = 0; n < 1000; ++n) journal.set("scalar", i + n);
    }
  }
  journal.set("scalar", 0);
  set_image();
  journal.close();
}

void append_and_die(const fs::path& run) {
  const auto status = in_child([&] {
    JournalOptions options;
    options.history_bytes = unlimited_history;
    options.commit_interval = std::chrono::hours(1);
    auto journal = Journal::open(run, options);
    for (int i = 0; i < in_intake; ++i) journal.set("scalar", i);
    ::kill(::getpid(), SIGKILL);
  });
  require(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the writer was not killed");
}

void forget(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY);
  require(descriptor >= 0, "open");
  ::fdatasync(descriptor);
  ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  ::close(descriptor);
}

Times measure(const fs::path& run) {
  forget(run / "data.mdb");
  std::array<int, 2> ends{};
  require(::pipe(ends.data()) == 0, "pipe");
  in_child([&] {
    const auto begin = Clock::now();
    require(recover(run).needed, "there was nothing to recover");
    Reader reader(run);
    const auto opened = Clock::now();
    static_cast<void>(materialize(reader, run.parent_path() / "out.h5"));
    const auto written = Clock::now();
    const auto ms = [&](Clock::time_point end) {
      return std::chrono::duration<double, std::milli>(end - begin).count();
    };
    const Times times{ms(opened), ms(written)};
    require(::write(ends[1], &times, sizeof times) == sizeof times, "write");
    ::_exit(0);
  });
  Times times;
  require(::read(ends[0], &times, sizeof times) == sizeof times, "no measurement");
  ::close(ends[0]);
  ::close(ends[1]);
  return times;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void compare(const fs::path& folder, bool images, std::uint64_t large) {
  const std::array<std::uint64_t, 2> sizes{small, large};
  std::array<std::vector<double>, 2> open, file;
  std::array<fs::path, 2> runs;
  for (std::size_t i = 0; i < 2; ++i) {
    runs[i] = folder / std::to_string(i) / "run.daybook";
    fs::create_directories(runs[i].parent_path());
    require(in_child([&] {
              make(runs[i], images, sizes[i]);
              ::_exit(0);
            }) == 0,
            "the journal could not be made");
  }
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < 2; ++i) {
      append_and_die(runs[i]);
      const auto times = measure(runs[i]);
      open[i].push_back(times.open);
      file[i].push_back(times.file);
    }
  }
  const char* kind = images ? "images" : "scalars";
  for (std::size_t i = 0; i < 2; ++i)
    std::printf("%-8s %9.1f MB, %9llu events: open %7.1f ms, first file %7.1f ms\n", kind,
                static_cast<double>(fs::file_size(runs[i] / "data.mdb")) / 1e6,
                static_cast<unsigned long long>(Reader(runs[i]).last()), median(open[i]), median(file[i]));
  std::printf("%-8s ratio: open %.2f, first file %.2f (medians of %d)\n", kind, median(open[1]) / median(open[0]),
              median(file[1]) / median(file[0]), rounds);
  std::fflush(stdout);
  fs::remove_all(folder);
}

}  // namespace

int main(int count, char** arguments) try {
  const double gigabytes = count > 1 ? std::atof(arguments[1]) : 10;
  require(gigabytes > 0, "usage: bench_recovery [GIGABYTES]");
  const fs::path folder = "daybook-bench-recovery";
  fs::remove_all(folder);
  for (const bool images : {true, false}) compare(folder, images, static_cast<std::uint64_t>(gigabytes * 1e9));
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_recovery: %s\n", e.what());
  return 1;
}
