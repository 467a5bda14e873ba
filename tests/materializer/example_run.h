#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "daybook/journal/journal.h"
#include "daybook/materializer/transform.h"
#include "support/fresh_folder.h"

namespace daybook::test {

// A small finished run with some of everything, for transforms to work on.
class ExampleRun {
 public:
  ExampleRun() : reader_(record(folder_ / "run.daybook")) {}
  [[nodiscard]] Plan plan() const { return default_plan(reader_, reader_.last()); }
  // After one transform.
  [[nodiscard]] Plan after(const std::string& name, const TransformOptions& options) const {
    Plan changed = plan();
    built_in_transforms().make(name, options)(changed);
    return changed;
  }

 private:
  static std::filesystem::path record(const std::filesystem::path& dir) {
    RunInfo info;
    info.rid = 12;
    info.class_name = "Example";
    info.expid = "{}";
    info.start_time = 1.5;
    info.software_version = "7.0";
    Journal journal = Journal::create(dir, info);
    const std::vector<std::uint16_t> pixels(24, 7);
    const std::vector<double> numbers(3000, 0.5);
    SetOptions counts, seconds;
    counts.metadata = {{"unit", Value("counts")}};
    seconds.metadata = {{"unit", Value("s")}};
    journal.set("image", Value::array(pixels.data(), {4, 6}), counts);
    journal.set("image.exposure", Value(0.1), seconds);
    journal.set("image.gain", Value(2));
    journal.set("scan", Value(7));
    journal.set("scan.x", Value::array(numbers.data(), {5}), seconds);
    journal.set("scan.y", Value::array(numbers.data(), {5}));
    journal.set("scan/deep", Value(1));  // no place: scan is a dataset
    journal.set("group/a", Value(1));
    journal.set("group/b", Value("two"));
    journal.set("text", Value("µ"));
    journal.set("µ", Value(3.0));
    journal.set("line\nend", Value(1));
    journal.set("empty", Value::array(numbers.data(), {0, 3}));
    journal.set("list", Value::list({}));
    for (int i = 0; i < 3; ++i) journal.append("list", Value(i));
    journal.set("flag", Value(true));
    journal.set("none", Value::unstorable("NoneType", "None"));
    journal.set("big", Value::array(numbers.data(), {30, 100}));
    const std::vector<std::string_view> words = {"a", "bc"};
    journal.set("words", Value::strings({2}, words));
    journal.set("bad\xff", Value(1));  // cannot be a path
    journal.archive("image", Value(5));
    journal.archive("calibration", Value(7.5));
    journal.archive("cal.offset", Value(1));
    journal.finish();
    return dir;
  }

  FreshFolder folder_;
  Reader reader_;
};

inline const Node& node_of(const Plan& plan, const std::string& key, Group group = Group::datasets) {
  for (const Node& node : plan.nodes)
    if (const DatasetState* state = node.state(); state != nullptr && state->key == key && state->group == group)
      return node;
  throw std::runtime_error("the plan has no " + key);
}

inline std::string text_of(const Plan& plan, const Node& node) {
  const Plan one{.reader = plan.reader, .as_of = plan.as_of, .nodes = {node}};
  const std::string text = to_text(one);
  return text.substr(text.find('\n') + 1);
}

// "PATH  FORM [origin, edits]": what to_text() says of a dataset, without where its value comes from.
inline std::string shown(const Plan& plan, const Node& node) {
  const std::string text = text_of(plan, node);
  const std::size_t source = std::min(text.find(" <- "), text.find("  ["));
  return text.substr(0, source) + text.substr(text.rfind("  [") + 1, text.rfind(']') - text.rfind("  ["));
}
inline std::string shown(const Plan& plan, const std::string& key, Group group = Group::datasets) {
  return shown(plan, node_of(plan, key, group));
}

inline std::vector<std::string> attribute_names(const Node& node) {
  std::vector<std::string> names;
  for (const auto& [name, value] : node.attributes) names.push_back(name);
  return names;
}

inline OptionList texts(std::initializer_list<const char*> items) {
  OptionList list;
  for (const char* item : items) list.emplace_back(std::string(item));
  return list;
}

// The option that is at fault, and the message.
inline std::pair<std::string, std::string> fault(const std::string& name, const TransformOptions& options) {
  try {
    static_cast<void>(built_in_transforms().make(name, options));
  } catch (const OptionError& e) {
    return {e.option, e.what()};
  }
  return {"", "no fault"};
}

}  // namespace daybook::test
