#include <catch2/catch.hpp>

#include "daybook/journal/error.h"
#include "daybook/materializer/node_value.h"
#include "daybook/materializer/object_path.h"
#include "daybook/materializer/plan.h"

namespace {

using namespace daybook;
using detail::object_path;

Node dataset(std::string key) {
  DatasetState state;
  state.key = key;
  return {.path = object_path("/datasets", key), .source = state, .form = AsDataset{}, .attributes = {}};
}

Node fixed(std::string path, NodeForm form) {
  return {.path = std::move(path), .source = Value(1), .form = std::move(form), .attributes = {}, .fixed = true};
}

// The keys that are refused, in order.
std::vector<std::string> refused(std::vector<std::string> keys) {
  Plan plan;
  for (const std::string& key : keys) plan.nodes.push_back(dataset(key));
  plan.nodes.push_back(fixed("/datasets", AsGroup{}));
  plan.nodes.push_back(fixed("/archive", AsGroup{}));
  plan.nodes.push_back(fixed("/rid", AsDataset{}));
  settle(plan);
  std::vector<std::string> out;
  for (const Node& node : plan.nodes)
    if (std::holds_alternative<Refused>(node.form)) {
      REQUIRE(node.state() != nullptr);
      CHECK_FALSE(std::get<Refused>(node.form).reason.empty());
      out.push_back(node.state()->key);
    }
  return out;
}

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("keys become paths by HDF5's rules") {
  CHECK(object_path("/datasets", "a") == "/datasets/a");
  CHECK(object_path("/datasets", "a//b") == "/datasets/a/b");
  CHECK(object_path("/datasets", "a/./b") == "/datasets/a/b");
  CHECK(object_path("/datasets", "a/") == "/datasets/a");
  CHECK(object_path("/datasets", "..") == "/datasets/..");
  CHECK(object_path("/datasets", "/abs") == "/abs");
  CHECK(object_path("/datasets", std::string("a\0b", 3)) == "/datasets/a");
  CHECK(object_path("/", "a") == "/a");
  CHECK(object_path("/datasets", "µ/Ω 😀") == "/datasets/µ/Ω 😀");
  for (const std::string& key :
       {std::string(), std::string("."), std::string("/"), std::string("//."), std::string("\0x", 2),
        std::string("\xed\xa0\x80"), std::string("\xff"), std::string("\xc0\x80")})
    CHECK_THROWS_AS(object_path("/datasets", key), InvalidError);
}

TEST_CASE("UTF-8 is told from what is not") {
  CHECK(detail::is_utf8(
      "plain \x7f \xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"));
  for (const char* bad : {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xc3("})
    CHECK_FALSE(detail::is_utf8(bad));
}

TEST_CASE("of two datasets at one place the first is written") {
  CHECK(refused({"a", "b", "c/d", "c/e"}).empty());
  CHECK(refused({"a", "a/b", "z"}) == Keys{"a/b"});
  CHECK(refused({"a/b", "a"}) == Keys{"a"});
  CHECK(refused({"a/b/c/d", "a/b"}) == Keys{"a/b"});
  CHECK(refused({"a/b", "a//b", "a/./b"}) == Keys{"a//b", "a/./b"});
  CHECK(refused({"a", "a/b/c", "a/d"}) == Keys{"a/b/c", "a/d"});
  CHECK(refused({"x", "/datasets/x"}) == Keys{"/datasets/x"});
  CHECK(refused({"ab", "a/b"}).empty());
}

TEST_CASE("the file's own objects win over datasets") {
  CHECK(refused({"/rid", "/archive", "/datasets", "/rid/x", "/other"}) ==
        Keys{"/rid", "/archive", "/datasets", "/rid/x"});
}

TEST_CASE("a refused dataset does not hold its place against others") {
  CHECK(refused({"a", "a/b", "a/b/c"}) == Keys{"a/b", "a/b/c"});
  CHECK(refused({"/rid/x/y", "/rid/x"}) == Keys{"/rid/x/y", "/rid/x"});
}

TEST_CASE("settling says who is in the way") {
  Plan plan;
  plan.nodes = {dataset("a"), dataset("a/b"), dataset("a//")};
  settle(plan);
  CHECK(std::get<Refused>(plan.nodes[1].form).reason ==
        "no place at /datasets/a/b: /datasets/a is no group but dataset \"a\"");
  CHECK(std::get<Refused>(plan.nodes[2].form).reason == "no place at /datasets/a: taken by dataset \"a\"");
}

TEST_CASE("keys that are in each other's way stay the run's own fault wherever a transform puts them") {
  Plan plan;
  plan.nodes = {dataset("a"), dataset("a/b"), dataset("c")};
  move_subtree(plan, "/datasets", "/all");
  for (Node& node : plan.nodes) node.origin = "move";
  settle(plan);
  CHECK(std::holds_alternative<Refused>(plan.nodes[1].form));
  plan.nodes[2].path = "/all/a";
  CHECK_THROWS_WITH(settle(plan), Catch::Contains("dataset \"c\" at /all/a (by move)") &&
                                      Catch::Contains("dataset \"a\" at /all/a (by move)"));
}

TEST_CASE("two attributes or fields of one name are a conflict that names both") {
  const auto conflict = [](NodeForm owner, const NodeForm& part, bool metadata) {
    Plan plan;
    plan.nodes = {fixed("/x", std::move(owner)), dataset("a"), dataset("b")};
    if (metadata) plan.nodes[0].attributes = {{"n", Value(1)}};
    for (const std::size_t i : {1, 2}) {
      plan.nodes[i].form = part;
      plan.nodes[i].origin = "some-transform";
    }
    if (metadata) plan.nodes.pop_back();
    settle(plan);
  };
  CHECK_THROWS_WITH(
      conflict(AsDataset{}, AsAttribute{"/x", "n"}, false),
      "dataset \"b\" at /datasets/b (by some-transform) is to be the attribute \"n\" of /x, but there is one "
      "already: dataset \"a\" at /datasets/a (by some-transform)");
  CHECK_THROWS_WITH(conflict(AsDataset{}, AsAttribute{"/x", "n"}, true), Catch::Contains("the file's own /x at /x"));
  CHECK_THROWS_WITH(conflict(AsTable{}, AsField{"/x", "n"}, false), Catch::Contains("the field \"n\" of /x"));
  CHECK_THROWS_WITH(conflict(AsGroup{}, AsField{"/x", "n"}, false), Catch::Contains("is no table"));
}

TEST_CASE("a subtree moves with what points into it") {
  Plan plan;
  plan.nodes = {dataset("a"), dataset("/datasetsx"), fixed("/datasets", AsGroup{}),
                fixed("/l", AsLink{.target = "/datasets/a", .file = {}}), fixed("/t", AsAttribute{"/datasets/a", "t"})};
  move_subtree(plan, "/datasets", "/run/all");
  CHECK(plan.nodes[0].path == "/run/all/a");
  CHECK(plan.nodes[1].path == "/datasetsx");
  CHECK(plan.nodes[2].path == "/run/all");
  CHECK(std::get<AsLink>(plan.nodes[3].form).target == "/run/all/a");
  CHECK(std::get<AsAttribute>(plan.nodes[4].form).object == "/run/all/a");
  move_subtree(plan, "/run/all", "/");
  CHECK(plan.nodes[0].path == "/a");
  CHECK(plan.nodes[2].path == "/");
  move_subtree(plan, "/", "/deep");
  CHECK(plan.nodes[0].path == "/deep/a");
  CHECK(plan.nodes[2].path == "/deep");
}

TEST_CASE("globs match keys, also across slashes") {
  CHECK(matches_any({"a*"}, "a/b/c"));
  CHECK(matches_any({"x", "*.b"}, "a.b"));
  CHECK_FALSE(matches_any({"x", "?"}, "ab"));
  CHECK_FALSE(matches_any({}, "a"));
}

TEST_CASE("a plan can be printed") {
  Plan plan;
  plan.as_of = 7;
  plan.nodes = {
      dataset("line\nend"),
      fixed("/rid", AsDataset{{.filters = {{2, "shuffle", {}}, {1, "gzip", {6}}}, .chunk = {2, 3}, .fill_value = {}}})};
  plan.nodes[0].attributes = {{"unit", Value("V")}};
  const std::string text = to_text(plan);
  CHECK(text.find("plan as of event 7\n") == 0);
  CHECK(text.find("/datasets/line\\x0aend  dataset <- dataset \"line\\x0aend\" as of event 0  @\"unit\"") !=
        std::string::npos);
  CHECK(text.find("/rid  dataset chunks (2, 3) shuffle gzip 6 <- ") != std::string::npos);
  CHECK(std::count(text.begin(), text.end(), '\n') == 3);
}

TEST_CASE("a constant's form in the file is known without writing it") {
  Plan plan;
  const double numbers[6] = {};
  Node node = fixed("/x", AsDataset{});
  node.source = Value::array(numbers, {2, 3});
  const StoredAs stored = stored_as(plan, node);
  CHECK(stored.form == Form::array);
  CHECK(stored.type == Type::of<double>());
  CHECK(stored.shape == Shape{2, 3});
  CHECK_THROWS_AS(stored_as(plan, dataset("a")), InvalidError);
}
