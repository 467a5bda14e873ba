#include "daybook/materializer/plan.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "daybook/journal/error.h"
#include "daybook/materializer/file_properties.h"
#include "daybook/materializer/object_path.h"
#include "daybook/materializer/storage_options.h"

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
    std::get<AsDataset>(node.form).storage = detail::own_storage(reader, state, node.notes);
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

// Of a conflict that a transform brought about: the layout is wrong, not the run.
bool is_default(const Node* node) { return node == nullptr || node->fixed || node->origin == default_origin; }

// Two datasets whose keys are in each other's way in any layout: the run is the reason, wherever they were moved.
bool keys_collide(const Node& a, const Node* b) {
  const DatasetState* one = a.state();
  const DatasetState* other = b == nullptr ? nullptr : b->state();
  if (one == nullptr || other == nullptr || one->group != other->group) return false;
  try {
    const std::string here = detail::object_path(group_path(one->group), one->key);
    const std::string there = detail::object_path(group_path(other->group), other->key);
    return one->key != other->key && (detail::is_within(here, there) || detail::is_within(there, here));
  } catch (const InvalidError&) {
    return false;
  }
}

std::string with_origin(const Node& node) { return fmt::format("{} at {} (by {})", who(node), node.path, node.origin); }

// What an attribute, a field or a hard link belongs to, and what that has to be.
struct Belongs {
  std::string_view path;
  std::string_view as;  // "its attribute", …
  bool to_table = false;
};

std::optional<Belongs> belongs(const Node& node) {
  if (const auto* attribute = std::get_if<AsAttribute>(&node.form))
    return Belongs{attribute->object, "an attribute of", false};
  if (const auto* field = std::get_if<AsField>(&node.form)) return Belongs{field->table, "a field of", true};
  const auto* link = std::get_if<AsLink>(&node.form);
  if (link != nullptr && link->kind == AsLink::Kind::hard) return Belongs{link->target, "a hard link to", false};
  return std::nullopt;
}

// Every object of the file that nodes can belong to, with the groups on the way to them.
std::unordered_map<std::string_view, const Node*> objects_of(const Plan& plan) {
  std::unordered_map<std::string_view, const Node*> objects;
  objects.reserve(plan.nodes.size() + 1);
  for (const Node& node : plan.nodes) {
    if (!node.is_object()) continue;
    objects.insert_or_assign(node.path, &node);
    for (std::string_view up = detail::parent_path(node.path); up != "/"; up = detail::parent_path(up))
      if (!objects.try_emplace(up, nullptr).second) break;
  }
  objects.try_emplace("/", nullptr);
  return objects;
}

void check_belongings(const Plan& plan) {
  if (std::ranges::none_of(plan.nodes, [](const Node& node) { return belongs(node).has_value(); })) return;
  const auto objects = objects_of(plan);
  std::unordered_map<std::string_view, const Node*> absent;  // who would have been there
  for (const Node& node : plan.nodes) {
    const std::optional<Belongs> to = belongs(node);
    if (!to) continue;
    const auto found = objects.find(to->path);
    const bool table =
        found != objects.end() && found->second != nullptr && std::holds_alternative<AsTable>(found->second->form);
    if (found != objects.end() && (table || !to->to_table)) continue;
    if (absent.empty())
      for (const Node& other : plan.nodes)
        if (!other.is_object()) absent.try_emplace(other.path, &other);
    // The run's own data is the reason: the writer keeps the value by itself.
    const auto missing = absent.find(to->path);
    if (missing != absent.end() && std::holds_alternative<Refused>(missing->second->form)) continue;
    throw InvalidError(fmt::format("{} is to be {} {}, but {}", with_origin(node), to->as, to->path,
                                   found != objects.end() && found->second == nullptr ? "that is a group"
                                   : found != objects.end() ? with_origin(*found->second) + " is no table"
                                   : missing == absent.end()
                                       ? std::string("there is no such object in the file")
                                       : with_origin(*missing->second) + " is not in the file as an object"));
  }
}

