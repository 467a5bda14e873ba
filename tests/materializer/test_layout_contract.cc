// What every transform of the registry keeps to, whoever wrote it. A new one is covered by its name alone.
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "daybook/journal/error.h"
#include "materializer/example_run.h"

namespace {

using namespace daybook;
using namespace daybook::test;
using std::string;

// For transforms that do nothing, or cannot be made, without options that only a person can choose.
TransformOptions chosen_options(const string& name) {
  static const std::map<string, TransformOptions> table = {
      {"constant", {{"attributes", OptionTable{{"lab", string("B12")}}}}},
      {"links", {{"pattern", string("(image|scan.x|text)")}, {"link", string("latest $1")}}},
      {"move", {{"to", string("/moved")}, {"paths", texts({"/datasets/*"})}}},
      {"nexus", {{"signal", string("scan.y")}, {"axes", texts({"scan.x"})}}},
      {"omit", {{"keys", texts({"image*", "bad*"})}}},
      {"only", {{"keys", texts({"image*", "scan*"})}}},
      {"rename", {{"pattern", string("^(.*)$")}, {"to", string("$1 renamed")}}},
  };
  const auto found = table.find(name);
  return found == table.end() ? TransformOptions{} : found->second;
}

std::vector<OptionValue> candidates(const OptionInfo& option) {
  switch (option.type) {
    case OptionType::boolean:
      return {true};
    case OptionType::integer:
    case OptionType::number:
      return {std::max<std::int64_t>(option.least, 1)};
    case OptionType::choice:
      return {option.choices.front()};
    case OptionType::text:
    case OptionType::texts:
      return {string("x"), string("/x"), string("float32"), string("^x$")};
    case OptionType::integers:
      return {OptionList{std::max<std::int64_t>(option.least, 1)}};
    case OptionType::table:
      return {OptionTable{{"x", string("y")}}};
    case OptionType::any:
      return {1};
  }
  return {};
}

// Options with which the transform can be made.
TransformOptions usable_options(const TransformRegistry& registry, const string& name) {
  TransformOptions options = chosen_options(name);
  for (const OptionInfo& option : registry.info(name).options) {
    if (!option.required || options.count(option.name) != 0) continue;
    for (const OptionValue& value : candidates(option)) {
      options.insert_or_assign(option.name, value);
      try {
        static_cast<void>(registry.make(name, options));
        break;
      } catch (const OptionError& e) {
        if (e.option != option.name) break;
      }
    }
  }
  return options;
}

// None of these is of the option's type.
OptionValue wrong_type(const OptionInfo& option) {
  switch (option.type) {
    case OptionType::boolean:
      return 1;
    case OptionType::integer:
    case OptionType::number:
    case OptionType::integers:
      return string("x");
    case OptionType::text:
    case OptionType::texts:
    case OptionType::table:
      return 5;
    case OptionType::choice:
      return string("no such choice");
    case OptionType::any:
      return OptionTable{};
  }
  return {};
}

std::pair<Group, string> identity(const DatasetState& state) { return {state.group, state.key}; }

// What is in the file, in whatever form.
std::set<std::pair<Group, string>> written(const Plan& plan) {
  std::set<std::pair<Group, string>> out;
  for (const Node& node : plan.nodes)
    if (node.state() != nullptr && node.is_written()) out.insert(identity(*node.state()));
  return out;
}

// What nodes belong to or point at.
std::set<string> pointed_at(const Plan& plan) {
  std::set<string> out;
  for (const Node& node : plan.nodes) {
    if (const auto* attribute = std::get_if<AsAttribute>(&node.form)) out.insert(attribute->object);
    if (const auto* field = std::get_if<AsField>(&node.form)) out.insert(field->table);
    if (const auto* link = std::get_if<AsLink>(&node.form)) out.insert(link->target);
  }
  return out;
}

template <class Check>
void for_each_transform(const Check& check) {
  const TransformRegistry registry = built_in_transforms();
  REQUIRE(registry.names().size() >= 20);
  for (const string& name : registry.names()) {
    INFO("transform " << name);
    check(registry, name, usable_options(registry, name));
  }
}

// Of options that say for which datasets a transform is: described once for all.
bool is_common(const OptionInfo& option) {
  const auto& common = selection_options();
  return std::any_of(common.begin(), common.end(), [&](const OptionInfo& o) {
    return o.name == option.name && o.otherwise == option.otherwise && o.help == option.help;
  });
}

}  // namespace

TEST_CASE("a transform does the same to equal plans, however often it is used") {
  const ExampleRun run;
  for_each_transform([&](const TransformRegistry& registry, const string& name, const TransformOptions& options) {
    const Transform transform = registry.make(name, options);
    Plan first = run.plan(), second = run.plan(), third = run.plan(), none;
    transform(first);
    transform(none);
    transform(second);
    registry.make(name, options)(third);
    CHECK(to_text(second) == to_text(first));
    CHECK(to_text(third) == to_text(first));
  });
}

TEST_CASE("a transform changes something in a plan of everything") {
  const ExampleRun run;
  for_each_transform([&](const TransformRegistry& registry, const string& name, const TransformOptions& options) {
    Plan plan = run.plan();
    registry.make(name, options)(plan);
    if (name == "file-format" || name == "fill-value" || name == "track-times") return;  // may have nothing to say
    CHECK(to_text(plan) != to_text(run.plan()));
  });
}

