#include <dlfcn.h>

#include <catch2/catch.hpp>

#include "daybook/journal/error.h"
#include "daybook/materializer/layout.h"
#include "daybook/materializer/plugin.h"
#include "support/fresh_folder.h"

namespace {

using namespace daybook;
using test::FreshFolder;
using test::write_file;

const std::filesystem::path plugins = DAYBOOK_TEST_PLUGINS;

std::string complaint(const std::filesystem::path& library) {
  TransformRegistry registry = built_in_transforms();
  const auto before = registry.names();
  try {
    load_plugin(library, registry);
  } catch (const Error& e) {
    CHECK(registry.names() == before);
    const std::string message = e.what();
    const std::string start = "load plug-in " + library.string() + ": ";
    CHECK(message.find('\n') == std::string::npos);
    REQUIRE(message.starts_with(start));
    return message.substr(start.size());
  }
  return "nothing";
}

TransformRegistry with_edits() {
  TransformRegistry registry = built_in_transforms();
  load_plugin(plugins / "edits.so", registry);
  return registry;
}

Node state_node(Group group, const std::string& key) {
  DatasetState state;
  state.group = group;
  state.key = key;
  return {.path = (group == Group::archive ? "/archive/" : "/datasets/") + key,
          .source = state,
          .form = AsDataset{},
          .attributes = {}};
}

const double numbers[] = {1, 2, 3, 4, 5, 6};
const std::string_view words[] = {"one", "two"};

Plan example() {
  Plan plan;
  plan.nodes = {{.path = "/", .source = {}, .form = AsGroup{}, .attributes = {{"x", Value(1.5)}}, .fixed = true},
                {.path = "/matrix", .source = Value::array(numbers, {2, 3}), .form = AsDataset{}, .attributes = {}},
                {.path = "/words", .source = Value::strings({2}, words), .form = AsDataset{}, .attributes = {}},
                {.path = "/scale", .source = Value(7), .form = AsAttribute{"/matrix", "scale"}, .attributes = {}},
                state_node(Group::datasets, "a"),
                state_node(Group::archive, "b")};
  return plan;
}

using Options = TransformOptions;

Plan edited(Options options, const std::string& name = "edit") {
  Plan plan = example();
  with_edits().make(name, options)(plan);  // the registry is gone by then
  return plan;
}

std::string failure(Options options, const std::string& name = "edit") {
  try {
    edited(std::move(options), name);
  } catch (const InvalidError& e) {
    return e.what();
  }
  return "nothing";
}

std::string line_of(const Plan& plan, const std::string& path) {
  const std::string text = to_text(plan);
  const std::size_t start = text.find("\n" + path + "  ") + 1;
  return text.substr(start, text.find('\n', start) - start);
}

}  // namespace

TEST_CASE("a library that is no plug-in of this version is refused with the reason") {
  const FreshFolder folder;
  write_file(folder / "text.so", "no library");
  CHECK(complaint(folder / "missing.so").starts_with("No such file"));
  CHECK(complaint(folder / "text.so").starts_with("it cannot be loaded"));
  CHECK(complaint(folder.path()) == "it is a folder, not a shared library");
  CHECK(complaint(plugins / "wrong_no_entry.so").find("no function daybook_plugin_register") != std::string::npos);
  CHECK(complaint(plugins / "wrong_abi.so")
            .find("for version 77 of the plug-in interface, and this Daybook has version 1") != std::string::npos);
  CHECK(complaint(plugins / "wrong_default.so") ==
        "transform \"good\": option \"level\": its default is wrong: transform good: option level must be an integer "
        "from 0 "
        "to 9");
  CHECK(complaint(plugins / "wrong_taken.so") == "the name of its transform \"compress\" is taken");
  CHECK(complaint(plugins / "wrong_name.so").starts_with("a transform is called \"../evil\""));
  CHECK(complaint(plugins / "wrong_none.so") == "it registers no transform");
  CHECK(complaint(plugins / "wrong_refuses.so") == "no licence");
  TransformRegistry registry = with_edits();
  CHECK_THROWS_AS(load_plugin(plugins / "edits.so", registry), InvalidError);
}

TEST_CASE("a plug-in's transforms are described and checked like all others") {
  const TransformRegistry registry = with_edits();
  CHECK(registry.info("edit").summary == "One edit.");
  CHECK(registry.info("edit").options.size() == 5);
  CHECK(registry.info("edit-selected").options.size() == 5 + selection_options().size());
  CHECK_THROWS_AS(registry.make("edit", {}), OptionError);
  CHECK_THROWS_AS(registry.make("edit", {{"what", 1}}), OptionError);
  CHECK_THROWS_AS(registry.make("edit", {{"what", std::string("nothing")}, {"keys", std::string("*")}}), OptionError);
  CHECK_THROWS_WITH(registry.make("edit", {{"what", std::string("refuse")}}),
                    "transform edit: option what: this one is not liked");
  CHECK_THROWS_WITH(registry.make("edit", {{"what", std::string("early")}}),
                    "transform edit: the plug-in asks for the plan outside of apply()");
}

