// Random runs through random stacks of transforms: whatever comes out, nothing is lost on the way.
#include <catch2/catch.hpp>
#include <map>

#include "daybook/journal/error.h"
#include "daybook/materializer/object_path.h"
#include "materializer/example_run.h"
#include "support/random_values.h"

namespace {

using namespace daybook;
using namespace daybook::test;
using std::string;

struct Step {
  string name;
  TransformOptions options;
};

const std::vector<Step>& steps() {
  static const std::vector<Step> all = {
      {"attributes", {}},
      {"attributes", {{"if-missing", string("group")}}},
      {"attributes", {{"of", string("a")}, {"keys", texts({"b*"})}}},
      {"attributes", {{"pattern", string("(.*)[./](.*)")}, {"of", string("$1")}, {"name", string("$2")}}},
      {"chunk", {}},
      {"chunk", {{"shape", OptionList{-1, 2}}}},
      {"compact", {}},
      {"constant", {{"attributes", OptionTable{{"unit", string("V")}}}, {"of", string("a")}}},
      {"constant", {{"attributes", OptionTable{{"lab", 1}}}, {"of", string("/x/y")}}},
      {"constant", {{"path", string("/datasets/a/b")}, {"value", 1}}},
      {"contiguous", {}},
      {"extendible", {}},
      {"groups-from-keys", {}},
      {"groups-from-keys", {{"on-conflict", string("value")}}},
      {"groups-from-keys", {{"separator", string("b")}}},
      {"links", {{"old-names", true}}},
      {"links", {{"pattern", string("(.*)a")}, {"link", string("/link/$1")}, {"kind", string("hard")}}},
      {"links", {{"links", OptionTable{{"alias", string("a")}, {"/z", string("/archive/b")}}}}},
      {"merge-archive", {}},
      {"merge-archive", {{"on-conflict", string("archive")}}},
      {"merge-archive", {{"group", string("/")}}},
      {"move", {{"to", string("/moved")}, {"keys", texts({"a*"})}}},
      {"move", {{"to", string("/datasets")}, {"keep", string("name")}}},
      {"move", {{"to", string("/$1")}, {"pattern", string("^/(.)")}, {"paths", texts({"/archive/*"})}}},
      {"nexus", {{"signal", string("a")}, {"axes", texts({"b"})}, {"kind", string("move")}}},
      {"nexus", {{"signal", string("a.b")}, {"kind", string("hard")}}},
      {"omit", {{"keys", texts({"*c"})}}},
      {"omit", {{"paths", texts({"/archive/*", "/rid"})}}},
      {"only", {{"keys", texts({"*a*"})}}},
      {"rename", {{"pattern", string("[.]")}, {"to", string("_")}}},
      {"rename", {{"pattern", string("^(.)")}, {"to", string("$1/")}}},
      {"rename", {{"pattern", string("a")}, {"to", string("")}}},
      {"scalars-as-table", {}},
      {"scalars-as-table", {{"table", string("/all")}}},
      {"scalars-as-table", {{"prefix", string("a")}, {"table", string("a")}}},
      {"small-as-attributes", {}},
      {"small-as-attributes", {{"max-bytes", 8}}},
      {"track-times", {}},
  };
  return all;
}

string random_key(Random& random) {
  string key(1, static_cast<char>('a' + random.below(3)));
  for (auto parts = random.below(3); parts > 0; --parts) {
    key += random.chance(0.6) ? '.' : '/';
    key += static_cast<char>('a' + random.below(3));
  }
  return key;
}

void record(const std::filesystem::path& dir, Random& random) {
  RunInfo info;
  info.class_name = "Random";
  Journal journal = Journal::create(dir, info);
  for (auto count = random.below(14); count > 0; --count) {
    SetOptions options;
    if (random.chance(0.3)) options.metadata = {{"unit", Value("V")}};
    journal.set(random_key(random), random.chance(0.5) ? random.scalar() : random.any(), options);
  }
  for (auto count = random.below(5); count > 0; --count) journal.archive(random_key(random), random.scalar());
  journal.finish();
}

using Identity = std::pair<Group, string>;

// Each dataset and how often it is there: written, refused or omitted.
std::map<Identity, int> census(const Plan& plan) {
  std::map<Identity, int> out;
  for (const Node& node : plan.nodes)
    if (const DatasetState* state = node.state()) ++out[{state->group, state->key}];
  return out;
}

// What settle() promises, found again in the simplest way.
void check_settled(const Plan& plan) {
  std::map<string, bool> objects;  // path → may stand there beside others, or above them
  for (const Node& node : plan.nodes) {
    if (!node.is_object()) continue;
    const bool group = std::holds_alternative<AsGroup>(node.form);
    const auto [here, fresh] = objects.emplace(node.path, group);
    CHECK((fresh || (group && here->second)));
  }
  std::map<std::pair<string, string>, int> names;
  const auto exists = [&](const string& path) {
    // What belongs to a dataset that the run's own keys leave without a place is kept by the writer as a dataset.
    for (const Node& node : plan.nodes)
      if (node.path == path && std::holds_alternative<Refused>(node.form)) return true;
    return path == "/" || std::any_of(objects.begin(), objects.end(),
                                      [&](const auto& object) { return detail::is_within(object.first, path); });
  };
  for (const Node& node : plan.nodes) {
    if (node.is_object() && node.path != "/")
      for (auto up = detail::parent_path(node.path); up != "/"; up = detail::parent_path(up)) {
        const auto above = objects.find(string(up));
        CHECK((above == objects.end() || above->second));
      }
    if (const auto* attribute = std::get_if<AsAttribute>(&node.form)) {
      CHECK(exists(attribute->object));
      CHECK(++names[{attribute->object, attribute->name}] == 1);
    }
    if (const auto* field = std::get_if<AsField>(&node.form)) {
      const auto table = std::find_if(plan.nodes.begin(), plan.nodes.end(),
                                      [&](const Node& n) { return n.path == field->table && n.is_object(); });
      REQUIRE(table != plan.nodes.end());
      CHECK(std::holds_alternative<AsTable>(table->form));
      CHECK(++names[{field->table + '\0', field->name}] == 1);
    }
  }
}

}  // namespace

