// attributes and small-as-attributes: datasets that become attributes of another object.
#include <fmt/format.h>

#include <unordered_map>
#include <unordered_set>

#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/layouts/places.h"
#include "daybook/materializer/object_path.h"

namespace daybook::layouts {
namespace {

constexpr std::int64_t small = 1024;
constexpr std::int64_t most_small = 60000;  // of HDF5's 64 KiB for an attribute outside of dense storage

// What a node would become.
struct Wish {
  std::size_t node;
  std::string object, name;
};

// The names that attributes have already, by object.
class Names {
 public:
  explicit Names(const Plan& plan) {
    for (const Node& node : plan.nodes) {
      if (const auto* attribute = std::get_if<AsAttribute>(&node.form)) take(attribute->object, attribute->name);
      if (!node.is_object()) continue;
      for (const auto& [name, value] : node.attributes) take(node.path, name);
    }
  }
  // False if the name is taken.
  bool take(const std::string& object, const std::string& name) { return names_[object].insert(name).second; }

 private:
  std::unordered_map<std::string, std::unordered_set<std::string>> names_;
};

// Nobody becomes an attribute of one that becomes an attribute itself, and no name is used twice: those stay datasets.
// A dataset's own attributes (its unit) go along, as NAME.unit.
void become_attributes(Plan& plan, const std::vector<Wish>& wishes, const std::string& transform) {
  const Places places(plan);
  std::unordered_set<std::size_t> leaving;
  for (const Wish& wish : wishes) leaving.insert(wish.node);
  Names names(plan);
  std::vector<std::string> groups;
  std::unordered_map<std::string, std::vector<std::pair<std::string, Value>>> beside;
  for (const Wish& wish : wishes) {
    const std::optional<std::size_t> object = places.find(wish.object);
    if (object && leaving.count(*object) != 0) continue;
    if (!object && !places.is_group(wish.object) && !places.is_free(wish.object)) continue;
    if (!names.take(wish.object, wish.name)) continue;
    Node& node = plan.nodes[wish.node];
    for (const auto& [name, value] : node.attributes)
      if (std::string with = wish.name + "." + name; names.take(wish.object, with))
        beside[wish.object].emplace_back(std::move(with), value);
    node.form = AsAttribute{wish.object, wish.name};
    node.origin = transform;
    if (!object) groups.push_back(wish.object);
  }
  add_groups(plan, groups, transform);
  for (Node& node : plan.nodes) {
    const auto more = node.is_object() ? beside.find(node.path) : beside.end();
    if (more == beside.end()) continue;
    for (auto& attribute : more->second) node.attributes.push_back(std::move(attribute));
    note_edit(node, transform);
    beside.erase(more);
  }
}

// Where the attribute of one dataset goes.
class Destination {
 public:
  explicit Destination(const CheckedOptions& options)
      : separator_(options.text("separator")), if_missing_(options.text("if-missing")) {
    if (separator_.empty()) options.wrong("separator", "must not be empty");
    if (options.has("name")) name_ = options.text("name");
    if (options.has("of")) of_ = options.text("of");
    if (options.has("pattern")) {
      if (!of_) options.wrong("pattern", "needs the option of: whose attributes they become");
      pattern_ = pattern_option(options, "pattern");
      check_groups(options, "of", *of_);
      if (name_) check_groups(options, "name", *name_);
    } else if (of_ && of_ != "/") {
      path_option(options, "of");
    }
    if (name_ && !of_) options.wrong("name", "needs the option of: whose attributes they become");
    if (name_ && (name_->empty() || name_->find('\0') != std::string::npos || !detail::is_utf8(*name_)))
      options.wrong("name", "must be a name: UTF-8, not empty, without a NUL");
  }

  [[nodiscard]] std::optional<Wish> find(const Plan& plan, const Groups& groups, const Objects& objects,
                                         std::size_t index) const {
    const Node& node = plan.nodes[index];
    const std::string_view name = groups.name(node.path);
    return of_ ? named(node, groups, objects, index, name) : by_name(node, groups, objects, index, name);
  }

 private:
  void check_groups(const CheckedOptions& options, std::string_view option, const std::string& text) const {
    try {
      pattern_->check_replacement(text);
    } catch (const InvalidError& e) {
      options.wrong(option, e.what());
    }
  }

