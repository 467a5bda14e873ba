#pragma once

// Work for a process of its own: to be killed, or to have its memory measured.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bench {

// Runs this program again as `--task NAME FOLDER NUMBER` and waits. Peak resident bytes; throws if it fails, unless it
// killed itself, as "crash" does.
std::uint64_t run_task(const std::string& name, const std::filesystem::path& folder, std::uint64_t number);

// What the other process does; an exit code.
//   write_pictures FOLDER N, write_scalars FOLDER N   a run left open, with a camera's picture and a hundred scalars, of which
//                      one or the other was set again and again: N MB of history
//   crash FOLDER N     goes on with that run: N events that only the intake has, then kill -9
//   write_array FOLDER N, mutate_array FOLDER N   a run with one array of N MB; and one element of it changed
//   read FOLDER 0      reads every event
//   materialize FOLDER 0
int do_task(const std::vector<std::string>& arguments);

}  // namespace bench
