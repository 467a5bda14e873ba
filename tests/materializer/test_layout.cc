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

Node of(Group group, const std::string& key) {
  DatasetState state;
  state.group = group;
  state.key = key;
  return {.path = (group == Group::archive ? "/archive/" : "/datasets/") + key,
          .source = state,
          .form = AsDataset{},
          .attributes = {}};
}

Node group(const std::string& path) {
  return {.path = path, .source = {}, .form = AsGroup{}, .attributes = {}, .fixed = true};
}

Plan example() {
  Plan plan;
  plan.nodes = {group("/"),        group("/datasets"),         of(Group::datasets, "a"), of(Group::datasets, "both"),
                group("/archive"), of(Group::archive, "both"), of(Group::archive, "z/y")};
  return plan;
}

std::vector<std::string> paths(const Plan& plan) {
  std::vector<std::string> out;
  for (const Node& node : plan.nodes)
    if (!std::holds_alternative<Omitted>(node.form)) out.push_back(node.path);
  return out;
}

Plan merged(const TransformOptions& options) {
  Plan plan = example();
  built_in_transforms().make("merge-archive", options)(plan);
  return plan;
}

using Paths = std::vector<std::string>;

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
  CHECK(complaint("[[transform]]\nuse = \"rot13-all\"\n") ==
        "some.toml:2: unknown transform \"rot13-all\" (known: cast, compress, history, merge-archive)");
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
  const std::vector<std::string> names = registry.names();
  for (const char* name : {"cast", "compress", "history", "merge-archive"})
    CHECK(std::count(names.begin(), names.end(), name) == 1);
  CHECK_THROWS_AS(registry.add({.name = "compress", .summary = "", .options = {}}, nullptr), InvalidError);
  CHECK_THROWS_AS(registry.make("none", {}), UnsupportedError);
}

TEST_CASE("every built-in transform keeps what it does not speak of, twice, and refuses unknown options") {
  const TransformRegistry registry = built_in_transforms();
  std::map<std::string, TransformOptions> needed = {{"cast", {{"to", std::string("float32")}}},
                                                    {"history", {{"keys", std::string("*")}}}};
  for (const std::string& name : registry.names()) {
    INFO(name);
    CHECK_THROWS_AS(registry.make(name, {{"no-such-option", true}}), InvalidError);
    Plan plan = example();
    plan.nodes.push_back(
        {.path = "/rid", .source = Value(5), .form = AsDataset{}, .attributes = {{"x", Value(1)}}, .fixed = true});
    const Transform transform = registry.make(name, needed[name]);
    transform(plan);
    const std::string once = to_text(plan);
    CHECK(once.find("/rid  dataset <- ") != std::string::npos);
    for (const char* key : {"dataset \"a\"", "dataset \"both\"", "archived \"z/y\""})
      CHECK(once.find(key) != std::string::npos);
    Plan again = example();
    again.nodes.push_back(plan.nodes.back());
    transform(again);
    CHECK(to_text(again) == once);
  }
}

TEST_CASE("merge-archive leaves one group") {
  CHECK(paths(merged({})) == Paths{"/", "/datasets", "/datasets/a", "/datasets/both", "/datasets/z/y"});
  CHECK(paths(merged({{"group", std::string("all/here")}})) ==
        Paths{"/", "/all/here", "/all/here/a", "/all/here/both", "/all/here/z/y"});
  CHECK(paths(merged({{"group", std::string("/")}})) == Paths{"/", "/a", "/both", "/z/y"});
  CHECK(paths(merged({{"group", std::string("archive")}})) ==
        Paths{"/", "/archive/a", "/archive/both", "/archive", "/archive/z/y"});
  CHECK(paths(merged({{"group", std::string("datasets/sub")}})) ==
        Paths{"/", "/datasets/sub", "/datasets/sub/a", "/datasets/sub/both", "/datasets/sub/z/y"});
}

TEST_CASE("merge-archive keeps the one of two values that it is told to") {
  Plan plan = merged({{"on-conflict", std::string("archive")}});
  CHECK(plan.find("/datasets/both")->state()->group == Group::archive);
  plan = merged({});
  CHECK(plan.find("/datasets/both")->state()->group == Group::datasets);
  CHECK_THROWS_AS(merged({{"on-conflict", std::string("error")}}), InvalidError);
}
