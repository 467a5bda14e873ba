// Where journals go, and what they are called.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/places.h"
#include "daybook/journal/reader.h"
#include "support/fresh_folder.h"

using namespace daybook;
using namespace daybook::test;
namespace fs = std::filesystem;

namespace {

RunInfo run(const std::string& class_name) {
  RunInfo info;
  info.rid = 1;
  info.class_name = class_name;
  return info;
}

class Environment {
 public:
  Environment(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Environment() { set(before_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const std::optional<std::string>& value) const {
    if (value)
      ::setenv(name_, value->c_str(), 1);
    else
      ::unsetenv(name_);
  }
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("the state folder is where the environment says, else below the home") {
  const Environment own("DAYBOOK_STATE", "/a/../b"), xdg("XDG_STATE_HOME", "/x"), home("HOME", "/h");
  CHECK(state_folder() == "/b");
  const Environment relative("DAYBOOK_STATE", "here");
  CHECK(state_folder() == fs::current_path() / "here");
  const Environment empty("DAYBOOK_STATE", "");
  CHECK(state_folder() == "/x/daybook");
  const Environment gone("DAYBOOK_STATE", std::nullopt), odd("XDG_STATE_HOME", "not/absolute");
  CHECK(state_folder() == "/h/.local/state/daybook");
  const Environment nowhere("HOME", std::nullopt);
  CHECK(state_folder().is_absolute());  // what the system says of this user
}

TEST_CASE("journals lie beside the results on a local disk, whether or not the folder is there yet") {
  const FreshFolder folder;
  const Environment own("DAYBOOK_STATE", (folder / "state").string());
  CHECK(journal_folder(folder.path()) == folder.path());
  CHECK(journal_folder("") == ".");
  CHECK(journal_folder(folder / "2025" / "14") == folder / "2025" / "14");
  CHECK_FALSE(fs::exists(folder / "2025"));
  CHECK_FALSE(fs::exists(folder / "state"));
}

TEST_CASE("a journal never gets a name that something has") {
  const FreshFolder folder;
  const auto first = unused_journal_path(folder.path(), 42, "Scan");
  CHECK(first == folder / "000000042-Scan.daybook");
  Journal::create(first, run("Scan")).finish();
  const auto second = unused_journal_path(folder.path(), 42, "Scan");
  CHECK(second == folder / "000000042-Scan.2.daybook");
  fs::create_symlink("nowhere", second);
  CHECK(unused_journal_path(folder.path(), 42, "Scan") == folder / "000000042-Scan.3.daybook");
  CHECK(unused_journal_path(folder.path(), 42, "a.b") == folder / "000000042-a.b.daybook");
}

TEST_CASE("a run of any class can be journaled, and its journal stays in the folder") {
  const FreshFolder folder;
  std::string kana;
  for (int i = 0; i < 200; ++i) kana += "カ";
  const std::string names[] = {"",
                               ".",
                               "..",
                               "/",
                               "../../x",
                               std::string("a\0b", 3),
                               "a\nb",
                               "\x7f\x1b[31m",
                               std::string(200, 'x'),
                               kana,
                               std::string(201, 'x'),
                               std::string(5000, '.')};
  std::size_t made = 0;
  for (const auto& name : names) {
    const auto path = unused_journal_path(folder.path(), 1, name);
    CHECK(path.parent_path() == folder.path());
    auto journal = Journal::create(path, run(name));
    journal.set("x", 1);
    journal.finish();
    CHECK(folder.entries() == ++made);
    CHECK(Reader(path).info().class_name == name);
    for (const char c : path.filename().string()) CHECK((c < 0 || (c >= ' ' && c != '\x7f')));
  }
  CHECK(journal_name(1, kana).size() == 10 + 183 + 17 + 8);
  CHECK(journal_name(1, std::string(201, 'x')) != journal_name(1, std::string(202, 'x')));
}
