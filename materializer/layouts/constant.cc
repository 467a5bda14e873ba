#include <fmt/format.h>

#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/layouts/places.h"
#include "daybook/materializer/object_path.h"

namespace daybook::layouts {
namespace {

using Attributes = std::vector<std::pair<std::string, Value>>;

Attributes attributes_option(const CheckedOptions& options) {
  Attributes attributes;
  if (!options.has("attributes")) return attributes;
  for (const auto& [name, value] : options.table("attributes")) {
    if (name.empty() || name.find('\0') != std::string::npos || !detail::is_utf8(name))
      options.wrong("attributes", fmt::format("has the name {}: it must be UTF-8, not empty, without a NUL",
                                              detail::quote_name(name)));
    if (name.starts_with("daybook_"))
      options.wrong("attributes", fmt::format("has the name {}: those are Daybook's own", detail::quote_name(name)));
    attributes.emplace_back(name, to_value(value));
  }
  return attributes;
}

void add_attributes(Node& node, const Attributes& attributes, bool replace) {
  bool changed = false;
  for (const auto& [name, value] : attributes) {
    if (!has_attribute(node, name)) {
      node.attributes.emplace_back(name, value);
    } else if (replace) {
      for (auto& attribute : node.attributes)
        if (attribute.first == name) attribute.second = value;
    } else {
      continue;  // what the run itself says counts
    }
    changed = true;
  }
  if (changed) note_edit(node, "constant");
}

class AttributesOf {
 public:
  explicit AttributesOf(const CheckedOptions& options)
      : of_(options.text("of")), attributes_(attributes_option(options)), replace_(options.boolean("replace")) {
    if (of_ != "/" && of_.starts_with('/')) of_ = path_option(options, "of");
    if_missing_ = of_.starts_with('/') ? "group" : "skip";
    if (options.has("if-missing")) if_missing_ = options.text("if-missing");
    if (if_missing_ == "group" && !of_.starts_with('/'))
      options.wrong("if-missing", "cannot be \"group\" where of is a dataset's key: write its path");
  }

  void operator()(Plan& plan) const {
    if (of_ == "/") return add_attributes(root_node(plan, "constant"), attributes_, replace_);
    const Objects objects(plan);
    const std::optional<std::string> path = objects.find(of_);
    if (!path && if_missing_ == "error")
      throw InvalidError(fmt::format("the run has no {} to be given attributes", detail::quote_name(of_)));
    if (!path && (if_missing_ == "skip" || !objects.places().is_free(of_))) return;
    const std::string at = path.value_or(of_);
    if (!path || !objects.places().find(at)) add_groups(plan, {at}, "constant");
    if (Node* node = plan.find(at)) add_attributes(*node, attributes_, replace_);
  }

 private:
  std::string of_, if_missing_;
  Attributes attributes_;
  bool replace_;
};

Transform make_constant(const CheckedOptions& options) {
  if (!options.has("path")) {
    if (options.has("value")) options.wrong("value", "needs the option path: where the dataset goes");
    if (!options.has("attributes"))
      options.wrong("attributes", "is missing: give attributes, or path and value for a dataset");
    return AttributesOf(options);
  }
  if (!options.has("value")) options.wrong("value", "is missing: what the dataset at path holds");
  if (options.text("of") != "/")
    options.wrong("of", "and path exclude each other: one for attributes, one for a dataset");
  if (options.has("if-missing")) options.wrong("if-missing", "is of no use for a dataset");
  const std::string path = path_option(options, "path");
  if (path == "/") options.wrong("path", "must not be the root: that is a group");
  Node node = constant_node(path, AsDataset{}, "constant");
  node.source = to_value(options.any("value"));
  node.attributes = attributes_option(options);
  return [node](Plan& plan) { plan.nodes.push_back(node); };
}

}  // namespace

void add_constant(TransformRegistry& registry) {
  registry.add(
      {.name = "constant",
       .summary = "Adds fixed attributes or a fixed dataset: lab, operator, sample.",
       .options =
           {{.name = "attributes", .type = OptionType::table, .help = "names and values"},
            {.name = "of",
             .help = "whose attributes: a dataset's key, or the path of a dataset or group",
             .otherwise = std::string("/")},
            {.name = "path", .help = "for a dataset instead: where it goes"},
            {.name = "value", .type = OptionType::any, .help = "what the dataset holds"},
            {.name = "if-missing",
             .type = OptionType::choice,
             .help = "where the run has no such object: nothing is done (skip, for a key), a group is made (group, for "
                     "a path), or an error",
             .choices = {"skip", "group", "error"}},
            {.name = "replace",
             .type = OptionType::boolean,
             .help = "also where the object has an attribute of that name from the run",
             .otherwise = false}}},
      make_constant);
}

}  // namespace daybook::layouts
