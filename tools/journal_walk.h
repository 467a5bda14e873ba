#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace daybook {

// A journal, or a folder that could not be looked into (then with the reason).
struct FoundJournal {
  std::filesystem::path path;
  std::filesystem::path below;  // its folder, as seen from the one that was searched; empty: that one itself
  std::string error;
};

// True for a folder that is no journal itself: one to look into.
bool is_folder_of_journals(const std::filesystem::path& path);

// What is named: a journal (or what passes for one) is itself; of a folder all journals in it and below, sorted.
std::vector<FoundJournal> find_journals(const std::string& named);

}  // namespace daybook
