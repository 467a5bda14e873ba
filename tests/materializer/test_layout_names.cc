// Transforms that give datasets other names and places, and leave links behind.
#include <catch2/catch.hpp>

#include "daybook/journal/error.h"
#include "daybook/materializer/key_pattern.h"
#include "materializer/example_run.h"

using namespace daybook;
using namespace daybook::test;
using std::string;

namespace {

string path_of(const Plan& plan, const string& key, Group group = Group::datasets) {
  return node_of(plan, key, group).path;
}

void apply(Plan& plan, const string& name, const TransformOptions& options) {
  built_in_transforms().make(name, options)(plan);
}

TransformOptions replace(const string& pattern, const string& to) { return {{"pattern", pattern}, {"to", to}}; }

string complaint(const ExampleRun& run, const string& name, const TransformOptions& options) {
  try {
    static_cast<void>(run.after(name, options));
  } catch (const InvalidError& e) {
    return e.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("patterns replace and expand") {
  using detail::KeyPattern;
  CHECK(KeyPattern("[.]").replace("a.b.c", "_") == "a_b_c");
  CHECK(KeyPattern("(.)[.](.)").replace("a.b", "$2$1$$0\\1$0") == "ba$0\\1a.b");
  CHECK_FALSE(KeyPattern("x").replace("a", "b"));
  CHECK(KeyPattern("(a+)b").expand("aab", "<$1>") == "<aa>");
  CHECK_FALSE(KeyPattern("(a+)b").expand("aabc", "<$1>"));
  CHECK(KeyPattern("(a+)b").expand_found("xaabc", "<$1>") == "<aa>");
  CHECK(KeyPattern("a.b").finds("a\nb"));
  CHECK(KeyPattern("µ+").replace("aµµ", "u") == "au");
  CHECK_THROWS_WITH(KeyPattern("("), Catch::StartsWith("is no regular expression: "));
  CHECK_THROWS_WITH(KeyPattern(string(1001, 'a')), Catch::Contains("at most 1000"));
  CHECK_THROWS_AS(KeyPattern("(a)").check_replacement("$2"), InvalidError);
  // What makes other libraries take for ever or overflow the stack.
  CHECK_FALSE(KeyPattern("(a*)*b").replace(string(200000, 'a'), ""));
}

TEST_CASE("rename replaces every match in the name below the group") {
  const ExampleRun run;
  Plan plan = run.after("rename", replace("[.]", "_"));
  CHECK(path_of(plan, "image.exposure") == "/datasets/image_exposure");
  CHECK(shown(plan, "image.exposure") == "/datasets/image_exposure  dataset [rename]");
  CHECK(path_of(plan, "cal.offset", Group::archive) == "/archive/cal_offset");
  CHECK(shown(plan, "image") == "/datasets/image  dataset [default]");
  plan = run.after("rename", replace("^(.*)/(.*)$", "$2-of-$1"));
  CHECK(path_of(plan, "group/a") == "/datasets/a-of-group");
  CHECK(path_of(plan, "line\nend") == "/datasets/line\nend");
  CHECK(path_of(run.after("rename", replace("\n", " ")), "line\nend") == "/datasets/line end");
  CHECK(path_of(run.after("rename", replace("datasets", "x")), "image") == "/datasets/image");
}

TEST_CASE("what belongs to a dataset follows it") {
  const ExampleRun run;
  Plan plan = run.after("attributes", {{"keys", texts({"image.*"})}});
  apply(plan, "links", {{"links", OptionTable{{"/latest", string("image")}}}});
  apply(plan, "rename", replace("^image$", "camera"));
  CHECK(shown(plan, "image.gain") ==
        "/datasets/image.gain  attribute \"gain\" of /datasets/camera [attributes, rename]");
  CHECK(shown(plan, plan.nodes.back()) == "/latest  link to /datasets/camera [links, rename]");
  CHECK_NOTHROW(settle(plan));
}

TEST_CASE("a key cannot escape its group by a new name") {
  const ExampleRun run;
  CHECK(complaint(run, "rename", replace("^text$", "../../etc")) ==
        "dataset \"text\" would be put at \"../../etc\": a path must not hold \"..\": it could leave its group");
  CHECK(complaint(run, "rename", replace("^text$", "/rid")) ==
        "dataset \"text\" would be put at \"/rid\": a name cannot leave its group, use the transform move");
  CHECK(complaint(run, "rename", replace("^text$", "")).find("leaves no name") != string::npos);
  CHECK(complaint(run, "rename", replace("^text$", string("a\0b", 3))).find("NUL") != string::npos);
  CHECK(complaint(run, "rename", replace("^text$", string(70000, 'x'))).find("too long") != string::npos);
  CHECK(complaint(run, "move", {{"to", string("/$1/..")}, {"pattern", string("(text)")}}) ==
        "dataset \"text\" would be put at \"/text/..\": a path must not hold \"..\": it could leave its group");
  CHECK(fault("move", {{"to", string("/a/../b")}}).first == "to");
  CHECK(fault("rename", replace("(", "x")).first == "pattern");
  CHECK(fault("rename", replace("a", "$1")).first == "to");
}

TEST_CASE("two datasets renamed to one are a conflict that names both") {
  const ExampleRun run;
  Plan plan = run.after("rename", replace("^(text|flag)$", "same"));
  CHECK_THROWS_WITH(settle(plan), Catch::Contains("dataset \"flag\" at /datasets/same (by rename)") &&
                                      Catch::Contains("dataset \"text\" at /datasets/same (by rename)"));
}

TEST_CASE("datasets that are in each other's way anyway do not make a layout fail") {
  const ExampleRun run;
  Plan plan = run.after("rename", replace("^", "all/"));
  CHECK_NOTHROW(settle(plan));
  CHECK(std::holds_alternative<Refused>(node_of(plan, "scan/deep").form));
  CHECK(path_of(plan, "scan") == "/datasets/all/scan");
}

TEST_CASE("move puts datasets into a group") {
  const ExampleRun run;
  Plan plan =
      run.after("move", {{"to", string("/camera")}, {"keys", texts({"image*"})}, {"paths", texts({"/datasets/*"})}});
  CHECK(path_of(plan, "image.gain") == "/camera/image.gain");
  CHECK(path_of(plan, "image", Group::archive) == "/archive/image");
  plan = run.after("move", {{"to", string("/g")}, {"keys", texts({"group/*"})}});
  CHECK(path_of(plan, "group/a") == "/g/group/a");
  plan = run.after("move", {{"to", string("g")}, {"keys", texts({"group/*"})}, {"keep", string("name")}});
  CHECK(path_of(plan, "group/a") == "/g/a");
  plan = run.after("move", {{"to", string("/$1/x")}, {"pattern", string("^/datasets/(image|scan)[.]")}});
  CHECK(path_of(plan, "scan.x") == "/scan/x/scan.x");
  CHECK(path_of(plan, "image.gain") == "/image/x/image.gain");
  CHECK(path_of(plan, "image") == "/datasets/image");
  plan = run.after("move", {{"to", string("/")}, {"keys", texts({"text"})}});
  CHECK(path_of(plan, "text") == "/text");
  CHECK(path_of(run.after("move", {{"to", string("/datasets")}}), "scan.x") == "/datasets/scan.x");
}

TEST_CASE("move takes ARTIQ's own scalars when they are named by path") {
  const ExampleRun run;
  Plan plan = run.after("move", {{"to", string("/artiq")}, {"paths", texts({"/rid", "/expid"})}});
  CHECK(plan.find("/artiq/rid") != nullptr);
  CHECK(plan.find("/expid") == nullptr);
  CHECK(plan.find("/start_time") != nullptr);
  plan = run.after("move", {{"to", string("/artiq")}});
  CHECK(plan.find("/rid") != nullptr);
}

TEST_CASE("groups-from-keys splits names and leaves them flat where a dataset is in the way") {
  const ExampleRun run;
  Plan plan = run.after("groups-from-keys", {});
  CHECK(path_of(plan, "cal.offset", Group::archive) == "/archive/cal/offset");
  CHECK(path_of(plan, "image.gain") == "/datasets/image.gain");  // image is a dataset
  CHECK(path_of(plan, "scan.x") == "/datasets/scan.x");
  CHECK_NOTHROW(settle(plan));
  plan = run.after("groups-from-keys", {{"separator", string("l")}});
  CHECK(path_of(plan, "calibration", Group::archive) == "/archive/ca/ibration");
  CHECK(path_of(plan, "list") == "/datasets/list");  // an empty part
}

TEST_CASE("groups-from-keys can put the dataset in the way into the group") {
  const ExampleRun run;
  Plan plan = run.after("groups-from-keys", {{"on-conflict", string("value")}});
  CHECK(path_of(plan, "image") == "/datasets/image/value");
  CHECK(path_of(plan, "image.gain") == "/datasets/image/gain");
  CHECK(path_of(plan, "scan") == "/datasets/scan/value");
  CHECK(path_of(plan, "scan/deep") == "/datasets/scan/deep");  // even this one has a place now
  settle(plan);
  CHECK(std::holds_alternative<AsDataset>(node_of(plan, "scan/deep").form));
  plan = run.after("groups-from-keys", {{"on-conflict", string("value")}, {"value-name", string("gain")}});
  CHECK(path_of(plan, "image") == "/datasets/image/gain");
  CHECK(path_of(plan, "image.gain") == "/datasets/image.gain");
  CHECK_NOTHROW(settle(plan));
  CHECK(fault("groups-from-keys", {{"separator", string()}}).first == "separator");
  CHECK(fault("groups-from-keys", {{"value-name", string("a/b")}}).first == "value-name");
  CHECK(fault("groups-from-keys", {{"value-name", string("..")}}).first == "value-name");
}

TEST_CASE("links lead to keys, paths and other files") {
  const ExampleRun run;
  const auto linked = [&](const TransformOptions& options) {
    Plan plan = run.after("links", options);
    settle(plan);
    std::vector<string> out;
    for (const Node& node : plan.nodes)
      if (node.origin == "links") out.push_back(shown(plan, node));
    return out;
  };
  using Lines = std::vector<string>;
  CHECK(linked({{"links", OptionTable{{"camera", string("image")}, {"/g", string("/datasets/group")}}}}) ==
        Lines{"/g  link to /datasets/group [links]", "/datasets/camera  link to /datasets/image [links]"});
  CHECK(linked({{"links", OptionTable{{"/x", string("image")}}}, {"kind", string("hard")}}) ==
        Lines{"/x  hard link to /datasets/image [links]"});
  CHECK(linked({{"links", OptionTable{{"/x", string("/entry")}}}, {"file", string("raw.h5")}}) ==
        Lines{"/x  link to /entry in \"raw.h5\" [links]"});
  CHECK(linked({{"pattern", string("scan[.](.)")}, {"link", string("/plot/$1")}}) ==
        Lines{"/plot/x  link to /datasets/scan.x [links]", "/plot/y  link to /datasets/scan.y [links]"});
  CHECK(linked({{"links", OptionTable{{"/x", string("nothing")}}}}).empty());
  CHECK(linked({{"links", OptionTable{{"/x", string("/nothing")}}}, {"if-missing", string("dangle")}}) ==
        Lines{"/x  link to /nothing [links]"});
  CHECK_THROWS_AS(linked({{"links", OptionTable{{"/x", string("nothing")}}}, {"if-missing", string("error")}}),
                  InvalidError);
}

TEST_CASE("links keep old names after everything was moved") {
  const ExampleRun run;
  Plan plan = run.plan();
  apply(plan, "rename", replace("^image$", "camera"));
  apply(plan, "links", {{"old-names", true}});
  CHECK(shown(plan, plan.nodes.end()[-2]) == "/datasets/image  link to /datasets/camera [links]");
  CHECK(std::count_if(plan.nodes.begin(), plan.nodes.end(), [](const Node& n) { return n.origin == "links"; }) == 2);
  CHECK_NOTHROW(settle(plan));
  apply(plan, "merge-archive", {{"group", string("all")}});
  CHECK_NOTHROW(settle(plan));
}

TEST_CASE("links refuse what cannot be linked") {
  CHECK(fault("links", {}).first == "links");
  CHECK(fault("links", {{"links", OptionTable{{"/a/..", string("image")}}}}).first == "links");
  CHECK(fault("links", {{"links", OptionTable{{"a", 5}}}}).first == "links");
  CHECK(fault("links", {{"links", OptionTable{{"a", string()}}}}).first == "links");
  CHECK(fault("links", {{"pattern", string("a")}}).first == "pattern");
  CHECK(fault("links", {{"pattern", string("a")}, {"link", string("$1")}}).first == "link");
  CHECK(fault("links", {{"links", OptionTable{{"/a", string("/b")}}}, {"file", string("")}}).first == "file");
  CHECK(fault("links", {{"links", OptionTable{{"/a", string("b")}}}, {"file", string("x.h5")}}).first == "links");
  const ExampleRun run;
  Plan plan = run.after("links", {{"links", OptionTable{{"/rid", string("image")}}}});
  CHECK_THROWS_WITH(settle(plan), Catch::Contains("by links") && Catch::Contains("by default"));
}
