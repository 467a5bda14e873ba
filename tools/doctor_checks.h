#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "daybook/materializer/recover_run.h"

namespace daybook {

// error: data is at stake, or a run's file is missing; warning: it will be; note: good to know.
enum class Severity : std::uint8_t { note, warning, error };

struct Finding {
  Severity severity = Severity::note;
  std::string kind;  // one word, for scripts
  std::string path;
  std::string what;
  std::string to_type;  // a command; empty if there is none
};

// One journal, in a process of its own: a damaged one can end its reader. Sets `bytes_to_come` to what recovering the run
// and making its file may take.
std::vector<Finding> examine_journal(const std::filesystem::path& journal, const TransformRegistry& registry,
                                     std::uint64_t& bytes_to_come);

// Of a folder itself: on a network, not enough room for what is to come.
std::vector<Finding> examine_folder(const std::filesystem::path& folder, std::uint64_t bytes_to_come);

// What dead processes of this machine left half-made in a folder and all below.
std::vector<Finding> find_leftovers(const std::filesystem::path& folder);

// Folders on one file system have one number.
std::uint64_t device_of(const std::filesystem::path& folder);

const char* severity_name(Severity severity);

}  // namespace daybook
