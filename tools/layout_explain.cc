#include "tools/layout_explain.h"

#include <fmt/format.h>

#include <cstdio>

#include "daybook/journal/reader.h"
#include "tools/json_object.h"
#include "tools/layout_tree.h"
#include "tools/signals.h"

namespace daybook {
namespace {

std::string steps_json(const Layout& layout) {
  std::vector<std::string> steps;
  for (const LayoutStep& step : layout.steps) {
    JsonObject object;
    object.text("use", step.name).text("options", to_text(OptionValue(step.options)));
    if (!step.where.empty()) object.text("where", step.where);
    steps.push_back(object.str());
  }
  return json_array(steps);
}

}  // namespace

int explain_layout(const std::string& journal, const Choice& choice, bool json) {
  const MaterializeOptions options = choice.materialize_options();
  now_reading(journal);
  const Reader reader(journal);
  const Plan plan = make_plan(reader, options);
  const Layout& layout = options.layout;
  if (json) {
    fmt::print("{}\n", JsonObject()
                           .text("journal", journal)
                           .number("rid", reader.info().rid)
                           .text("class", reader.info().class_name)
                           .number("sequence", plan.as_of)
                           .json("layout", JsonObject()
                                               .text("name", layout.name)
                                               .text("digest", layout.digest())
                                               .json("transforms", steps_json(layout))
                                               .str())
                           .json("plan", plan_json(plan))
                           .str());
    return 0;
  }
  fmt::print(stderr, "run {} {} as of event {}, layout {}{}\n", reader.info().rid, printable(reader.info().class_name),
             plan.as_of, printable(layout.name), layout.steps.empty() ? "" : ":");
  for (std::size_t i = 0; i < layout.steps.size(); ++i) {
    const LayoutStep& step = layout.steps[i];
    fmt::print(stderr, "  {}  {}\n", printable(describe_step(layout, i)),
               step.options.empty() ? "" : printable(to_text(OptionValue(step.options))));
  }
  std::fflush(stderr);
  fmt::print("{}", plan_tree(plan));
  return 0;
}

}  // namespace daybook
