#include <fmt/format.h>

#include "daybook/materializer/cast_elements.h"
#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/node_value.h"
#include "daybook/materializer/object_path.h"
#include "daybook/materializer/type_text.h"

namespace daybook::layouts {
namespace {

// Times and sequence numbers of a history are not the dataset's values.
bool is_value(const Node& node) {
  const auto* history = std::get_if<History>(&node.source);
  return history == nullptr || history->part == History::Part::values;
}

// A text in a run where a number is usual is no reason to fail.
bool applies(const Plan& plan, const Node& node, const Type& to) {
  try {
    const StoredAs value = stored_as(plan, node);
    return !(value.type == to) && detail::can_cast(value.type, to);
  } catch (const InvalidError&) {
    return false;  // the writer will say why
  }
}

Transform make_cast(const CheckedOptions& options) {
  const std::string& wanted = options.text("to");
  const std::optional<Type> type = detail::find_type(wanted);
  if (!type)
    options.wrong("to", fmt::format("has no type {}: a number, bool or fixed-length string in NumPy's words, such as "
                                    "\"float32\", \"<i2\" or \"S20\"",
                                    detail::quote_name(wanted)));
  const bool lossy = options.boolean("allow-loss");
  return [to = *type, lossy, selection = Selection(options)](Plan& plan) {
    for (Node& node : plan.nodes) {
      if (!is_value(node) || !selection.matches(plan, node)) continue;
      Node plain = node;
      plain.cast.reset();
      if (!applies(plan, plain, to)) continue;
      node.cast = CastTo{to, lossy};
      node.edits.emplace_back("cast");
    }
  };
}

}  // namespace

void add_cast(TransformRegistry& registry) {
  registry.add({.name = "cast",
                .summary = "Stores values as another type, such as float32 instead of float64.",
                .options = {{.name = "to",
                             .help = "the type in NumPy's words: \"float32\", \"<i2\", \"bool\", \"S20\"",
                             .required = true},
                            {.name = "allow-loss",
                             .type = OptionType::boolean,
                             .help = "also where values change: rounded, out of range, cut",
                             .otherwise = false}},
                .selects = true},
               make_cast);
}

}  // namespace daybook::layouts
