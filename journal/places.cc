#include "daybook/journal/places.h"

#include <pwd.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include "daybook/journal/error.h"
#include "daybook/journal/files.h"
#include "daybook/journal/journal.h"

namespace daybook {

namespace {

namespace fs = std::filesystem;

// File systems end names at 255 bytes, and to this one comes more in front and behind.
constexpr std::size_t longest_class = 200;

// The front of a name, whole characters of UTF-8 if it is that, and a hash of all of it.
std::string shortened(const std::string& name) {
  std::array<char, 17> hash{};
  const auto bits = XXH3_64bits(name.data(), name.size());
  for (std::size_t i = 0; i < 16; ++i) hash[i] = "0123456789abcdef"[bits >> (60 - 4 * i) & 15U];
  std::size_t front = longest_class - 17;
  while (front > longest_class - 20 && (static_cast<unsigned char>(name[front]) & 0xC0U) == 0x80U) --front;
  return name.substr(0, front) + "~" + hash.data();
}

fs::path of_environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody here changes it
  return value == nullptr ? fs::path() : fs::path(value);
}

fs::path home() {
  if (auto named = of_environment("HOME"); named.is_absolute()) return named;
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16384> text{};
  if (::getpwuid_r(::geteuid(), &entry, text.data(), text.size(), &found) == 0 && found != nullptr)
    if (fs::path named(entry.pw_dir); named.is_absolute()) return named;
  throw InvalidError("this user has no home folder: set DAYBOOK_STATE to a folder on a local disk");
}

// What is there of the way to a folder.
fs::path nearest_existing(fs::path folder) {
  std::error_code error;
  while (folder.has_relative_path() && !fs::exists(folder, error)) folder = folder.parent_path();
  return folder;
}

std::string network_of(const fs::path& folder) {
  return detail::network_file_system(nearest_existing(fs::absolute(folder.empty() ? "." : folder)));
}

}  // namespace

std::string journal_name(std::int64_t rid, std::string_view class_name) {
  auto digits = std::to_string(rid < 0 ? -rid : rid);
  if (digits.size() < 9) digits.insert(0, 9 - digits.size(), '0');
  // A class name is a Python identifier as a rule; anything else must not lead out of the folder, or spoil a listing.
  std::string name(class_name);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '/' || (c >= 0 && c < ' ') || c == '\x7f'; }, '_');
  if (name.size() > longest_class) name = shortened(name);
  return (rid < 0 ? "-" : "") + digits + "-" + name + ".daybook";
}

fs::path state_folder() {
  if (const auto own = of_environment("DAYBOOK_STATE"); !own.empty()) return fs::absolute(own).lexically_normal();
  const auto state = of_environment("XDG_STATE_HOME");
  return (state.is_absolute() ? state : home() / ".local" / "state") / "daybook";
}

fs::path journal_folder(const fs::path& results_folder) {
  const auto network = network_of(results_folder);
  if (network.empty()) return results_folder.empty() ? fs::path(".") : results_folder;
  auto runs = state_folder() / "runs";
  if (const auto also = network_of(runs); !also.empty()) {
    throw StorageError("the results folder '" + results_folder.string() + "' is on a network share (" + network +
                       "), and so is '" + runs.string() + "' (" + also +
                       "), where LMDB cannot keep a journal safe: set DAYBOOK_STATE to a folder on a local disk");
  }
  std::error_code error;
  fs::create_directories(runs, error);
  if (error) throw_errno("making the folder for journals '" + runs.string() + "'", error.value());
  return runs;
}

fs::path unused_journal_path(const fs::path& folder, std::int64_t rid, std::string_view class_name) {
  const fs::path first = journal_name(rid, class_name);
  for (std::uint64_t number = 1;; ++number) {
    fs::path name = first;
    if (number > 1) name.replace_extension("." + std::to_string(number) + ".daybook");
    std::error_code error;
    const auto there = fs::symlink_status(folder / name, error);
    // What cannot be looked at is not there either, or Journal::create() says what is wrong.
    if (!fs::exists(there)) return folder / name;
  }
}

}  // namespace daybook
