#include "daybook/materializer/layouts/built_in.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "daybook/materializer/object_path.h"

namespace daybook::layouts {
namespace {

// Leaves out one of each pair that would come to stand at one place.
void resolve_conflicts(Plan& plan, const std::string& keep) {
  std::unordered_map<std::string, std::size_t> datasets;  // path below /datasets → node
  constexpr std::string_view datasets_group = "/datasets", archive_group = "/archive";
  for (std::size_t i = 0; i < plan.nodes.size(); ++i)
    if (plan.nodes[i].is_written() && plan.nodes[i].path != datasets_group &&
        detail::is_within(plan.nodes[i].path, datasets_group))
      datasets.emplace(plan.nodes[i].path.substr(datasets_group.size()), i);
  for (Node& archived : plan.nodes) {
    if (!archived.is_written() || archived.path == archive_group || !detail::is_within(archived.path, archive_group))
      continue;
    const auto found = datasets.find(archived.path.substr(archive_group.size()));
    if (found == datasets.end()) continue;
    Node& dataset = plan.nodes[found->second];
    if (keep == "error")
      throw InvalidError(
          fmt::format("{} and {} would come to stand at one place: set on-conflict to \"datasets\" or \"archive\"",
                      dataset.path, archived.path));
    Node& loser = keep == "archive" ? dataset : archived;
    loser.form = Omitted{
        fmt::format("on-conflict = \"{}\": {} is kept", keep, keep == "archive" ? archived.path : dataset.path)};
    loser.origin = "merge-archive";
  }
}

Transform make_merge_archive(const CheckedOptions& options) {
  const std::string keep = options.text("on-conflict");
  std::string group = "/";
  try {
    if (options.text("group") != "/") group = detail::object_path("/", options.text("group"));
  } catch (const InvalidError& e) {
    options.wrong("group", e.what());
  }

  return [group, keep](Plan& plan) {
    resolve_conflicts(plan, keep);
    std::erase_if(plan.nodes, [&](const Node& node) {
      return std::holds_alternative<AsGroup>(node.form) && (node.path == "/archive" || node.path == "/datasets") &&
             node.path != group;
    });
    for (Node& node : plan.nodes)
      if (detail::is_within(node.path, "/archive") ||
          (detail::is_within(node.path, "/datasets") && group != "/datasets"))
        node.origin = "merge-archive";
    // By way of a name that no key can have: the new group may lie inside one of the old ones.
    move_subtree(plan, "/datasets", std::string("/\0", 2));
    move_subtree(plan, "/archive", std::string("/\0", 2));
    move_subtree(plan, std::string("/\0", 2), group);
    if (group != "/" && plan.find(group) == nullptr) {
      Node node{
          .path = group, .source = {}, .form = AsGroup{}, .attributes = {}, .origin = "merge-archive", .fixed = true};
      plan.nodes.insert(plan.nodes.begin() + std::min<std::ptrdiff_t>(1, std::ssize(plan.nodes)), std::move(node));
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
