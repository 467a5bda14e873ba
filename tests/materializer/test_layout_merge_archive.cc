#include <catch2/catch.hpp>

#include "daybook/journal/error.h"
#include "daybook/materializer/transform.h"

namespace {

using namespace daybook;
using Paths = std::vector<std::string>;

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

Plan merged(const TransformOptions& options, Plan plan = example()) {
  built_in_transforms().make("merge-archive", options)(plan);
  return plan;
}

Paths paths(const Plan& plan) {
  Paths out;
  for (const Node& node : plan.nodes)
    if (!std::holds_alternative<Omitted>(node.form)) out.push_back(node.path);
  return out;
}

TransformOptions keep(const char* which) { return {{"on-conflict", std::string(which)}}; }

}  // namespace

TEST_CASE("merge-archive leaves one group") {
  CHECK(paths(merged({})) == Paths{"/", "/datasets", "/datasets/a", "/datasets/both", "/datasets/z/y"});
  CHECK(paths(merged({{"group", std::string("all/here")}})) ==
        Paths{"/", "/all/here", "/all/here/a", "/all/here/both", "/all/here/z/y"});
  CHECK(paths(merged({{"group", std::string("/")}})) == Paths{"/", "/a", "/both", "/z/y"});
  CHECK(paths(merged({{"group", std::string("archive")}})) ==
        Paths{"/", "/archive/a", "/archive/both", "/archive", "/archive/z/y"});
  CHECK(paths(merged({{"group", std::string("datasets/sub")}})) ==
        Paths{"/", "/datasets/sub", "/datasets/sub/a", "/datasets/sub/both", "/datasets/sub/z/y"});
  for (const char* bad : {"", "..", "a/../b", "/."})
    CHECK_THROWS_AS(built_in_transforms().make("merge-archive", {{"group", std::string(bad)}}), OptionError);
}

TEST_CASE("merge-archive keeps the one of two values that it is told to") {
  Plan plan = merged(keep("archive"));
  CHECK(plan.find("/datasets/both")->state()->group == Group::archive);
  plan = merged({});
  CHECK(plan.find("/datasets/both")->state()->group == Group::datasets);
  CHECK_THROWS_AS(merged(keep("error")), InvalidError);
}

TEST_CASE("merge-archive finds a dataset where the other side has a group") {
  Plan plan = example();
  plan.nodes.push_back(of(Group::archive, "a/deep"));
  plan.nodes.push_back(of(Group::datasets, "z"));
  Plan kept = merged({}, plan);
  CHECK(kept.find("/datasets/a/deep") == nullptr);
  CHECK(kept.find("/datasets/z/y") == nullptr);
  CHECK_NOTHROW(settle(kept));
  kept = merged(keep("archive"), plan);
  CHECK(kept.find("/datasets/a/deep") != nullptr);
  CHECK(kept.find("/datasets/a") == nullptr);
  CHECK_NOTHROW(settle(kept));
}

TEST_CASE("merge-archive joins tables and what belongs to a group") {
  Plan plan = example();
  for (const char* side : {"/datasets", "/archive"}) {
    Node table{.path = side + std::string("/t"), .source = {}, .form = AsTable{}, .attributes = {}, .origin = "x"};
    plan.nodes.push_back(table);
    Node field = of(side == std::string("/archive") ? Group::archive : Group::datasets, "f");
    field.form = AsField{table.path, "f"};
    plan.nodes.push_back(field);
    field.form = AsField{table.path, side};
    plan.nodes.push_back(field);
  }
  Plan kept = merged({}, plan);
  CHECK_NOTHROW(settle(kept));
  int tables = 0, fields = 0;
  for (const Node& node : kept.nodes) {
    tables += std::holds_alternative<AsTable>(node.form) ? 1 : 0;
    fields += std::holds_alternative<AsField>(node.form) ? 1 : 0;
  }
  CHECK(tables == 1);
  CHECK(fields == 3);  // "f" is in both
}