TEST_CASE("random runs through random stacks of transforms lose nothing") {
  const std::uint64_t seed = std::random_device{}();
  const TransformRegistry registry = built_in_transforms();
  int settled = 0, refused = 0;
  for (std::uint64_t run = 0; run < 12; ++run) {
    Random random(seed + run);
    const FreshFolder folder;
    record(folder / "run.daybook", random);
    const Reader reader(folder / "run.daybook");
    for (int stack = 0; stack < 40; ++stack) {
      Plan plan = default_plan(reader, reader.last());
      const auto before = census(plan);
      std::map<Identity, bool> may_vanish;
      string story = "seed " + std::to_string(seed) + " run " + std::to_string(run);
      try {
        for (auto count = random.below(5) + 1; count > 0; --count) {
          const Step& step = steps()[random.below(steps().size())];
          story += "\n" + step.name + " " + to_text(OptionValue(step.options));
          registry.make(step.name, step.options)(plan);
        }
        settle(plan);
        ++settled;
      } catch (const InvalidError& e) {
        INFO(story << "\n" << e.what());
        ++refused;
        const string message = e.what();
        const bool names_both = message.find("(by ") != message.rfind("(by ") ||
                                message.find("no such object") != string::npos ||
                                message.find("; the other one is the root") != string::npos;
        const bool names_dataset = message.find("would be put at") != string::npos ||
                                   message.find("would become an attribute without a name") != string::npos;
        CHECK((names_both || names_dataset));
        continue;
      }
      INFO(story << "\n" << to_text(plan));
      CHECK(census(plan) == before);
      for (const Node& node : plan.nodes)
        if (const auto* omitted = std::get_if<Omitted>(&node.form)) {
          CHECK_FALSE(omitted->reason.empty());
          CHECK((node.origin == "omit" || node.origin == "only" || node.origin == "merge-archive"));
        }
      check_settled(plan);
    }
  }
  CHECK(settled > refused / 4);
}
