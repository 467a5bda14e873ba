#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace daybook {

// A subcommand adds itself to the program; parsing a command line that names it puts what is to be done into `chosen`.
// That returns the exit code: 0, or 1 when the answer is no. What it throws ends the program with a line and 1.
using Command = std::function<int()>;
void add_checkpoint(CLI::App& program, Command& chosen);
void add_compact(CLI::App& program, Command& chosen);
void add_ingest(CLI::App& program, Command& chosen);
void add_replay(CLI::App& program, Command& chosen);
void add_ls(CLI::App& program, Command& chosen);
void add_show(CLI::App& program, Command& chosen);
void add_layout(CLI::App& program, Command& chosen);
void add_log(CLI::App& program, Command& chosen);
void add_recover(CLI::App& program, Command& chosen);
void add_doctor(CLI::App& program, Command& chosen);
void add_prune(CLI::App& program, Command& chosen);
void add_verify(CLI::App& program, Command& chosen);
void add_salvage(CLI::App& program, Command& chosen);

}  // namespace daybook
