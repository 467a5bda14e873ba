#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <system_error>
#include <typeinfo>

#include "daybook/journal/error.h"
#include "tools/commands.h"
#include "tools/json_text.h"
#include "tools/signals.h"

namespace {

constexpr int exit_no = 1;  // the answer is no, or the data is bad
constexpr int exit_usage = 2;

int run(int argc, char** argv) {
  CLI::App program("Journals of experiment runs, and the HDF5 files that are made of them.", "daybook");
  program.set_version_flag("--version", std::string("daybook ") + DAYBOOK_VERSION);
  program.require_subcommand(1);
  program.footer(
      "Examples:\n"
      "  daybook ls results                        every run's journal below results/\n"
      "  daybook show 000000108-RabiScan.daybook   what is in one\n"
      "  daybook replay 000000108-RabiScan.daybook -o rabi.h5\n"
      "  daybook COMMAND --help                    options and examples of a command\n"
      "\n"
      "Exit code: 0 done, 1 the answer is no or the data is bad, 2 wrong usage.");

  daybook::Command chosen;
  daybook::add_ingest(program, chosen);
  daybook::add_replay(program, chosen);
  daybook::add_checkpoint(program, chosen);
  daybook::add_ls(program, chosen);
  daybook::add_show(program, chosen);
  daybook::add_layout(program, chosen);
  daybook::add_log(program, chosen);
  daybook::add_verify(program, chosen);
  daybook::add_recover(program, chosen);
  daybook::add_prune(program, chosen);
  daybook::add_doctor(program, chosen);
  daybook::add_compact(program, chosen);
  daybook::add_salvage(program, chosen);

  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& wants) {  // --help, --version
    return program.exit(wants);
  } catch (const CLI::ParseError& e) {
    const auto parsed = program.get_subcommands();
    const std::string command = parsed.empty() ? "daybook" : "daybook " + parsed.front()->get_name();
    fmt::print(stderr, "daybook: {}: see {} --help\n", daybook::printable(e.what()), command);
    return exit_usage;
  }
  const int code = chosen();
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    throw daybook::StorageError(fmt::format("writing to standard output: {}", std::strerror(errno)));
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  daybook::explain_crashes();
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fflush(stdout);
    // What fmt throws when it cannot print names no file.
    const bool printing = typeid(e) == typeid(std::system_error) && std::ferror(stdout) != 0;
    fmt::print(stderr, "daybook: {}{}\n", printing ? "writing to standard output: " : "", daybook::printable(e.what()));
    return exit_no;
  }
}
