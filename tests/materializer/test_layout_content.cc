// Transforms that say what is in the file beside the run's datasets, and what is not.
#include <catch2/catch.hpp>

#include "daybook/journal/error.h"
#include "materializer/example_run.h"

using namespace daybook;
using namespace daybook::test;
using std::string;
using Names = std::vector<string>;

namespace {

bool is_omitted(const Plan& plan, const string& key, Group group = Group::datasets) {
  return std::holds_alternative<Omitted>(node_of(plan, key, group).form);
}

const Value& attribute(const Node& node, const string& name) {
  for (const auto& [known, value] : node.attributes)
    if (known == name) return value;
  throw std::runtime_error("no attribute " + name);
}

string text(const Value& value, std::uint64_t index = 0) { return string(value.string_at(index)); }

}  // namespace

TEST_CASE("omit leaves out what it selects") {
  const ExampleRun run;
  Plan plan = run.after("omit", {{"keys", texts({"image*"})}, {"reason", string("too private")}});
  CHECK(shown(plan, "image.gain") == "/datasets/image.gain  omitted (too private) [omit]");
  CHECK(is_omitted(plan, "image", Group::archive));
  CHECK_FALSE(is_omitted(plan, "scan"));
  CHECK_NOTHROW(settle(plan));
  CHECK(is_omitted(run.after("omit", {{"min-bytes", 10000}}), "big"));
  CHECK(is_omitted(run.after("omit", {{"keys", texts({"bad*"})}}), "bad\xff"));  // no message about it any more
  CHECK(fault("omit", {}).first == "keys");
}

TEST_CASE("omit takes ARTIQ's own scalars by path, and never the root") {
  const ExampleRun run;
  Plan plan = run.after("omit", {{"paths", texts({"/expid", "/"})}});
  CHECK(plan.find("/expid") == nullptr);
  CHECK(plan.find("/rid") != nullptr);
  REQUIRE(plan.find("/") != nullptr);
  CHECK(plan.find("/")->attributes.size() == 4);
  CHECK_NOTHROW(settle(plan));
  plan = run.after("omit", {{"paths", texts({"/expid"})}, {"keys", texts({"*"})}});
  CHECK(plan.find("/expid") == nullptr);
  plan = run.after("omit", {{"keys", texts({"*"})}});
  CHECK(plan.find("/expid") != nullptr);
}

TEST_CASE("omitting what others belong to is a conflict that names both") {
  const ExampleRun run;
  Plan plan = run.after("attributes", {});
  built_in_transforms().make("omit", {{"keys", texts({"image"})}})(plan);
  CHECK_THROWS_WITH(settle(plan), Catch::Contains("by attributes") && Catch::Contains("by omit"));
}

TEST_CASE("only leaves out the rest") {
  const ExampleRun run;
  Plan plan = run.after("only", {{"keys", texts({"image*"})}, {"paths", texts({"/datasets/*"})}});
  CHECK_FALSE(is_omitted(plan, "image"));
  CHECK(is_omitted(plan, "image", Group::archive));
  CHECK(shown(plan, "scan") == "/datasets/scan  omitted (the layout takes only others) [only]");
  CHECK(is_omitted(plan, "bad\xff"));
  CHECK(plan.find("/rid") != nullptr);
  CHECK(fault("only", {}).first == "keys");
}

TEST_CASE("constant adds attributes to the root, a dataset or a group") {
  const ExampleRun run;
  Plan plan = run.after("constant", {{"attributes", OptionTable{{"lab", string("B12")}, {"shots", OptionList{1, 2}}}}});
  CHECK(text(attribute(*plan.find("/"), "lab")) == "B12");
  CHECK(attribute(*plan.find("/"), "shots").shape() == Shape{2});
  CHECK(plan.find("/")->edits == Names{"constant"});

  const OptionTable volt = {{"unit", string("V")}};
  plan = run.after("constant", {{"attributes", volt}, {"of", string("scan")}});
  CHECK(text(attribute(node_of(plan, "scan"), "unit")) == "V");
  plan = run.after("constant", {{"attributes", volt}, {"of", string("image")}});
  CHECK(text(attribute(node_of(plan, "image"), "unit")) == "counts");  // what the run says
  plan = run.after("constant", {{"attributes", volt}, {"of", string("image")}, {"replace", true}});
  CHECK(text(attribute(node_of(plan, "image"), "unit")) == "V");
  CHECK(attribute_names(node_of(plan, "image")) == Names{"unit"});

  plan = run.after("constant", {{"attributes", volt}, {"of", string("/datasets/group")}});
  CHECK(attribute_names(*plan.find("/datasets/group")) == Names{"unit"});
  plan = run.after("constant", {{"attributes", volt}, {"of", string("/sample")}});
  CHECK(shown(plan, *plan.find("/sample")).find("/sample  group") == 0);
  CHECK_NOTHROW(settle(plan));
  CHECK(to_text(run.after("constant", {{"attributes", volt}, {"of", string("nothing")}})) == to_text(run.plan()));
  CHECK_THROWS_AS(
      run.after("constant", {{"attributes", volt}, {"of", string("nothing")}, {"if-missing", string("error")}}),
      InvalidError);
  Plan empty;
  built_in_transforms().make("constant", {{"attributes", volt}})(empty);
  CHECK(attribute_names(*empty.find("/")) == Names{"unit"});
}

