#include "harness.h"

#include <fcntl.h>
#include <unistd.h>

#include <stdexcept>

namespace bench {
namespace {

enum class Size { full, quick, smoke };
Size chosen = Size::full;

}  // namespace

bool quick() { return chosen == Size::quick; }
bool smoke() { return chosen == Size::smoke; }

void choose_size(std::string_view size) {
  require(size == "full" || size == "quick" || size == "smoke", "--size is full, quick or smoke");
  chosen = size == "full" ? Size::full : size == "quick" ? Size::quick : Size::smoke;
}

void require(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what);
}

Folder::Folder() {
  static int number = 0;
  path_ = std::filesystem::absolute("work-" + std::to_string(number++));
  std::filesystem::create_directory(path_);
}

Folder::~Folder() {
  std::error_code ignored;  // main() removes the folder above in any case
  std::filesystem::remove_all(path_, ignored);
}

Stopwatch::Stopwatch() {
  if (const int here = ::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); here >= 0) {
    ::syncfs(here);
    ::close(here);
  }
  begin_ = std::chrono::steady_clock::now();
}

double Stopwatch::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

void add(const std::string& name, std::function<double(benchmark::State&)> measure) {
  const auto run = [measure = std::move(measure)](benchmark::State& state) {
    for ([[maybe_unused]] auto _ : state) {
      try {
        state.SetIterationTime(measure(state));
      } catch (const std::exception& e) {
        state.SkipWithError(e.what());
        break;
      }
    }
  };
  benchmark::RegisterBenchmark(name.c_str(), run)->Iterations(1)->UseManualTime();
}

daybook::RunInfo run_info() {
  daybook::RunInfo info;
  info.rid = 1;
  info.class_name = "Bench";
  return info;
}

}  // namespace bench
