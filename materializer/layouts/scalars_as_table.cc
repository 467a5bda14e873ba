#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <unordered_set>
#include <vector>

#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/layouts/places.h"
#include "daybook/materializer/node_value.h"
#include "daybook/materializer/object_path.h"

namespace daybook::layouts {
namespace {

bool is_text(const Type& type) { return type.kind() == Kind::string || type.kind() == Kind::fixed_string; }

// The table of one place. Where something else has its name it is called as the layout says with a number after it.
class Table {
 public:
  Table(Plan& plan, Places& places, std::string path, AsTable::Rows rows) : plan_(plan), path_(std::move(path)) {
    const std::optional<std::size_t> found = places.find(path_);
    exists_ = found && std::holds_alternative<AsTable>(plan.nodes[*found].form);  // made by an earlier use
    if (exists_) {
      std::get<AsTable>(plan.nodes[*found].form).rows = rows;
      for (const Node& node : plan.nodes)
        if (const auto* field = std::get_if<AsField>(&node.form); field != nullptr && field->table == path_)
          names_.insert(field->name);
      return;
    }
    rows_ = rows;
    const std::string wanted = path_;
    for (unsigned number = 2; !places.is_free(path_); ++number) path_ = fmt::format("{}_{}", wanted, number);
    places.take_way_to(path_);
    places.take(path_, plan.nodes.size(), false);
  }

  // A node whose name is that of a field already stays a dataset.
  void add(Node& node, std::string name) {
    if (!names_.insert(name).second) return;
    node.form = AsField{path_, std::move(name)};
    node.origin = "scalars-as-table";
  }

  void finish() {
    if (!exists_)
      plan_.nodes.push_back(constant_node(path_, AsTable{.storage = {}, .rows = rows_}, "scalars-as-table"));
  }

 private:
  Plan& plan_;
  std::string path_;
  AsTable::Rows rows_ = AsTable::Rows::automatic;
  bool exists_ = false;
  std::unordered_set<std::string> names_;
};

AsTable::Rows rows_option(std::string_view text) {
  if (text == "one") return AsTable::Rows::one;
  return text == "many" ? AsTable::Rows::many : AsTable::Rows::automatic;
}

class Gathering {
 public:
  explicit Gathering(const CheckedOptions& options)
      : table_(options.text("table")),
        prefix_(options.text("prefix")),
        strings_(options.boolean("strings")),
        rows_(rows_option(options.text("rows"))),
        selection_(options) {
    path_option(options, "table");
    if (table_ == "/") options.wrong("table", "must be a name: the root is a group");
  }

  void operator()(Plan& plan) const {
    const Groups groups(plan);
    Places places(plan);
    std::deque<std::pair<std::string, Table>> tables;  // by place, in the order of their first field
    const auto table_at = [&](std::string path) {
      const auto found = std::ranges::find(tables, path, [](const auto& one) { return one.first; });
      if (found != tables.end()) return &found->second;
      Table table(plan, places, path, rows_);
      return &tables.emplace_back(std::move(path), std::move(table)).second;
    };
    std::vector<std::pair<std::string_view, Table*>> of_groups;
    for (const std::size_t i : scalars(plan, groups)) {
      Node& node = plan.nodes[i];
      const std::string_view group = groups.of(node.path);
      auto there = std::ranges::find(of_groups, group, [](const auto& one) { return one.first; });
      if (there == of_groups.end()) there = of_groups.insert(there, {group, table_at(checked_path(group, table_))});
      there->second->add(node, std::string(groups.name(node.path).substr(prefix_.size())));
    }
    for (auto& [path, table] : tables) table.finish();
  }

 private:
  // The nodes that become fields.
  [[nodiscard]] std::vector<std::size_t> scalars(const Plan& plan, const Groups& groups) const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
      const Node& node = plan.nodes[i];
      if (!std::holds_alternative<AsDataset>(node.form) || !selection_.matches(plan, node)) continue;
      const std::string_view name = groups.name(node.path);
      if (!name.starts_with(prefix_) || name.size() == prefix_.size()) continue;
      try {
        const StoredAs value = stored_as(plan, node);
        if (value.form == Form::scalar && (strings_ || !is_text(value.type))) found.push_back(i);
      } catch (const InvalidError&) {
        continue;  // cannot be stored: the writer will say why
      }
    }
    return found;
  }

  std::string table_, prefix_;
  bool strings_;
  AsTable::Rows rows_;
  Selection selection_;
};

Transform make_scalars_as_table(const CheckedOptions& options) { return Gathering(options); }

}  // namespace

void add_scalars_as_table(TransformRegistry& registry) {
  registry.add({.name = "scalars-as-table",
                .summary = "Puts all scalars into one table instead of a dataset each.",
                .options = {{.name = "table",
                             .help = "its name beside the datasets, or a path such as \"/settings\"",
                             .otherwise = std::string("scalars")},
                            {.name = "prefix",
                             .help = "only names that begin with it; the fields are called by what follows",
                             .otherwise = std::string()},
                            {.name = "strings", .type = OptionType::boolean, .help = "strings, too", .otherwise = true},
                            {.name = "rows",
                             .type = OptionType::choice,
                             .help = "one row with a field each, a row each with its name, or what suits their number",
                             .otherwise = std::string("automatic"),
                             .choices = {"automatic", "one", "many"}}},
                .selects = true},
               make_scalars_as_table);
}

}  // namespace daybook::layouts