TEST_CASE("a plug-in sees the nodes and its options") {
  CHECK(failure({{"what", "tell"}, {"at", "/"}}) ==
        "path / key - group -1 form 2 origin default type - rank -1 count -1 attributes 1 x=1.5");
  CHECK(failure({{"what", "tell"}, {"at", "/matrix"}}) ==
        "path /matrix key - group -1 form 0 origin default type <f8 rank 2 count 6 attributes 0 -=0");
  CHECK(failure({{"what", "tell"}, {"at", "/archive/b"}}) ==
        "path /archive/b key b group 1 form 0 origin default type - rank -1 count -1 attributes 0 -=0");
  CHECK(failure({{"what", "options"}, {"table", OptionTable{{"a", 1}, {"b", true}, {"c", std::string("µ")}}}}) ==
        "a:1:1: b:0:1: c:3:0:µ ");
  CHECK(failure({{"what", "ask"}}) == "the plug-in asks for an option that it has not described: \"no such option\"");
  CHECK(failure({{"what", "value"}}) == "the plug-in asks for a value where there is none");
  CHECK(failure({{"what", "tell"}, {"at", "/nothing"}}).starts_with("path"));
}

TEST_CASE("a plug-in's edits are edits like all others") {
  CHECK(to_text(edited({{"what", "nothing"}})) == to_text(example()));
  CHECK(to_text(edited({{"what", "forgive"}, {"at", "/matrix"}})) == to_text(example()));
  Plan plan = edited({{"what", "move"}, {"at", "/matrix"}, {"text", "//in/a//b"}});
  CHECK(line_of(plan, "/in/a/b") == "/in/a/b  dataset <- <f8 (2, 3)  [edit]");
  CHECK(std::get<AsAttribute>(plan.nodes[3].form).object == "/in/a/b");
  CHECK(line_of(edited({{"what", "chunk"}, {"at", "/matrix"}, {"numbers", OptionList{1, 3}}}), "/matrix") ==
        "/matrix  dataset chunks (1, 3) <- <f8 (2, 3)  [default, edit]");
  CHECK(line_of(edited({{"what", "filter"}, {"at", "/matrix"}, {"numbers", OptionList{32000}}}), "/matrix") ==
        "/matrix  dataset some 7 <- <f8 (2, 3)  [default, edit]");
  CHECK(line_of(edited({{"what", "attribute"}, {"at", "/matrix"}, {"text", "n"}}), "/matrix") ==
        "/matrix  dataset <- <f8 (2, 3)  @\"n\": <f8  [default, edit]");
  CHECK(edited({{"what", "attribute"}, {"at", "/"}, {"text", "x"}}).nodes[0].attributes ==
        std::vector<std::pair<std::string, Value>>{{"x", Value(2.5)}});
  CHECK(line_of(edited({{"what", "make attribute"}, {"at", "/words"}, {"text", "/matrix"}}), "/words") ==
        "/words  attribute \"it\" of /matrix <- str (2)  [edit]");
  CHECK(line_of(edited({{"what", "omit"}, {"at", "/datasets/a"}, {"text", "too many"}}, "edit-selected"),
                "/datasets/a") == "/datasets/a  omitted (too many) <- dataset \"a\" as of event 0  [edit-selected]");
  plan = edited({{"what", "add"}, {"text", "/new"}});
  const std::uint32_t expected[] = {5, 6};
  CHECK(std::get<Value>(plan.nodes.back().source) == Value::array(expected, {1, 2}));
  CHECK(plan.nodes.back().attributes.size() == 1);
  CHECK(plan.nodes.back().origin == "edit");
  const std::string_view texts[] = {"a", "µ"};
  CHECK(std::get<Value>(edited({{"what", "add texts"}, {"text", "/new"}}).nodes.back().source) ==
        Value::strings({2}, texts));
}

