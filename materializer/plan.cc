#include "daybook/materializer/plan.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <unordered_map>

#include "daybook/journal/error.h"
#include "daybook/materializer/object_path.h"

namespace daybook {
namespace {

using detail::quote_name;

std::string_view group_path(Group group) { return group == Group::archive ? "/archive" : "/datasets"; }

Node fixed_group(std::string path) {
  return {.path = std::move(path), .source = {}, .form = AsGroup{}, .attributes = {}, .fixed = true};
}

Node root_scalar(std::string path, const Value& value) {
  return {.path = std::move(path), .source = value.owned(), .form = AsDataset{}, .attributes = {}, .fixed = true};
}

Node dataset_node(const Reader& reader, const DatasetState& state, Sequence as_of) {
  Node node{.path = {}, .source = state, .form = AsDataset{}, .attributes = {}};
  try {
    node.path = detail::object_path(group_path(state.group), state.key);
    node.attributes = dataset_attributes(reader, state, as_of);
  } catch (const InvalidError& e) {
    node.form = Refused{e.what(), nullptr, 0};
  }
  return node;
}

// Who stands at a path: a node, or only the way to one, which `claimant` was the first to need.
struct Occupant {
  bool group = false;
  const Node* node = nullptr;
  const Node* claimant = nullptr;
};
struct Conflict {
  std::string reason;
  const Node* rival = nullptr;
};
using Occupants = std::unordered_map<std::string, Occupant>;

std::string who(const Node& node) {
  if (const DatasetState* state = node.state())
    return fmt::format("{} {}", state->group == Group::archive ? "archived value" : "dataset", quote_name(state->key));
  return fmt::format("{}'s own {}", node.fixed ? "the file" : node.origin, node.path);
}

// Empty if `node` was given its place.
std::optional<Conflict> find_conflict(Occupants& places, const Node& node) {
  const bool group = std::holds_alternative<AsGroup>(node.form);
  std::vector<std::string> new_groups;
  for (std::string_view parent = detail::parent_path(node.path); parent != "/"; parent = detail::parent_path(parent)) {
    const auto found = places.find(std::string(parent));
    if (found == places.end()) {
      new_groups.emplace_back(parent);
      continue;
    }
    if (!found->second.group)
      return Conflict{fmt::format("no place at {}: {} is no group but {}", node.path, parent, who(*found->second.node)),
                      found->second.claimant};
    break;  // a known group: so is everything above it
  }
  const auto [here, fresh] = places.try_emplace(node.path, Occupant{group, &node, &node});
  if (!fresh && !(group && here->second.group)) {
    if (here->second.group)
      return Conflict{fmt::format("no place at {}: there is a group of that name", node.path), here->second.claimant};
    return Conflict{fmt::format("no place at {}: taken by {}", node.path, who(*here->second.node)),
                    here->second.claimant};
  }
  for (std::string& path : new_groups) places.emplace(std::move(path), Occupant{true, nullptr, &node});
  return {};
}

bool takes_place(const Node& node) {
  return !std::holds_alternative<Omitted>(node.form) && !std::holds_alternative<Refused>(node.form) &&
         !std::holds_alternative<AsAttribute>(node.form);
}

const Value* whole_value(const EventBody& body) {
  if (const auto* set = std::get_if<Set>(&body)) return &set->value;
  if (const auto* replace = std::get_if<Replace>(&body)) return &replace->value;
  if (const auto* archived = std::get_if<Archived>(&body)) return &archived->value;
  return nullptr;
}

StoredAs without_elements(const StoredValue& value) { return {value.form, value.type, value.shape}; }

}  // namespace

Node* Plan::find(std::string_view path) {
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&](const Node& n) { return n.path == path && takes_place(n); });
  return found == nodes.end() ? nullptr : &*found;
}