// No object has two attributes, no table two fields of one name.
void check_names(const Plan& plan) {
  std::unordered_map<std::string, const Node*> names;
  const auto take = [&](const Node& node, char what, const std::string& owner, const std::string& name) {
    const auto [first, fresh] = names.try_emplace(what + owner + '\0' + name, &node);
    if (!fresh && first->second != &node)
      throw InvalidError(fmt::format("{} is to be the {} {} of {}, but there is one already: {}", with_origin(node),
                                     what == '@' ? "attribute" : "field", quote_name(name), owner,
                                     with_origin(*first->second)));
  };
  std::unordered_set<std::string_view> owners;  // that can have a name twice
  for (const Node& node : plan.nodes)
    if (const auto* attribute = std::get_if<AsAttribute>(&node.form)) owners.insert(attribute->object);
  for (const Node& node : plan.nodes)
    if (std::holds_alternative<AsGroup>(node.form) || (node.is_object() && owners.count(node.path) != 0))
      for (const auto& [name, value] : node.attributes) take(node, '@', node.path, name);
  for (const Node& node : plan.nodes) {
    if (const auto* attribute = std::get_if<AsAttribute>(&node.form))
      take(node, '@', attribute->object, attribute->name);
    if (const auto* field = std::get_if<AsField>(&node.form)) take(node, '.', field->table, field->name);
  }
}

}  // namespace

const DatasetState* Node::state() const {
  if (const auto* history = std::get_if<History>(&source)) return &history->state;
  return std::get_if<DatasetState>(&source);
}

bool Node::is_written() const {
  return !std::holds_alternative<Omitted>(form) && !std::holds_alternative<Refused>(form);
}

bool Node::is_object() const {
  return is_written() && !std::holds_alternative<AsAttribute>(form) && !std::holds_alternative<AsField>(form);
}

Node* Plan::find(std::string_view path) {
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&](const Node& n) { return n.path == path && n.is_object(); });
  return found == nodes.end() ? nullptr : &*found;
}

Plan default_plan(const Reader& reader, Sequence as_of, std::string_view layout_name) {
  Plan plan{.reader = &reader, .as_of = as_of, .nodes = {}};
  const RunInfo& info = reader.info();
  Node root = fixed_group("/");
  const bool complete = reader.is_complete(as_of);
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
  detail::check_file_properties(plan.file);
  Occupants places;
  places.reserve(plan.nodes.size() + 1);
  places.emplace("/", Occupant{true, nullptr, nullptr});
  for (const bool fixed : {true, false}) {
    for (Node& node : plan.nodes) {
      if (node.fixed != fixed || !node.is_object()) continue;
      const auto conflict = find_conflict(places, node);
      if (!conflict) continue;
      if ((!is_default(&node) || !is_default(conflict->rival)) && !keys_collide(node, conflict->rival))
        throw InvalidError(fmt::format("{}: {}; the other one is {}", with_origin(node), conflict->reason,
                                       conflict->rival == nullptr ? "the root" : with_origin(*conflict->rival)));
      Refused refused{conflict->reason, nullptr, 0};
      if (conflict->rival != nullptr) {
        refused.instead = std::make_shared<const Node>(node);
        refused.rival = static_cast<std::size_t>(conflict->rival - plan.nodes.data());
      }
      node.form = std::move(refused);
    }
  }
  check_belongings(plan);
  check_names(plan);
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
    if (auto* field = std::get_if<AsField>(&node.form)) move(field->table);
    if (auto* link = std::get_if<AsLink>(&node.form); link != nullptr && link->kind != AsLink::Kind::external)
      move(link->target);
  }
}

bool matches_any(const std::vector<std::string>& globs, const std::string& key) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return fnmatch(glob.c_str(), key.c_str(), 0) == 0; });
}

}  // namespace daybook
