#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/layouts/places.h"
#include "daybook/materializer/node_value.h"
#include "daybook/materializer/object_path.h"

namespace daybook::layouts {
namespace {

constexpr std::uint64_t header_bytes = 60000;  // of the 64 KiB that HDF5 gives the description of a table's type

bool is_text(const Type& type) { return type.kind() == Kind::string || type.kind() == Kind::fixed_string; }

std::uint64_t padded(std::uint64_t bytes) { return (bytes + 7) / 8 * 8; }

// About what the description of a type takes in the file. HDF5's oldest encoding spends 40 bytes on a member.
std::uint64_t description_bytes(const Type& type, bool old_format) {
  const auto member = [&](std::uint64_t name, std::uint64_t bytes) {
    return bytes + (old_format ? padded(name + 1) + 32 : name + 5);
  };
  std::uint64_t bytes = 24;
  switch (type.kind()) {
    case Kind::boolean:
      return 48;
    case Kind::complex:
      return 8 + 2 * member(1, bytes);
    case Kind::enumeration:
      for (const std::string& name : type.enum_names()) bytes += padded(name.size() + 1) + 8;
      return bytes;
    case Kind::compound:
      for (const Member& part : type.members())
        bytes += member(part.name.size(), description_bytes(part.type, old_format)) + 8 * part.dims.size();
      return bytes;
    case Kind::vlen:
      return bytes + description_bytes(type.base(), old_format);
    default:
      return bytes;
  }
}

// The tables of one place: the first is called as the layout says, the next ones with a number after it.
class Tables {
 public:
  Tables(Plan& plan, Places& places, std::string path) : plan_(plan), places_(places), path_(std::move(path)) {}

  // A node whose name is that of a field already stays a dataset.
  void add(Node& node, const std::string& name, const Type& type) {
    const std::uint64_t bytes = field_bytes(name, type);
    if (current_.empty()) open_existing();
    if (!names_.insert(name).second) return;
    if (current_.empty() || used_ + bytes > header_bytes) next();
    used_ += bytes;
    node.form = AsField{current_, name};
    node.origin = "scalars-as-table";
    for (const auto& [attribute, value] : node.attributes)
      made_.back().second.emplace_back(name + "." + attribute, value);
  }

  // Appends what has to be made or changed.
  void finish() {
    for (auto& [path, attributes] : made_) {
      Node* table = plan_.find(path);
      if (table == nullptr) {
        plan_.nodes.push_back(constant_node(path, AsTable{}, "scalars-as-table"));
        table = &plan_.nodes.back();
      }
      note_edit(*table, "scalars-as-table");
      for (auto& attribute : attributes)
        if (!has_attribute(*table, attribute.first)) table->attributes.push_back(std::move(attribute));
    }
  }

 private:
  // A table that an earlier use of the transform made is gone on with.
  void open_existing() {
    const std::optional<std::size_t> found = places_.find(path_);
    if (!found || !std::holds_alternative<AsTable>(plan_.nodes[*found].form)) return;
    current_ = path_;
    made_.push_back({path_, {}});
    for (const Node& node : plan_.nodes) {
      const auto* field = std::get_if<AsField>(&node.form);
      if (field == nullptr || field->table != path_) continue;
      names_.insert(field->name);
      try {
        used_ += field_bytes(field->name, stored_as(plan_, node).type);
      } catch (const InvalidError&) {
        continue;  // will not be in the table
      }
    }
  }

  [[nodiscard]] std::uint64_t field_bytes(const std::string& name, const Type& type) const {
    const bool old_format = plan_.file.low == FileProperties::Version::earliest;
    return description_bytes(type, old_format) + (old_format ? padded(name.size() + 1) + 32 : name.size() + 5);
  }

  void next() {
    std::string path = path_;
    for (unsigned number = 2; !places_.is_free(path); ++number) path = fmt::format("{}_{}", path_, number);
    places_.take_way_to(path);
    places_.take(path, plan_.nodes.size(), false);
    made_.push_back({path, {}});
    current_ = std::move(path);
    used_ = 0;
  }

  Plan& plan_;
  Places& places_;
  std::string path_, current_;
  std::uint64_t used_ = 0;
  std::unordered_set<std::string> names_;
  std::vector<std::pair<std::string, std::vector<std::pair<std::string, Value>>>> made_;
};

class Gathering {
 public:
  explicit Gathering(const CheckedOptions& options)
      : table_(options.text("table")),
        prefix_(options.text("prefix")),
        strings_(options.boolean("strings")),
        selection_(options) {
    path_option(options, "table");
    if (table_ == "/") options.wrong("table", "must be a name: the root is a group");
  }

  void operator()(Plan& plan) const {
    const Groups groups(plan);
    Places places(plan);
    const std::vector<std::optional<Type>> types = scalars(plan, groups);
    std::vector<std::pair<std::string, Tables>> tables;  // by place, in the order of their first field
    for (std::size_t i = 0; i < types.size(); ++i) {
      if (!types[i]) continue;
      Node& node = plan.nodes[i];
      const std::string path = checked_path(groups.of(node.path), table_);
      const auto found = std::find_if(tables.begin(), tables.end(), [&](const auto& one) { return one.first == path; });
      Tables& there =
          found == tables.end() ? tables.emplace_back(path, Tables(plan, places, path)).second : found->second;
      there.add(node, std::string(groups.name(node.path).substr(prefix_.size())), *types[i]);
    }
    for (auto& [path, of_place] : tables) of_place.finish();
  }

 private:
  // The types of those nodes that become fields.
  [[nodiscard]] std::vector<std::optional<Type>> scalars(const Plan& plan, const Groups& groups) const {
    std::vector<std::optional<Type>> types(plan.nodes.size());
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
      const Node& node = plan.nodes[i];
      if (!std::holds_alternative<AsDataset>(node.form) || !selection_.matches(plan, node)) continue;
      const std::string_view name = groups.name(node.path);
      if (!name.starts_with(prefix_) || name.size() == prefix_.size()) continue;
      try {
        const StoredAs value = stored_as(plan, node);
        if (value.form == Form::scalar && (strings_ || !is_text(value.type))) types[i] = value.type;
      } catch (const InvalidError&) {
        continue;  // cannot be stored: the writer will say why
      }
    }
    return types;
  }

  std::string table_, prefix_;
  bool strings_;
  Selection selection_;
};

Transform make_scalars_as_table(const CheckedOptions& options) { return Gathering(options); }

}  // namespace

void add_scalars_as_table(TransformRegistry& registry) {
  registry.add(
      {.name = "scalars-as-table",
       .summary = "Puts all scalars into one table of one row instead of a dataset each.",
       .options = {{.name = "table",
                    .help = "its name beside the datasets, or a path such as \"/settings\"",
                    .otherwise = std::string("scalars")},
                   {.name = "prefix",
                    .help = "only names that begin with it; the fields are called by what follows",
                    .otherwise = std::string()},
                   {.name = "strings", .type = OptionType::boolean, .help = "strings, too", .otherwise = true}},
       .selects = true},
      make_scalars_as_table);
}

}  // namespace daybook::layouts
