#include "tools/journal_walk.h"

#include <algorithm>

#include "daybook/journal/reader.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

void walk(const fs::path& folder, const fs::path& below, std::vector<FoundJournal>& found) {
  std::error_code error;
  std::vector<fs::path> inside;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    // Links are not followed, so that a loop of them cannot be walked for ever. A file with a journal's name is shown.
    const bool named_so = entry->path().extension() == ".daybook";
    if (entry->is_symlink(ignored) ? named_so : (named_so || entry->is_directory(ignored)))
      inside.push_back(entry->path());
  }
  std::sort(inside.begin(), inside.end());
  for (const fs::path& path : inside) {
    if (looks_like_journal(path) || path.extension() == ".daybook")
      found.push_back({path, below, ""});
    else
      walk(path, below / path.filename(), found);
  }
  if (error) found.push_back({folder, below, error.message()});
}

}  // namespace

bool is_folder_of_journals(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error) && !fs::exists(path / "data.mdb", error) && path.extension() != ".daybook" &&
         !looks_like_journal(path);
}

std::vector<FoundJournal> find_journals(const std::string& named) {
  std::error_code error;
  if (!fs::exists(fs::status(named, error))) return {{named, {}, "there is nothing of this name"}};
  if (!is_folder_of_journals(named)) return {{named, {}, ""}};
  std::vector<FoundJournal> found;
  walk(named, {}, found);
  return found;
}

}  // namespace daybook
