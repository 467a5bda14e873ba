// rename and move: other names and other groups.
#include <fmt/format.h>

#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/layouts/places.h"
#include "daybook/materializer/object_path.h"

namespace daybook::layouts {
namespace {

void check_replacement(const CheckedOptions& options, const detail::KeyPattern& pattern) {
  try {
    pattern.check_replacement(options.text("to"));
  } catch (const InvalidError& e) {
    options.wrong("to", e.what());
  }
}

Transform make_rename(const CheckedOptions& options) {
  const detail::KeyPattern pattern = pattern_option(options, "pattern");
  check_replacement(options, pattern);
  return [pattern, to = options.text("to"), selection = Selection(options)](Plan& plan) {
    const Groups groups(plan);
    Moves moves(plan, "rename");
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
      const Node& node = plan.nodes[i];
      if (!node.is_object() || !selection.matches(plan, node)) continue;
      const std::string_view name = groups.name(node.path);
      const std::optional<std::string> renamed = pattern.replace(name, to);
      if (!renamed || *renamed == name) continue;
      if (renamed->starts_with('/'))
        throw InvalidError(fmt::format("{} would be put at {}: a name cannot leave its group, use the transform move",
                                       key_of(node), detail::quote_name(renamed->substr(0, 200))));
      moves.move(i, checked_result(node, groups.of(node.path), *renamed));
    }
    moves.finish();
  };
}

Transform make_move(const CheckedOptions& options) {
  const bool by_name = options.text("keep") == "name";
  std::optional<detail::KeyPattern> pattern;
  std::string to = options.text("to");
  if (options.has("pattern")) {
    pattern = pattern_option(options, "pattern");
    check_replacement(options, *pattern);
  } else {
    to = path_option(options, "to");
  }
  return [by_name, pattern, to, selection = WideSelection(options)](Plan& plan) {
    const Groups groups(plan);
    Moves moves(plan, "move");
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
      const Node& node = plan.nodes[i];
      if (!node.is_object() || std::holds_alternative<AsGroup>(node.form) || !selection.matches(plan, node)) continue;
      std::string group = to;
      if (pattern) {
        const std::optional<std::string> found = pattern->expand_found(node.path, to);
        if (!found) continue;
        group = *found == "/" ? *found : checked_result(node, "/", *found);
      }
      if (!by_name && group != "/" && detail::is_within(node.path, group)) continue;  // is there already
      const std::string_view name = by_name ? detail::last_name(node.path) : groups.name(node.path);
      moves.move(i, (group == "/" ? "" : group) + "/" + std::string(name));
    }
    moves.finish();
  };
}

}  // namespace

void add_rename(TransformRegistry& registry) {
  registry.add({.name = "rename",
                .summary = "Gives datasets other names by a regular expression.",
                .options = {{.name = "pattern",
                             .help = "regular expression, looked for in the name below /datasets or /archive",
                             .required = true},
                            {.name = "to",
                             .help = "what each match becomes; $1 is the first group, $0 the whole match",
                             .required = true}},
                .selects = true},
               make_rename);
}

void add_move(TransformRegistry& registry) {
  registry.add(
      {.name = "move",
       .summary = "Puts datasets into another group.",
       .options = {{.name = "to", .help = "the group; with a pattern also with $1 … $9", .required = true},
                   {.name = "pattern", .help = "only what has a match for this regular expression in its path"},
                   {.name = "keep",
                    .type = OptionType::choice,
                    .help = "what it is called there: all that stands below /datasets or /archive, or the last part",
                    .otherwise = std::string("path"),
                    .choices = {"path", "name"}}},
       .selects = true},
      make_move);
}

}  // namespace daybook::layouts
