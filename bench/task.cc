#include "task.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <iostream>
#include <map>
#include <span>
#include <vector>

#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/materializer/materialize.h"
#include "harness.h"

namespace bench {
namespace {

using namespace daybook;
namespace fs = std::filesystem;

constexpr std::uint64_t megabyte = std::uint64_t{1} << 20;

JournalOptions keep_all() {
  JournalOptions options;
  options.history_bytes = unlimited_history;
  return options;
}

void write(const fs::path& run, std::uint64_t megabytes, bool pictures) {
  auto journal = Journal::create(run, run_info(), keep_all());
  std::vector<std::uint16_t> frame(megabyte);
  const auto set_scalars = [&](double value) {
    for (int i = 0; i < 100; ++i) journal.set("scalar." + std::to_string(i), value + 0.5 * i);
  };
  const auto set_frame = [&](std::uint64_t i) {
    frame[i % frame.size()] = static_cast<std::uint16_t>(i);
    journal.set("camera", Value::array(frame.data(), {1024, 1024}));
  };
  for (std::uint64_t i = 0; fs::file_size(run / "data.mdb") < megabytes * 1'000'000; ++i) {
    for (int burst = 0; !pictures && burst < 100; ++burst) set_scalars(static_cast<double>(i));
    if (pictures) set_frame(i);
  }
  set_scalars(0);
  set_frame(0);
  journal.close();
}

void crash(const fs::path& run, std::uint64_t events) {
  auto options = keep_all();
  options.commit_interval = std::chrono::hours(1);
  auto journal = Journal::open(run, options);
  for (std::uint64_t i = 0; i < events; ++i) journal.set("scalar.0", static_cast<double>(i));
  std::raise(SIGKILL);
}

// Of one megabyte again and again, so that the array itself takes no memory.
void write_array(const fs::path& run, std::uint64_t megabytes, bool mutate) {
  const std::vector<double> numbers(megabyte / sizeof(double), 1.5);
  const std::vector<std::span<const std::byte>> pieces(megabytes, std::as_bytes(std::span(numbers)));
  auto journal = Journal::create(run, run_info(), keep_all());
  journal.set("array", Value::raw(Form::array, Type::of<double>(), {megabytes * numbers.size()}, 1, pieces));
  const double one = 1;
  if (mutate) journal.mutate("array", {.start = {7}, .count = {1}, .step = {1}}, Value::array(&one, {1}));
  journal.finish();
}

void read(const fs::path& run, std::uint64_t) {
  const Reader reader(run);
  std::uint64_t bytes = 0;
  reader.events(1, reader.last(), [&](const Event& event) {
    if (const auto* set = std::get_if<Set>(&event.body)) bytes += set->value.total_bytes();
    return true;
  });
  require(bytes != 0, "a journal without values");
}

void make_file(const fs::path& run, std::uint64_t) {
  const auto report = materialize(Reader(run), run.parent_path() / "run.h5");
  require(report.refused.empty(), "a dataset was refused");
}

const std::map<std::string, std::function<void(const fs::path&, std::uint64_t)>>& tasks() {
  static const std::map<std::string, std::function<void(const fs::path&, std::uint64_t)>> all{
      {"write_pictures", [](const fs::path& run, std::uint64_t n) { write(run, n, true); }},
      {"write_scalars", [](const fs::path& run, std::uint64_t n) { write(run, n, false); }},
      {"crash", crash},
      {"write_array", [](const fs::path& run, std::uint64_t n) { write_array(run, n, false); }},
      {"mutate_array", [](const fs::path& run, std::uint64_t n) { write_array(run, n, true); }},
      {"read", read},
      {"materialize", make_file},
  };
  return all;
}

}  // namespace

std::uint64_t run_task(const std::string& name, const fs::path& folder, std::uint64_t number) {
  const std::string digits = std::to_string(number);
  const pid_t child = ::fork();
  require(child >= 0, "start a process");
  if (child == 0) {
    ::execl("/proc/self/exe", "bench_daybook", "--task", name.c_str(), folder.c_str(), digits.c_str(),
            static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  rusage usage{};
  require(::wait4(child, &status, 0, &usage) == child, "wait for a process");
  const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && name == "crash";
  require(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0), "task " + name + " failed");
  return static_cast<std::uint64_t>(usage.ru_maxrss) << 10;
}

int do_task(const std::vector<std::string>& arguments) try {
  require(arguments.size() == 3, "--task NAME FOLDER NUMBER");
  tasks().at(arguments[0])(fs::path(arguments[1]) / "run.daybook", std::stoull(arguments[2]));
  return 0;
} catch (const std::exception& e) {
  std::cerr << "task " << arguments.front() << ": " << e.what() << '\n';
  return 1;
}

}  // namespace bench
