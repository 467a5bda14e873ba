#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "daybook/journal/error.h"
#include "daybook/materializer/output_file.h"
#include "support/fresh_folder.h"

namespace {

namespace fs = std::filesystem;
using daybook::StorageError;
using daybook::detail::OutputFile;
using daybook::test::FreshFolder;
using daybook::test::read_file;
using daybook::test::write_file;

void fill(OutputFile& file, const std::string& text) {
  REQUIRE(::write(file.descriptor(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

// The number of a process that is gone.
pid_t dead_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  return child;
}

}  // namespace

TEST_CASE("an output file replaces its target on commit") {
  const FreshFolder folder;
  write_file(folder / "x.h5", "old");
  OutputFile file(folder / "x.h5");
  fill(file, "new!");
  CHECK(read_file(folder / "x.h5") == "old");
  CHECK(file.path().parent_path() == folder.path());
  CHECK(file.path().extension() == ".part");
  CHECK(file.path().filename().string().starts_with(".x.h5."));
  CHECK(file.size() == 4);
  file.commit();
  CHECK(read_file(folder / "x.h5") == "new!");
  CHECK(folder.entries() == 1);
}

TEST_CASE("an abandoned output file leaves the old one and nothing else") {
  const FreshFolder folder;
  write_file(folder / "x.h5", "old");
  {
    OutputFile file(folder / "x.h5");
    fill(file, "half");
  }
  CHECK(read_file(folder / "x.h5") == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("an output file has an ordinary new file's permissions") {
  const FreshFolder folder;
  const mode_t mask = ::umask(0027);
  {
    OutputFile file(folder / "x.h5");
    file.commit();
  }
  ::umask(mask);
  struct stat status {};
  REQUIRE(::stat((folder / "x.h5").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
}

TEST_CASE("what a killed writer left of the same target is removed, and nothing else") {
  const FreshFolder folder;
  fs::path model;
  {
    OutputFile file(folder / "x.h5");
    model = file.path();
  }
  const auto left_by = [&](pid_t pid, const std::string& target) {
    std::string name = model.filename().string();
    const std::string mine = fmt::format(".{}.", ::getpid());
    name.replace(name.find(mine), mine.size(), fmt::format(".{}.", pid));
    name.replace(1, 4, target);
    write_file(folder / name, "half");
    return folder / name;
  };
  const pid_t dead = dead_process();
  const fs::path stale = left_by(dead, "x.h5"), other = left_by(dead, "y.h5"), alive = left_by(1, "x.h5");
  {
    OutputFile file(folder / "x.h5");
    file.commit();
  }
  CHECK_FALSE(fs::exists(stale));
  CHECK(fs::exists(other));
  CHECK(fs::exists(alive));
}

TEST_CASE("two writers of one target do not disturb each other") {
  const FreshFolder folder;
  OutputFile first(folder / "x.h5"), second(folder / "x.h5");
  fill(first, "1");
  fill(second, "2");
  first.commit();
  second.commit();
  CHECK(read_file(folder / "x.h5") == "2");
}

TEST_CASE("an output file's place is checked first") {
  const FreshFolder folder;
  CHECK_THROWS_WITH(OutputFile(folder / "none" / "x.h5"),
                    Catch::Contains((folder / "none").string()) && Catch::Contains("No such file"));
  CHECK_THROWS_AS(OutputFile(folder.path()), StorageError);
  CHECK_THROWS_AS(OutputFile("/dev/null"), StorageError);
  write_file(folder / "file", "");
  CHECK_THROWS_AS(OutputFile(folder / "file" / "x.h5"), StorageError);
  CHECK(folder.entries() == 1);
}

TEST_CASE("a target that is a symbolic link is replaced where it points to") {
  const FreshFolder folder;
  fs::create_directory(folder / "disk");
  fs::create_symlink("disk/x.h5", folder / "x.h5");
  {
    OutputFile file(folder / "x.h5");
    fill(file, "new");
    file.commit();
  }
  CHECK(fs::is_symlink(folder / "x.h5"));
  CHECK(read_file(folder / "disk" / "x.h5") == "new");
}

TEST_CASE("a target's name may be as long as names can be") {
  const FreshFolder folder;
  std::string name(255, 'n');
  name.replace(252, 3, ".h5");
  {
    OutputFile file(folder / name);
    file.commit();
  }
  CHECK(fs::exists(folder / name));
}
