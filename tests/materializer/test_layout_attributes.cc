// Transforms that make datasets parts of other objects.
#include <catch2/catch.hpp>

#include "daybook/journal/error.h"
#include "materializer/example_run.h"

using namespace daybook;
using namespace daybook::test;
using std::string;
using Names = std::vector<string>;

TEST_CASE("attributes go to the dataset that their name begins with") {
  const ExampleRun run;
  Plan plan = run.after("attributes", {});
  CHECK(shown(plan, "image.exposure") ==
        "/datasets/image.exposure  attribute \"exposure\" of /datasets/image [attributes]");
  CHECK(shown(plan, "scan.x") == "/datasets/scan.x  attribute \"x\" of /datasets/scan [attributes]");
  CHECK(shown(plan, "cal.offset", Group::archive) == "/archive/cal.offset  dataset [default]");
  CHECK(shown(plan, "group/a") == "/datasets/group/a  dataset [default]");
  CHECK(attribute_names(node_of(plan, "image.exposure")) == Names{"unit"});  // the writer's: becomes exposure.unit
  CHECK(node_of(plan, "image").edits.empty());
  CHECK_NOTHROW(settle(plan));
}

TEST_CASE("attributes make the group, or complain, where the object is missing") {
  const ExampleRun run;
  const TransformOptions selection = {{"keys", texts({"cal.*"})}};
  TransformOptions options = selection;
  options.emplace("if-missing", string("group"));
  Plan plan = run.after("attributes", options);
  CHECK(shown(plan, "cal.offset", Group::archive) ==
        "/archive/cal.offset  attribute \"offset\" of /archive/cal [attributes]");
  CHECK(plan.find("/archive/cal") != nullptr);
  CHECK_NOTHROW(settle(plan));
  options.insert_or_assign("if-missing", string("error"));
  CHECK_THROWS_WITH(
      run.after("attributes", options),
      "archived value \"cal.offset\" is to be an attribute of /archive/cal, but there is no such dataset or group");
}

TEST_CASE("attributes go to an object that is named") {
  const ExampleRun run;
  const auto made = [&](TransformOptions options, const string& key) {
    Plan plan = run.after("attributes", options);
    settle(plan);
    return shown(plan, key);
  };
  CHECK(made({{"of", string("big")}, {"keys", texts({"text"})}}, "text") ==
        "/datasets/text  attribute \"text\" of /datasets/big [attributes]");
  CHECK(made({{"of", string("/datasets/group")}, {"keys", texts({"image.gain"})}, {"name", string("g")}},
             "image.gain") == "/datasets/image.gain  attribute \"g\" of /datasets/group [attributes]");
  CHECK(made({{"of", string("/")}, {"keys", texts({"text"})}}, "text") ==
        "/datasets/text  attribute \"text\" of / [attributes]");
  CHECK(made({{"of", string("nothing")}, {"keys", texts({"text"})}}, "text") == "/datasets/text  dataset [default]");
  CHECK(made({{"pattern", string("(.*)[.](x|y)")}, {"of", string("$1")}, {"name", string("axis $2")}}, "scan.y") ==
        "/datasets/scan.y  attribute \"axis y\" of /datasets/scan [attributes]");
}

TEST_CASE("a dataset stays one where it cannot be an attribute") {
  const ExampleRun run;
  // image.gain becomes an attribute, so nothing can be an attribute of it.
  Plan plan = run.after("rename", {{"pattern", string("^text$")}, {"to", string("image.gain.text")}});
  built_in_transforms().make("attributes", {})(plan);
  CHECK(std::holds_alternative<AsAttribute>(node_of(plan, "image.gain").form));
  CHECK(std::holds_alternative<AsDataset>(node_of(plan, "text").form));
  built_in_transforms().make("attributes", {})(plan);
  CHECK(std::holds_alternative<AsDataset>(node_of(plan, "text").form));
  CHECK_NOTHROW(settle(plan));
  // An attribute of that name is there already.
  plan = run.after("attributes",
                   {{"pattern", string("te(xt)|fl(ag)")}, {"of", string("image")}, {"name", string("unit")}});
  CHECK(std::holds_alternative<AsDataset>(node_of(plan, "text").form));
  CHECK(std::holds_alternative<AsDataset>(node_of(plan, "flag").form));
  plan =
      run.after("attributes", {{"keys", texts({"text", "flag"})}, {"of", string("image")}, {"name", string("same")}});
  CHECK(std::holds_alternative<AsAttribute>(node_of(plan, "text").form));
  CHECK(std::holds_alternative<AsDataset>(node_of(plan, "flag").form));
  CHECK_NOTHROW(settle(plan));
}

