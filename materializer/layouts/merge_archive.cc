#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/layouts/places.h"
#include "daybook/materializer/object_path.h"

namespace daybook::layouts {
namespace {

constexpr std::string_view datasets_group = "/datasets", archive_group = "/archive";

bool is_inside(std::string_view path, std::string_view group) {
  return path != group && detail::is_within(path, group);
}

// Where a node stands below its group, or what it is a part of: two that say the same meet in the one group.
std::optional<std::string> place_in(const Node& node, std::string_view group) {
  if (const auto* attribute = std::get_if<AsAttribute>(&node.form)) {
    if (!detail::is_within(attribute->object, group)) return std::nullopt;
    return attribute->object.substr(group.size()) + std::string("\0@", 2) + attribute->name;
  }
  if (const auto* field = std::get_if<AsField>(&node.form)) {
    if (!is_inside(field->table, group)) return std::nullopt;
    return field->table.substr(group.size()) + std::string("\0.", 2) + field->name;
  }
  if (!node.is_object() || !is_inside(node.path, group)) return std::nullopt;
  return node.path.substr(group.size());
}

bool shares_place(const Node& a, const Node& b) {
  return (std::holds_alternative<AsGroup>(a.form) && std::holds_alternative<AsGroup>(b.form)) ||
         (std::holds_alternative<AsTable>(a.form) && std::holds_alternative<AsTable>(b.form));
}

// Leaves out one of each pair that would come to stand at one place, or one below the other.
class Conflicts {
 public:
  Conflicts(Plan& plan, const std::string& keep) : plan_(plan), keep_(keep) {
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
      const auto place = place_in(plan.nodes[i], datasets_group);
      if (!place) continue;
      datasets_.emplace(*place, i);
      if (!plan.nodes[i].is_object()) continue;
      for (std::string_view up = detail::parent_path(*place); up != "/"; up = detail::parent_path(up))
        below_[std::string(up)].push_back(i);
    }
  }

  void resolve() {
    for (Node& archived : plan_.nodes) {
      const auto place = place_in(archived, archive_group);
      if (!place) continue;
      for (const std::size_t rival : rivals(archived, *place))
        if (archived.is_written()) leave_one_out(plan_.nodes[rival], archived);
    }
    // A table that is left out takes its fields along.
    for (Node& node : plan_.nodes)
      if (const auto* field = std::get_if<AsField>(&node.form))
        if (const auto lost = lost_tables_.find(field->table); lost != lost_tables_.end())
          leave_out(node, lost->second);
  }

 private:
  [[nodiscard]] std::vector<std::size_t> rivals(const Node& archived, const std::string& place) const {
    std::vector<std::size_t> out;
    const auto add = [&](const auto& found) {
      if (found != datasets_.end() && !shares_place(plan_.nodes[found->second], archived)) out.push_back(found->second);
    };
    add(datasets_.find(place));
    if (!archived.is_object()) return out;
    for (std::string_view up = detail::parent_path(place); up != "/"; up = detail::parent_path(up)) {
      const auto above = datasets_.find(std::string(up));
      if (above != datasets_.end() && !std::holds_alternative<AsGroup>(plan_.nodes[above->second].form)) add(above);
    }
    const auto below = below_.find(place);
    if (below != below_.end() && !std::holds_alternative<AsGroup>(archived.form))
      out.insert(out.end(), below->second.begin(), below->second.end());
    return out;
  }

  void leave_one_out(Node& dataset, Node& archived) {
    if (!dataset.is_written()) return;
    if (keep_ == "error")
      throw InvalidError(
          fmt::format("{} and {} would come to stand at one place: set on-conflict to \"datasets\" or \"archive\"",
                      dataset.path, archived.path));
    const bool keeps_archive = keep_ == "archive";
    Node& loser = keeps_archive ? dataset : archived;
    const std::string reason =
        fmt::format("on-conflict = \"{}\": {} is kept", keep_, keeps_archive ? archived.path : dataset.path);
    if (std::holds_alternative<AsTable>(loser.form)) lost_tables_.emplace(loser.path, reason);
    leave_out(loser, reason);
  }

  static void leave_out(Node& node, const std::string& reason) {
    node.form = Omitted{reason};
    node.origin = "merge-archive";
  }

  Plan& plan_;
  const std::string& keep_;
  std::unordered_map<std::string, std::size_t> datasets_;            // what stands at a place below /datasets …
  std::unordered_map<std::string, std::vector<std::size_t>> below_;  // … and the objects below one
  std::unordered_map<std::string, std::string> lost_tables_;         // and why
};

// Of two groups or tables at one place the first is there for both.
void join_containers(Plan& plan) {
  std::unordered_map<std::string, std::size_t> containers;
  std::vector<bool> joined(plan.nodes.size());
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    Node& node = plan.nodes[i];
    if (!std::holds_alternative<AsTable>(node.form) && !std::holds_alternative<AsGroup>(node.form)) continue;
    const auto [first, fresh] = containers.emplace(node.path, i);
    if (fresh || !shares_place(plan.nodes[first->second], node)) continue;
    for (auto& attribute : node.attributes)
      if (!has_attribute(plan.nodes[first->second], attribute.first))
        plan.nodes[first->second].attributes.push_back(std::move(attribute));
    plan.nodes[first->second].fixed |= node.fixed;
    joined[i] = true;
  }
  std::erase_if(plan.nodes,
                [&](const Node& node) { return joined[static_cast<std::size_t>(&node - plan.nodes.data())]; });
}

Transform make_merge_archive(const CheckedOptions& options) {
  return [group = path_option(options, "group"), keep = options.text("on-conflict")](Plan& plan) {
    Conflicts(plan, keep).resolve();
    std::erase_if(plan.nodes, [&](const Node& node) {
      return std::holds_alternative<AsGroup>(node.form) && node.attributes.empty() &&
             (node.path == archive_group || node.path == datasets_group) && node.path != group;
    });
    for (Node& node : plan.nodes)
      if (detail::is_within(node.path, archive_group) ||
          (detail::is_within(node.path, datasets_group) && group != datasets_group))
        node.origin = "merge-archive";
    // By way of a name that no key can have: the new group may lie inside one of the old ones.
    const std::string between("/\0", 2);
    move_subtree(plan, datasets_group, between);
    move_subtree(plan, archive_group, between);
    move_subtree(plan, between, group);
    join_containers(plan);
    if (group != "/" && plan.find(group) == nullptr) {
      add_groups(plan, {group}, "merge-archive");
      if (Node* made = plan.find(group)) made->fixed = true;
    }
  };
}

}  // namespace

void add_merge_archive(TransformRegistry& registry) {
  registry.add(
      {.name = "merge-archive",
       .summary = "One group holds what ARTIQ puts into /datasets and /archive.",
       .options = {{.name = "group", .help = "where to; \"/\" is the root", .otherwise = std::string("datasets")},
                   {.name = "on-conflict",
                    .type = OptionType::choice,
                    .help = "which one is kept where a key is both a dataset of the run and an archived value",
                    .otherwise = std::string("datasets"),
                    .choices = {"datasets", "archive", "error"}}},
       .omits = true},
      make_merge_archive);
}

}  // namespace daybook::layouts
