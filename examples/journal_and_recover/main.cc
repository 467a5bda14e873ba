// journal_and_recover RUN.daybook          records a small scan, then dies as if by kill -9
// journal_and_recover RUN.daybook OUT.h5   recovers the run and writes its HDF5 file
#include <array>
#include <csignal>
#include <iostream>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/recover.h"
#include "daybook/materializer/materialize.h"

void record_and_die(const char* run) {
  daybook::RunInfo info;
  info.rid = 42;
  info.class_name = "Example";
  info.software_version = "1.0";
  auto journal = daybook::Journal::create(run, info);

  const std::array<double, 3> x{1.0, 1.5, 2.0}, y{};
  daybook::SetOptions options;
  options.metadata = {{"unit", "MHz"}};
  journal.set("scan.x", daybook::Value::array(x.data(), {3}), options);
  journal.set("scan.y", daybook::Value::array(y.data(), {3}));
  journal.set("scan.log", daybook::Value::list({}));
  for (int i = 0; i < 2; ++i) {
    const double measured = 0.25 * (i + 1);
    journal.mutate("scan.y", {.start = {i}, .count = {1}, .step = {1}}, daybook::Value::array(&measured, {1}));
    journal.append("scan.log", "point " + std::to_string(i));
  }
  std::raise(SIGKILL);  // no destructor runs; every call that returned is in the journal
}

int main(int argc, char** argv) try {
  if (argc == 2) record_and_die(argv[1]);
  if (argc != 3) return std::cerr << "usage: journal_and_recover RUN.daybook [OUT.h5]\n", 2;
  const auto recovery = daybook::recover(argv[1]);
  const auto report = daybook::materialize(daybook::Reader(argv[1]), argv[2]);
  std::cout << "recovered " << recovery.last << " events, wrote " << report.datasets << " datasets\n";
} catch (const daybook::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
