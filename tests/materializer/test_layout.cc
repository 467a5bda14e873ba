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
  CHECK(layout.text.starts_with("# some.toml\nname"));
  CHECK(layout.steps[1].where.ends_with("/some.toml:6"));
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

TEST_CASE("a layout file includes others, once, before its own transforms") {
  const FreshFolder folder;
  std::filesystem::create_directory(folder / "sub");
  write_file(folder / "base.toml", "name = \"base\"\n[[transform]]\nuse = \"compress\"\nlevel = 1");
  write_file(folder / "sub/more.toml", "include = \"../base.toml\"\n[[transform]]\nuse = \"compress\"\nlevel = 2\n");
  write_file(folder / "lab.toml",
             "include = [\"base.toml\", \"sub/more.toml\"]\n\n[[transform]]\nuse = \"merge-archive\"\n");
  const Layout layout = load_layout(folder / "lab.toml", built_in_transforms());
  CHECK(layout.name == "lab");
  REQUIRE(layout.steps.size() == 3);
  CHECK(layout.steps[0].options.at("level") == OptionValue(1));
  CHECK(layout.steps[1].options.at("level") == OptionValue(2));
  CHECK(layout.steps[1].where == (folder / "sub/more.toml:2").string());
  CHECK(layout.text ==
        "# base.toml\nname = \"base\"\n[[transform]]\nuse = \"compress\"\nlevel = 1\n"
        "# sub/more.toml\ninclude = \"../base.toml\"\n[[transform]]\nuse = \"compress\"\nlevel = 2\n"
        "# lab.toml\ninclude = [\"base.toml\", \"sub/more.toml\"]\n\n[[transform]]\nuse = \"merge-archive\"\n");
  // By an absolute name and from elsewhere it is the same layout.
  const FreshFolder other;
  std::filesystem::create_directory(other / "sub");
  for (const char* name : {"base.toml", "sub/more.toml", "lab.toml"})
    std::filesystem::copy_file(folder / name, other / name);
  CHECK(load_layout(other / "lab.toml", built_in_transforms()).digest() == layout.digest());
}

TEST_CASE("a fault about an include names the line that says it") {
  const FreshFolder folder;
  const auto fault = [&](const std::string& text) {
    write_file(folder / "lab.toml", text);
    try {
      load_layout(folder / "lab.toml", built_in_transforms());
    } catch (const InvalidError& e) {
      std::string message = e.what();
      const std::string prefix = folder.path().string() + "/";
      for (std::size_t at; (at = message.find(prefix)) != std::string::npos;) message.erase(at, prefix.size());
      return message;
    }
    return std::string("nothing");
  };
  write_file(folder / "bad.toml", "\n[[transform]]\nuse = \"compres\"\n");
  write_file(folder / "loop.toml", "include = \"lab.toml\"\n");
  CHECK(fault("\ninclude = [\"bad.toml\"]\n") ==
        "bad.toml:3: unknown transform \"compres\" (did you mean \"compress\"?) (included by lab.toml:2)");
  CHECK(fault("include = [\n  \"missing.toml\",\n]\n") ==
        "lab.toml:2: include \"missing.toml\": open layout missing.toml: No such file or directory");
  CHECK(fault("include = \"loop.toml\"\n") ==
        "loop.toml:1: include \"lab.toml\": this file is being read already: files that include each other have no end "
        "(included by lab.toml:1)");
  CHECK(fault("include = \"lab.toml\"\n").starts_with("lab.toml:1: include \"lab.toml\": this file is being read"));
  CHECK(fault("include = 5\n").starts_with("lab.toml:1: include must be a file's name"));
  CHECK(fault("include = [\"\"]\n").starts_with("lab.toml:1: include must be a file's name"));
  CHECK(fault("include = [\"a\\u0000b\"]\n").starts_with("lab.toml:1: include must be a file's name"));
  CHECK(fault("incldue = \"a\"\n") == "lab.toml:1: unknown key \"incldue\" (did you mean \"include\"?)");
  CHECK(fault("include = \".\"\n").find("it is a folder, not a file") != std::string::npos);
  for (int i = 0; i < 20; ++i)
    write_file(folder / ("deep" + std::to_string(i) + ".toml"),
               "include = \"deep" + std::to_string(i + 1) + ".toml\"\n");
  CHECK(fault("include = \"deep0.toml\"\n").find("more than 16 files within each other") != std::string::npos);
  write_file(folder / "huge.toml", std::string(2 << 20, '#'));
  CHECK(fault("include = \"huge.toml\"\n").starts_with("huge.toml:1: this is no layout"));
}

TEST_CASE("a layout from tables is one from a file") {
  const TransformRegistry registry = built_in_transforms();
  const OptionList tables = {
      OptionTable{{"use", std::string("compress")}, {"level", 6}, {"keys", OptionList{std::string("a\"\x01\\x")}}},
      OptionTable{{"use", std::string("merge-archive")}}};
  const Layout layout = layout_from_options(tables, registry, "mine");
  CHECK(layout.name == "mine");
  const FreshFolder folder;
  write_file(folder / "mine.toml", layout.text);
  const Layout again = load_layout(folder / "mine.toml", registry);
  REQUIRE(again.steps.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(again.steps[i].name == layout.steps[i].name);
    CHECK(again.steps[i].options == layout.steps[i].options);
  }
  const auto fault = [&](OptionList wrong) {
    try {
      layout_from_options(wrong, registry, "mine");
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("nothing");
  };
  CHECK(fault({tables[1], OptionTable{{"use", std::string("compress")}, {"levle", 6}}}) ==
        "layout mine: transform 2 (compress): transform compress has no option \"levle\" (did you mean \"level\"?)");
  CHECK(fault({OptionTable{{"use", std::string("compres")}}}) ==
        "layout mine: transform 1 (compres): unknown transform \"compres\" (did you mean \"compress\"?)");
  CHECK(fault({OptionTable{{"level", 6}}}).starts_with("layout mine: transform 1: has no \"use\""));
  CHECK(fault({OptionTable{{"use", 6}}}).starts_with("layout mine: transform 1: use must be a string"));
  CHECK(fault({5}).starts_with("layout mine: transform 1: must be a table"));
  CHECK(layout_from_options({}, registry, "mine").steps.empty());
}

TEST_CASE("layouts are composed in order") {
  const Layout both =
      compose(load("[[transform]]\nuse = \"compress\""), load("[[transform]]\nuse = \"merge-archive\"\n"));
  CHECK(both.name == "some+some");
  CHECK(both.steps.size() == 2);
  CHECK(describe_step(both, 1).starts_with("transform 2 (merge-archive, "));
  CHECK(both.text.find("\"compress\"\n# some.toml\n[[transform]]") != std::string::npos);
  CHECK(compose(Layout(), load("name = \"x\"")).name == "x");
}

TEST_CASE("a registry knows each name once") {
  TransformRegistry registry = built_in_transforms();
  CHECK(registry.info("merge-archive").name == "merge-archive");
  CHECK_THROWS_AS(registry.add({.name = "compress", .summary = "", .options = {}}, nullptr), InvalidError);
  CHECK_THROWS_AS(registry.make("none", {}), UnsupportedError);
}