TEST_CASE("attributes refuse what makes no sense") {
  CHECK(fault("attributes", {{"separator", string()}}).first == "separator");
  CHECK(fault("attributes", {{"name", string("x")}}).first == "name");
  CHECK(fault("attributes", {{"pattern", string("x")}}).first == "pattern");
  CHECK(fault("attributes", {{"pattern", string("x")}, {"of", string("$1")}}).first == "of");
  CHECK(fault("attributes", {{"pattern", string("x")}, {"of", string("x")}, {"name", string("$1")}}).first == "name");
  CHECK(fault("attributes", {{"of", string("a/../..")}}).first == "of");
  CHECK(fault("attributes", {{"of", string("a")}, {"name", string()}}).first == "name");
}

TEST_CASE("small datasets become attributes of their group") {
  const ExampleRun run;
  Plan plan = run.after("small-as-attributes", {});
  CHECK(shown(plan, "text") == "/datasets/text  attribute \"text\" of /datasets [small-as-attributes]");
  CHECK(shown(plan, "group/a") == "/datasets/group/a  attribute \"a\" of /datasets/group [small-as-attributes]");
  CHECK(shown(plan, "image") == "/datasets/image  attribute \"image\" of /datasets [small-as-attributes]");
  CHECK(shown(plan, "big") == "/datasets/big  dataset [default]");
  CHECK(shown(plan, "none") == "/datasets/none  dataset [default]");
  CHECK(shown(plan, "scan/deep") == "/datasets/scan/deep  dataset [default]");  // scan is no group
  CHECK(attribute_names(node_of(plan, "image")) == Names{"unit"});
  settle(plan);
  CHECK(std::holds_alternative<AsDataset>(node_of(plan, "scan/deep").form));  // has a place by now
  plan = run.after("small-as-attributes", {{"max-bytes", 8}});
  CHECK(shown(plan, "image") == "/datasets/image  dataset [default]");
  CHECK(fault("small-as-attributes", {{"max-bytes", 60001}}).first == "max-bytes");
}

TEST_CASE("scalars become fields of one table a group") {
  const ExampleRun run;
  Plan plan = run.after("scalars-as-table", {});
  CHECK(shown(plan, "image.exposure") ==
        "/datasets/image.exposure  field \"image.exposure\" of /datasets/scalars [scalars-as-table]");
  CHECK(shown(plan, "group/b") == "/datasets/group/b  field \"group/b\" of /datasets/scalars [scalars-as-table]");
  CHECK(shown(plan, "calibration", Group::archive) ==
        "/archive/calibration  field \"calibration\" of /archive/scalars [scalars-as-table]");
  for (const char* other : {"image", "big", "words", "list", "none", "empty"})
    CHECK(shown(plan, other).find("  dataset [default]") != string::npos);
  REQUIRE(plan.find("/datasets/scalars") != nullptr);
  CHECK(std::holds_alternative<AsTable>(plan.find("/datasets/scalars")->form));
  CHECK(attribute_names(node_of(plan, "image.exposure")) == Names{"unit"});
  CHECK_NOTHROW(settle(plan));
}

TEST_CASE("scalars-as-table takes a prefix, and numbers only if told so") {
  const ExampleRun run;
  Plan plan = run.after("scalars-as-table", {{"prefix", string("image.")}, {"table", string("settings")}});
  CHECK(shown(plan, "image.gain") == "/datasets/image.gain  field \"gain\" of /datasets/settings [scalars-as-table]");
  CHECK(shown(plan, "scan") == "/datasets/scan  dataset [default]");
  built_in_transforms().make("scalars-as-table", {{"table", string("settings")}})(plan);  // goes on with the table
  CHECK(shown(plan, "scan") == "/datasets/scan  field \"scan\" of /datasets/settings [scalars-as-table]");
  CHECK_NOTHROW(settle(plan));
  CHECK(shown(run.after("scalars-as-table", {{"strings", false}}), "text") == "/datasets/text  dataset [default]");
}

TEST_CASE("scalars-as-table takes another name where its own is taken") {
  const ExampleRun run;
  Plan plan = run.after("scalars-as-table", {{"table", string("image")}});
  CHECK(shown(plan, "flag") == "/datasets/flag  field \"flag\" of /datasets/image_2 [scalars-as-table]");
  CHECK_NOTHROW(settle(plan));
  plan = run.after("scalars-as-table", {{"table", string("/all")}});
  CHECK(shown(plan, "calibration", Group::archive).find("of /all [") != string::npos);
  CHECK(shown(plan, "flag").find("of /all [") != string::npos);
  CHECK_NOTHROW(settle(plan));
  CHECK(fault("scalars-as-table", {{"table", string("/")}}).first == "table");
  CHECK(fault("scalars-as-table", {{"table", string("../x")}}).first == "table");
}

TEST_CASE("scalars-as-table lets the number of scalars or the layout choose the rows") {
  const ExampleRun run;
  const auto rows = [&](const TransformOptions& options) {
    Plan plan = run.after("scalars-as-table", options);
    return std::get<AsTable>(plan.find("/datasets/scalars")->form).rows;
  };
  CHECK(rows({}) == AsTable::Rows::automatic);
  CHECK(rows({{"rows", string("one")}}) == AsTable::Rows::one);
  CHECK(rows({{"rows", string("many")}}) == AsTable::Rows::many);
}
