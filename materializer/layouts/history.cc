#include <fmt/format.h>

#include <unordered_set>

#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/object_path.h"
#include "daybook/materializer/value_history.h"

namespace daybook::layouts {
namespace {

constexpr std::int64_t usual_max_bytes = std::int64_t{1} << 30;
constexpr std::string_view origin = "history";

Node part_node(std::string path, const History& history, History::Part part) {
  Node node{.path = std::move(path), .source = history, .form = AsDataset{}, .attributes = {}};
  std::get<History>(node.source).part = part;
  node.origin = origin;
  return node;
}

std::vector<Node> history_nodes(const Plan& plan, const Node& of, const History& history, const std::string& group) {
  const std::string place = detail::object_path(group, history.state.key);
  std::vector<Node> nodes;
  nodes.push_back(part_node(place + "/value", history, History::Part::values));
  Node& value = nodes.front();
  value.attributes = of.attributes;
  try {
    const detail::HistoryShape shape = detail::history_shape(*plan.reader, history);
    const bool items = shape.points.way == detail::HistoryPoints::Way::items;
    value.attributes.emplace_back("daybook_history", Value(items ? "items" : "values").owned());
    nodes.push_back(part_node(place + "/time", history, History::Part::times));
    nodes.back().attributes.emplace_back("unit", Value("s since 1970-01-01").owned());
    nodes.push_back(part_node(place + "/sequence", history, History::Part::sequences));
    if (shape.differs) nodes.push_back(part_node(place + "/shape", history, History::Part::shapes));
  } catch (const InvalidError& e) {
    value.path = place;
    value.form = Refused{e.what(), nullptr, 0};
  }
  return nodes;
}

Transform make_history(const CheckedOptions& options) {
  std::string group;
  try {
    group = detail::object_path("/", options.text("group"));
  } catch (const InvalidError& e) {
    options.wrong("group", e.what());
  }
  const auto max_bytes = static_cast<std::uint64_t>(options.integer("max-bytes"));
  return [group, max_bytes, selection = Selection(options)](Plan& plan) {
    if (plan.reader == nullptr) return;
    std::unordered_set<std::string_view> done;  // a dataset may stand in more than one place
    std::vector<Node> added;
    for (const Node& node : plan.nodes) {
      const auto* state = std::get_if<DatasetState>(&node.source);
      if (state == nullptr || state->group != Group::datasets || !selection.matches(plan, node)) continue;
      if (!done.insert(state->key).second) continue;
      for (Node& made : history_nodes(plan, node, {*state, History::Part::values, max_bytes}, group))
        added.push_back(std::move(made));
    }
    plan.nodes.insert(plan.nodes.end(), std::make_move_iterator(added.begin()), std::make_move_iterator(added.end()));
  };
}

}  // namespace

void add_history(TransformRegistry& registry) {
  registry.add({.name = "history",
                .summary = "Stores every value that a dataset had, with its time and sequence number.",
                .options = {{.name = "keys",
                             .type = OptionType::texts,
                             .help = "globs on dataset names (* also matches / and .)",
                             .required = true},
                            {.name = "group", .help = "where to", .otherwise = std::string("history")},
                            {.name = "max-bytes",
                             .type = OptionType::integer,
                             .help = "a history of more than so many bytes is refused",
                             .otherwise = usual_max_bytes,
                             .least = 0}},
                .selects = true},
               make_history);
}

}  // namespace daybook::layouts