  // "image.exposure" → attribute "exposure" of "image".
  std::optional<Wish> by_name(const Node& node, const Groups& groups, const Objects& objects, std::size_t index,
                              std::string_view name) const {
    const std::size_t split = name.rfind(separator_);
    if (split == std::string_view::npos || split == 0) return std::nullopt;
    const std::string_view last = name.substr(split + separator_.size());
    if (last.empty() || last.find('/') != std::string_view::npos || name[split - 1] == '/') return std::nullopt;
    const std::string_view group = groups.of(node.path);
    std::string object = std::string(group == "/" ? "" : group) + "/" + std::string(name.substr(0, split));
    if (!objects.places().has(object) && !may_make(node, objects, object)) return std::nullopt;
    return Wish{index, std::move(object), std::string(last)};
  }

  std::optional<Wish> named(const Node& node, const Groups& groups, const Objects& objects, std::size_t index,
                            std::string_view name) const {
    std::string of = *of_;
    std::string attribute(name);
    const std::size_t split = name.rfind(separator_);
    if (split != std::string_view::npos && split + separator_.size() < name.size())
      attribute = name.substr(split + separator_.size());
    if (name_) attribute = *name_;
    if (pattern_) {
      const auto expanded = pattern_->expand(name, of);
      if (!expanded) return std::nullopt;
      of = *expanded;
      if (name_) attribute = *pattern_->expand(name, *name_);
    }
    if (attribute.empty())
      throw InvalidError(fmt::format("{} would become an attribute without a name of {}", key_of(node), of));
    std::optional<std::string> object = objects.find(of);
    if (!object) {
      const std::string path = checked_result(node, groups.of(node.path), of);
      if (objects.places().has(path) || may_make(node, objects, path)) object = path;
    }
    if (!object || *object == node.path) return std::nullopt;
    return Wish{index, *object, std::move(attribute)};
  }

  [[nodiscard]] bool may_make(const Node& node, const Objects& objects, const std::string& object) const {
    if (if_missing_ == "error")
      throw InvalidError(
          fmt::format("{} is to be an attribute of {}, but there is no such dataset or group", key_of(node), object));
    return if_missing_ == "group" && objects.places().is_free(object);
  }

  std::string separator_, if_missing_;
  std::optional<std::string> of_, name_;
  std::optional<detail::KeyPattern> pattern_;
};

Transform make_attributes(const CheckedOptions& options) {
  return [destination = Destination(options), selection = Selection(options)](Plan& plan) {
    const Groups groups(plan);
    const Objects objects(plan);
    std::vector<Wish> wishes;
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
      const Node& node = plan.nodes[i];
      if (!std::holds_alternative<AsDataset>(node.form) || !selection.matches(plan, node)) continue;
      if (std::optional<Wish> wish = destination.find(plan, groups, objects, i)) wishes.push_back(std::move(*wish));
    }
    become_attributes(plan, wishes, "attributes");
  };
}

Transform make_small_as_attributes(const CheckedOptions& options) {
  return [selection = Selection(options)](Plan& plan) {
    const Places places(plan);
    std::vector<Wish> wishes;
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
      const Node& node = plan.nodes[i];
      if (!std::holds_alternative<AsDataset>(node.form)) continue;
      const std::string group(detail::parent_path(node.path));
      if (places.is_group(group) && selection.matches(plan, node))
        wishes.push_back({i, group, std::string(detail::last_name(node.path))});
    }
    become_attributes(plan, wishes, "small-as-attributes");
  };
}

}  // namespace

void add_attributes(TransformRegistry& registry) {
  registry.add(
      {.name = "attributes",
       .summary = "Makes datasets attributes of another one: image.exposure becomes exposure of image.",
       .options =
           {{.name = "of", .help = "the dataset or group by key or path; without it, what the name begins with"},
            {.name = "name", .help = "what the attribute is called; otherwise the last part of the dataset's name"},
            {.name = "pattern", .help = "regular expression for a whole name: of and name may then hold $1 … $9"},
            {.name = "separator", .help = "what stands between the parts", .otherwise = std::string(".")},
            {.name = "if-missing",
             .type = OptionType::choice,
             .help = "where the run has no such object: the dataset stays one (keep), a group is made, or an error",
             .otherwise = std::string("keep"),
             .choices = {"keep", "group", "error"}}},
       .selects = true},
      make_attributes);
}

void add_small_as_attributes(TransformRegistry& registry) {
  registry.add({.name = "small-as-attributes",
                .summary = "Makes small datasets attributes of the group they are in.",
                .options = {{.name = "max-bytes",
                             .type = OptionType::integer,
                             .help = "larger ones stay datasets",
                             .otherwise = small,
                             .least = 0,
                             .most = most_small}},
                .selects = true},
               make_small_as_attributes);
}

}  // namespace daybook::layouts
