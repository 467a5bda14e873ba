// The crash laboratory: crash_lab kill|power|faults|failures. Exit status 0: every promise was kept; 1: violations, each printed
// with the command that shows it again. With --planted the other way round.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <exception>

#include "crash/lab.h"

int main(int count, char** arguments) {
  using namespace daybook::crash;
  CLI::App app(
      "Kills writers, cuts their power and fails their calls, and compares what is left with what was promised");
  app.require_subcommand(1);
  Order order;
  struct Hall {
    const char* name;
    const char* what;
    const char* unit;
    Tally (*run)(const Order&);
    const CLI::App* command = nullptr;
  };
  std::array<Hall, 4> halls{
      {{"kill", "SIGKILL at random moments, at named points and at system calls", "kills", run_kills},
       {"power", "disks that a power cut may leave", "crash images", run_power_cuts},
       {"faults", "system calls and allocations that fail, each in turn", "faults", run_faults},
       {"failures", "those of docs/failures.md that need a disk which misbehaves", "failures", run_failures}}};
  for (auto& hall : halls) {
    auto* command = app.add_subcommand(hall.name, hall.what);
    command->add_option("--seed", order.seed, "of the first run; later ones count on from it")->capture_default_str();
    command->add_option("--count", order.count, "how many kills, images or faults");
    command->add_option("--only", order.only, "the scenario, the crash point, the fault or the failure");
    command->add_option("--planted", order.planted, "a bug to put in; then not to find it is the failure");
    command->add_option("--log", order.log, "power: build the images of this log");
    command->add_option("--nth", order.nth, "this one only");
    hall.command = command;
  }
  CLI11_PARSE(app, count, arguments);
  try {
    const auto begun = std::chrono::steady_clock::now();
    const auto& hall = *std::find_if(halls.begin(), halls.end(), [](const Hall& one) { return one.command->parsed(); });
    const auto tally = hall.run(order);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    std::printf("seed %llu: %llu %s, %llu events compared, %llu violations, in %.1f s\n",
                static_cast<unsigned long long>(order.seed), static_cast<unsigned long long>(tally.runs), hall.unit,
                static_cast<unsigned long long>(tally.events), static_cast<unsigned long long>(tally.violations),
                took.count());
    const bool found = tally.violations != 0;
    if (!order.planted.empty() && !found) std::printf("the planted bug \"%s\" was not found\n", order.planted.c_str());
    return found == order.planted.empty() ? 1 : 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "crash_lab: %s\n", e.what());
    return 2;
  }
}