Plan default_plan(const Reader& reader, Sequence as_of, std::string_view layout_name) {
  Plan plan{.reader = &reader, .as_of = as_of, .nodes = {}};
  const RunInfo& info = reader.info();
  Node root = fixed_group("/");
  const bool complete = reader.status().phase == Phase::finished && as_of == reader.last();
  root.attributes = {{"daybook_journal", Value(to_string(info.uuid)).owned()},
                     {"daybook_event", Value(static_cast<std::int64_t>(as_of))},
                     {"daybook_layout", Value(layout_name).owned()},
                     {"daybook_complete", Value(complete)}};
  plan.nodes.push_back(std::move(root));

  const std::vector<DatasetState> states = reader.states(as_of);
  plan.nodes.reserve(states.size() + 8);
  plan.nodes.push_back(fixed_group("/datasets"));
  for (const DatasetState& state : states)
    if (state.group == Group::datasets && state.saved) plan.nodes.push_back(dataset_node(reader, state, as_of));
  plan.nodes.push_back(fixed_group("/archive"));
  for (const DatasetState& state : states)
    if (state.group == Group::archive) plan.nodes.push_back(dataset_node(reader, state, as_of));

  plan.nodes.push_back(root_scalar("/artiq_version", Value(info.software_version)));
  plan.nodes.push_back(root_scalar("/rid", Value(info.rid)));
  plan.nodes.push_back(root_scalar("/start_time", Value(info.start_time)));
  std::optional<double> run_time;
  for (const Event& event : reader.stages(as_of))
    if (const auto* stage = std::get_if<StageChanged>(&event.body); stage != nullptr && stage->stage == "run")
      run_time = stage->run_time;
  if (run_time) plan.nodes.push_back(root_scalar("/run_time", Value(*run_time)));
  plan.nodes.push_back(root_scalar("/expid", Value(info.expid)));
  return plan;
}

void settle(Plan& plan) {
  Occupants places;
  places.reserve(plan.nodes.size() + 1);
  places.emplace("/", Occupant{true, nullptr, nullptr});
  for (const bool fixed : {true, false}) {
    for (Node& node : plan.nodes) {
      if (node.fixed != fixed || !takes_place(node)) continue;
      const auto conflict = find_conflict(places, node);
      if (!conflict) continue;
      Refused refused{conflict->reason, nullptr, 0};
      if (conflict->rival != nullptr) {
        refused.instead = std::make_shared<const Node>(node);
        refused.rival = static_cast<std::size_t>(conflict->rival - plan.nodes.data());
      }
      node.form = std::move(refused);
    }
  }
}

StoredAs stored_as(const Plan& plan, const Node& node) {
  if (const Value* value = std::get_if<Value>(&node.source)) return without_elements(to_stored(*value));
  const DatasetState* state = node.state();
  if (state == nullptr) throw InvalidError(fmt::format("{} has no value", node.path));
  if (plan.reader == nullptr)
    throw InvalidError(fmt::format("{} comes from a journal, but the plan has none", node.path));
  const Event base = plan.reader->event(state->base);
  const Value* value = whole_value(base.body);
  // Only lists change their shape or type by later events.
  if (value != nullptr && value->form() != Form::list && value->form() != Form::objects)
    return without_elements(to_stored(*value));
  return without_elements(replay(*plan.reader, *state));
}

void move_subtree(Plan& plan, std::string_view from, std::string_view to) {
  const auto move = [&](std::string& path) {
    if (!detail::is_within(path, from)) return;
    const std::string_view rest = std::string_view(path).substr(from == "/" ? 0 : from.size());
    std::string moved = to == "/" ? std::string(rest) : std::string(to) + std::string(rest == "/" ? "" : rest);
    path = moved.empty() ? "/" : std::move(moved);
  };
  for (Node& node : plan.nodes) {
    move(node.path);
    if (auto* attribute = std::get_if<AsAttribute>(&node.form)) move(attribute->object);
    if (auto* link = std::get_if<AsLink>(&node.form)) move(link->target);
  }
}

bool matches_any(const std::vector<std::string>& globs, const std::string& key) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return fnmatch(glob.c_str(), key.c_str(), 0) == 0; });
}

}  // namespace daybook