TEST_CASE("a plug-in's wrong edits fail with the reason") {
  CHECK(failure({{"what", "fail"}, {"text", "because"}}) == "because");
  CHECK(failure({{"what", "fail silently"}}) == "the plug-in failed without saying why");
  CHECK(failure({{"what", "move"}, {"at", "/matrix"}, {"text", "a"}}).starts_with("the path \"a\" must be absolute"));
  CHECK(failure({{"what", "move"}, {"at", "/matrix"}, {"text", "/"}}).find("leaves no name") != std::string::npos);
  CHECK(failure({{"what", "move"}, {"at", "/matrix"}, {"text", ""}}) == "the plug-in gives no path");
  CHECK(failure({{"what", "move"}, {"at", "/matrix"}, {"text", "/\xff"}}) ==
        "the plug-in gives a path that is not UTF-8");
  CHECK(failure({{"what", "move"}, {"at", "/"}, {"text", "/a"}}) == "the plug-in moves the root");
  CHECK(failure({{"what", "move"}, {"at", "/nowhere"}, {"text", "/a"}}).starts_with("the plug-in asks for node"));
  CHECK(failure({{"what", "omit"}, {"at", "/matrix"}, {"text", "x"}}) ==
        "the plug-in omits /matrix, but does not say of its transform that it omits");
  CHECK(failure({{"what", "omit"}, {"at", "/matrix"}, {"text", "x"}}, "edit-selected") ==
        "the plug-in edits /matrix, for which the transform is not selected");
  CHECK(failure({{"what", "omit"}, {"at", "/archive/b"}, {"text", "x"}, {"keys", "a"}}, "edit-selected") ==
        "the plug-in edits /archive/b, for which the transform is not selected");
  CHECK(failure({{"what", "chunk"}, {"at", "/matrix"}, {"numbers", OptionList{3}}}) ==
        "/matrix: chunks of 1 dimensions for a value of 2");
  CHECK(failure({{"what", "chunk"}, {"at", "/matrix"}, {"numbers", OptionList{1, 0}}}) ==
        "/matrix: a chunk's extent must not be 0");
  CHECK(failure({{"what", "chunk"}, {"at", "/matrix"}, {"numbers", OptionList{1, 600000000}}}) ==
        "/matrix: a chunk must have less than 4 GiB");
  CHECK(failure({{"what", "chunk"}, {"at", "/"}, {"numbers", OptionList{1}}}) ==
        "/ is no dataset by now: it has no chunks and filters");
  CHECK(failure({{"what", "filter"}, {"at", "/matrix"}, {"numbers", OptionList{70000}}}) ==
        "/matrix: 70000 is no filter's number: they go from 1 to 65535");
  CHECK(failure({{"what", "attribute"}, {"at", "/scale"}, {"text", "n"}}) ==
        "/scale is no object of its own by now: it has no attributes");
  CHECK(failure({{"what", "make attribute"}, {"at", "/"}, {"text", "/matrix"}}) ==
        "/ has no value: it cannot be an attribute");
  CHECK(failure({{"what", "add type"}, {"text", "<q9"}}).starts_with("add dataset /x: \"<q9\" is no type"));
  CHECK(failure({{"what", "become custom"}, {"at", "/"}}) == "/ is no object that can be written in another way");
}

TEST_CASE("a plug-in's custom node reads the value, and its library stays") {
  Plan plan = edited({{"what", "custom"}, {"at", "/matrix"}, {"text", "/sum"}});
  CHECK(line_of(plan, "/sum") == "/sum  custom: sum <- <f8 (2, 3)  [edit]");
  const StoredValue matrix = to_stored(std::get<Value>(plan.nodes[1].source));
  const StoredValue text = to_stored(std::get<Value>(plan.nodes[2].source));
  const Custom custom = std::get<Custom>(plan.nodes.back().form);
  CHECK_THROWS_WITH(custom.write(5, "/sum", &matrix), "/sum in 5: 2 dimensions, sum 21, scale /sum, user mine");
  CHECK_THROWS_WITH(custom.write(5, "/sum", &text), "/sum: one and two of type str");
  CHECK_THROWS_WITH(custom.write(5, "/sum", nullptr), "the plug-in asks for a value where there is none");
  const Plan beyond = edited({{"what", "become custom"}, {"at", "/matrix"}});
  CHECK_THROWS_WITH(std::get<Custom>(beyond.nodes[1].form).write(5, "/x", &matrix),
                    "the plug-in reads elements 1000 to 1001 of 6");
  CHECK(failure({{"what", "custom"}, {"at", "/matrix"}, {"text", "sum"}}).starts_with("the path"));
}

TEST_CASE("what a plug-in made for a custom node is released once, after the last copy of the plan") {
  void* const library = dlopen((plugins / "edits.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  REQUIRE(library != nullptr);
  const auto released = reinterpret_cast<int (*)()>(dlsym(library, "times_released"));
  const int before = released();
  {
    Plan copy;
    {
      const Plan plan = edited({{"what", "custom"}, {"at", "/matrix"}, {"text", "/sum"}});
      copy = plan;
    }
    CHECK(released() == before);
    CHECK(failure({{"what", "custom"}, {"at", "/matrix"}, {"text", "no path"}}) != "nothing");
    CHECK(released() == before);
  }
  CHECK(released() == before + 1);
  dlclose(library);
}

TEST_CASE("a failure at apply time names layout, transform, file and line") {
  const FreshFolder folder;
  write_file(folder / "lab.toml",
             "[[transform]]\nuse = \"merge-archive\"\n\n[[transform]]\nuse = \"edit\"\nwhat = \"tell\"\n");
  const Layout layout = load_layout(folder / "lab.toml", with_edits());
  CHECK(layout.steps[1].where == (folder / "lab.toml:4").string());
  CHECK(describe_step(layout, 1) == "transform 2 (edit, " + (folder / "lab.toml:4").string() + ")");
}
