#include <catch2/catch.hpp>

#include "daybook/journal/error.h"
#include "daybook/materializer/layout.h"
#include "support/fresh_folder.h"

namespace {

using namespace daybook;
using test::FreshFolder;
using test::write_file;

Layout load(const std::string& text) {
  const FreshFolder folder;
  write_file(folder / "some.toml", text);
  return load_layout(folder / "some.toml", built_in_transforms());
}

// What is wrong with a layout, without the folder in front.
std::string complaint(const std::string& text) {
  const FreshFolder folder;
  write_file(folder / "some.toml", text);
  try {
    load_layout(folder / "some.toml", built_in_transforms());
  } catch (const InvalidError& e) {
    const std::string message = e.what();
    REQUIRE(message.starts_with((folder / "some.toml:").string()));
    CHECK(message.find('\n') == std::string::npos);
    return message.substr(folder.path().string().size() + 1);
  }
  return "nothing";
}

}  // namespace

TEST_CASE("a layout file is an ordered list of transforms") {
  const Layout layout = load(
      "name = \"compressed\"\n[[transform]]\nuse = \"compress\"\nlevel = 6\nkeys = [\"a*\"]\n[[transform]]\nuse = "
      "\"merge-archive\"\n");
  CHECK(layout.name == "compressed");
  REQUIRE(layout.steps.size() == 2);
  CHECK(layout.steps[0].name == "compress");
  CHECK(layout.steps[1].name == "merge-archive");
  CHECK(layout.text.starts_with("name"));
  CHECK(load("").name == "some");
  CHECK(load("").steps.empty());
}

TEST_CASE("mistakes in a layout are named with their line") {
  CHECK(complaint("naem = \"x\"\n") == "some.toml:1: unknown key \"naem\" (did you mean \"name\"?)");
  CHECK(complaint("\nname = 5\n") == "some.toml:2: name must be a string that is not empty");
  CHECK(complaint("[[transform]]\nlevel = 6\n") ==
        "some.toml:1: a transform without \"use\": name the transform, such as use = \"compress\"");
  CHECK(complaint("[[transform]]\nuse = \"compres\"\n") ==
        "some.toml:2: unknown transform \"compres\" (did you mean \"compress\"?)");
  CHECK(complaint("[[transform]]\nuse = \"rot13-all\"\n")
            .starts_with("some.toml:2: unknown transform \"rot13-all\" (known: attributes, "));
  CHECK(complaint("[[transform]]\nuse = \"compress\"\n\nlevle = 3\n") ==
        "some.toml:4: transform compress has no option \"levle\" (did you mean \"level\"?)");
  CHECK(complaint("[[transform]]\nuse = \"compress\"\nlevel = \"6\"\n") ==
        "some.toml:3: transform compress: option level must be an integer from 0 to 9");
  CHECK(complaint("[[transform]]\nuse = \"compress\"\nlevel = 10\n") ==
        "some.toml:3: transform compress: option level must be an integer from 0 to 9");
  CHECK(complaint("[[transform]]\nuse = \"compress\"\nshuffle = 1\n") ==
        "some.toml:3: transform compress: option shuffle must be true or false");
  CHECK(complaint("[[transform]]\nuse = \"compress\"\nkeys = [1]\n")
            .starts_with("some.toml:3: transform compress: option keys must be"));
  CHECK(complaint("[[transform]]\nuse = \"merge-archive\"\non-conflict = \"both\"\n") ==
        "some.toml:3: transform merge-archive: option on-conflict must be one of \"datasets\", \"archive\", \"error\"");
  CHECK(complaint("[[transform]]\nuse = \"merge-archive\"\ngroup = \"\"\n")
            .starts_with("some.toml:3: transform merge-archive: option group"));
  CHECK(complaint("transform = 1\n").starts_with("some.toml:1: transform must be a list"));
  CHECK(complaint("transform = [1]\n").starts_with("some.toml:1: transform must be a list"));
  CHECK(complaint("name = \"a\"\nname = \"b\"\n").starts_with("some.toml:2: "));
  CHECK(complaint("name = \n").starts_with("some.toml:1: "));
  CHECK_THROWS_AS(load_layout("/nonexistent/x.toml", built_in_transforms()), StorageError);
}

TEST_CASE("a registry knows each name once") {
  TransformRegistry registry = built_in_transforms();
  CHECK(registry.info("merge-archive").name == "merge-archive");
  CHECK_THROWS_AS(registry.add({.name = "compress", .summary = "", .options = {}}, nullptr), InvalidError);
  CHECK_THROWS_AS(registry.make("none", {}), UnsupportedError);
}