TEST_CASE("a transform leaves alone what its selection does not match") {
  const ExampleRun run;
  for_each_transform([&](const TransformRegistry& registry, const string& name, TransformOptions options) {
    if (!registry.info(name).selects) return;
    const bool inverse = name == "only";
    options.insert_or_assign("keys", texts({inverse ? "*" : "no such key"}));
    Plan plan = run.plan();
    registry.make(name, options)(plan);
    CHECK(to_text(plan) == to_text(run.plan()));
    if (inverse) return;
    for (const char* key : {"image.exposure", "scan.x", "text"}) {
      options.insert_or_assign("keys", texts({key}));
      Plan changed = run.plan();
      registry.make(name, options)(changed);
      const std::set<string> touched = pointed_at(changed);
      const string text = to_text(changed);
      const Plan before = run.plan();
      for (const Node& node : before.nodes) {
        if (touched.count(node.path) != 0 || (node.state() != nullptr && node.state()->key == key)) continue;
        INFO("only " << key);
        CHECK(text.find(text_of(before, node)) != string::npos);
      }
    }
  });
}

TEST_CASE("a transform refuses unknown options and says which") {
  for_each_transform([](const TransformRegistry& registry, const string& name, TransformOptions options) {
    options.insert_or_assign("no-such-option", true);
    try {
      static_cast<void>(registry.make(name, options));
      FAIL("accepted");
    } catch (const OptionError& e) {
      CHECK(e.option == "no-such-option");
      CHECK(string(e.what()).find("transform " + name) == 0);
    }
  });
}

TEST_CASE("a transform refuses an option of another type or out of range and says which") {
  for_each_transform([](const TransformRegistry& registry, const string& name, const TransformOptions& options) {
    for (const OptionInfo& option : registry.info(name).options) {
      INFO("option " << option.name);
      std::vector<OptionValue> wrong = {wrong_type(option)};
      if (option.type == OptionType::integer && option.least != std::numeric_limits<std::int64_t>::min())
        wrong.emplace_back(option.least - 1);
      if (option.type == OptionType::integer && option.most != std::numeric_limits<std::int64_t>::max())
        wrong.emplace_back(option.most + 1);
      if (option.type == OptionType::texts) wrong.emplace_back(OptionList{1});
      for (const OptionValue& value : wrong) {
        TransformOptions with = options;
        with.insert_or_assign(option.name, value);
        try {
          static_cast<void>(registry.make(name, with));
          FAIL("accepted " << to_text(value));
        } catch (const OptionError& e) {
          CHECK(e.option == option.name);
          CHECK(string(e.what()).find('\n') == string::npos);
        }
      }
    }
  });
}

TEST_CASE("a transform loses no dataset unless it says so, and makes no conflict by itself") {
  const ExampleRun run;
  for_each_transform([&](const TransformRegistry& registry, const string& name, const TransformOptions& options) {
    const Transform transform = registry.make(name, options);
    Plan plan = run.plan();
    const auto before = written(plan);
    for (int times = 0; times < 2; ++times) {
      transform(plan);
      if (!registry.info(name).omits) CHECK(written(plan) == before);
    }
    std::multiset<std::pair<Group, string>> parts;
    for (const Node& node : plan.nodes)
      if (std::holds_alternative<DatasetState>(node.source)) parts.insert(identity(*node.state()));
    for (const auto& part : before) CHECK(parts.count(part) <= 1);
    CHECK_NOTHROW(settle(plan));
    for (const Node& node : plan.nodes)
      if (std::holds_alternative<Refused>(node.form)) CHECK(node.state() != nullptr);
  });
}

TEST_CASE("each transform and each of its options has its place in the documentation") {
  const std::filesystem::path docs = std::filesystem::path(DAYBOOK_TESTS_DIR) / ".." / "docs" / "layouts";
  const string overview = read_file(docs / "README.md");
  const string common = read_file(docs / "selection.md");
  const auto row = [](const string& page, const string& option) {
    const std::size_t start = page.find("\n| `" + option + "` |");
    return start == string::npos ? string() : page.substr(start + 1, page.find('\n', start + 1) - start - 1);
  };
  for (const OptionInfo& option : selection_options()) CHECK_FALSE(row(common, option.name).empty());
  for_each_transform([&](const TransformRegistry& registry, const string& name, const TransformOptions&) {
    const TransformInfo& info = registry.info(name);
    const string page = read_file(docs / (name + ".md"));
    CHECK(page.find("# " + name) == 0);
    CHECK(overview.find("(" + name + ".md)") != string::npos);
    if (info.selects) CHECK(page.find("(selection.md)") != string::npos);
    for (const OptionInfo& option : info.options) {
      if (is_common(option)) continue;
      INFO("option " << option.name);
      const string found = row(page, option.name);
      CHECK_FALSE(found.empty());
      if (option.otherwise) CHECK(found.find(to_text(*option.otherwise)) != string::npos);
      if (option.required) CHECK(found.find("required") != string::npos);
      for (const string& choice : option.choices) CHECK(found.find("`\"" + choice + "\"`") != string::npos);
    }
  });
}