TEST_CASE("constant adds a dataset") {
  const ExampleRun run;
  Plan plan = run.after("constant", {{"path", string("sample/name")},
                                     {"value", string("Ca-43")},
                                     {"attributes", OptionTable{{"supplier", string("x")}}}});
  const Node* made = plan.find("/sample/name");
  REQUIRE(made != nullptr);
  CHECK(text(std::get<Value>(made->source)) == "Ca-43");
  CHECK(attribute_names(*made) == Names{"supplier"});
  CHECK_NOTHROW(settle(plan));
  plan = run.after("constant", {{"path", string("/rid")}, {"value", 1}});
  CHECK_THROWS_WITH(settle(plan), Catch::Contains("by constant") && Catch::Contains("by default"));
}

TEST_CASE("constant refuses what is not whole or not its own") {
  CHECK(fault("constant", {}).first == "attributes");
  CHECK(fault("constant", {{"value", 1}}).first == "value");
  CHECK(fault("constant", {{"path", string("/x")}}).first == "value");
  CHECK(fault("constant", {{"path", string("/")}, {"value", 1}}).first == "path");
  CHECK(fault("constant", {{"path", string("/../x")}, {"value", 1}}).first == "path");
  CHECK(fault("constant", {{"path", string("/x")}, {"value", 1}, {"of", string("y")}}).first == "of");
  CHECK(fault("constant", {{"attributes", OptionTable{{"daybook_event", 1}}}}).first == "attributes");
  CHECK(fault("constant", {{"attributes", OptionTable{{"", 1}}}}).first == "attributes");
  CHECK(fault("constant", {{"attributes", OptionTable{{"a", 1}}}, {"of", string("x")}, {"if-missing", string("group")}})
            .first == "if-missing");
}

TEST_CASE("nexus leads a viewer to the signal and its axes") {
  const ExampleRun run;
  Plan plan =
      run.after("nexus", {{"signal", string("scan.y")}, {"axes", texts({"scan.x"})}, {"title", string("Rabi")}});
  settle(plan);
  CHECK(text(attribute(*plan.find("/"), "default")) == "entry");
  CHECK(text(attribute(*plan.find("/entry"), "NX_class")) == "NXentry");
  CHECK(text(attribute(*plan.find("/entry"), "default")) == "data");
  const Node& data = *plan.find("/entry/data");
  CHECK(text(attribute(data, "NX_class")) == "NXdata");
  CHECK(text(attribute(data, "signal")) == "scan.y");
  CHECK(attribute(data, "axes").shape() == Shape{1});
  CHECK(text(attribute(data, "axes")) == "scan.x");
  CHECK(attribute_names(data) == Names{"NX_class", "signal", "axes", "scan.x_indices"});
  CHECK(shown(plan, *plan.find("/entry/data/scan.y")) == "/entry/data/scan.y  link to /datasets/scan.y [nexus]");
  CHECK(plan.find("/entry/data/title") != nullptr);
  CHECK(attribute_names(node_of(plan, "scan.x")) == Names{"unit", "units"});
  CHECK(text(attribute(node_of(plan, "scan.x"), "units")) == "s");
}

TEST_CASE("nexus describes images, uncertainties and more signals") {
  const ExampleRun run;
  Plan plan = run.after("nexus", {{"signal", string("image")}, {"axes", texts({".", "scan.x", "scan.y"})}});
  const Value& axes = attribute(*plan.find("/entry/data"), "axes");
  CHECK(axes.shape() == Shape{2});
  CHECK(text(axes, 0) == ".");
  CHECK(text(axes, 1) == "scan.x");
  CHECK(plan.find("/entry/data/scan.y") != nullptr);  // beyond the dimensions: there to be chosen
  plan = run.after("nexus", {{"signal", string("scan.y")}, {"errors", string("scan.x")}, {"kind", string("hard")}});
  CHECK(shown(plan, *plan.find("/entry/data/scan.y_errors")) ==
        "/entry/data/scan.y_errors  hard link to /datasets/scan.x [nexus]");
  CHECK_NOTHROW(settle(plan));
  plan = run.after("nexus", {{"signal", string("scan.y")}, {"more-signals", texts({"scan.x", "big", "no"})}});
  const Value& more = attribute(*plan.find("/entry/data"), "auxiliary_signals");
  CHECK(more.shape() == Shape{1});
  CHECK(text(more) == "scan.x");
  plan = run.after("nexus", {{"signal", string("scan.y")}, {"kind", string("move")}});
  CHECK(shown(plan, "scan.y") == "/entry/data/scan.y  dataset [nexus]");
}

TEST_CASE("nexus can be used for several plots, and does nothing without the signal") {
  const ExampleRun run;
  Plan plan = run.after("nexus", {{"signal", string("scan.y")}});
  built_in_transforms().make("nexus", {{"signal", string("image")}})(plan);
  CHECK(plan.find("/entry/data/scan.y") != nullptr);
  CHECK(plan.find("/entry/data_2/image") != nullptr);
  CHECK(text(attribute(*plan.find("/entry"), "default")) == "data");
  CHECK_NOTHROW(settle(plan));
  CHECK(to_text(run.after("nexus", {{"signal", string("nothing")}})) == to_text(run.plan()));
  CHECK(to_text(run.after("nexus", {{"signal", string("none")}})) == to_text(run.plan()));  // cannot be stored
  CHECK_THROWS_AS(run.after("nexus", {{"signal", string("nothing")}, {"if-missing", string("error")}}), InvalidError);
  CHECK(fault("nexus", {{"signal", string("a")}, {"entry", string("a/b")}}).first == "entry");
  CHECK(fault("nexus", {{"signal", string("a")}, {"data", string("")}}).first == "data");
  plan = run.after("nexus", {{"signal", string("µ")}});
  CHECK(plan.find("/entry/data/__") != nullptr);
}
