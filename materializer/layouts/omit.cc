// omit and only: what is left out of the file.
#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/layouts/places.h"

namespace daybook::layouts {
namespace {

const OptionInfo keys_option = {
    .name = "keys", .type = OptionType::texts, .help = "globs on dataset names (* also matches / and .)"};

WideSelection chosen(const CheckedOptions& options) {
  WideSelection selection(options);
  if (selection.selects_all()) options.wrong("keys", "is missing: say which ones, by keys or another option");
  return selection;
}

void leave_out(Node& node, const std::string& reason, std::string_view transform) {
  node.form = Omitted{reason};
  node.origin = transform;
}

// A dataset whose key cannot be a path is left out by its key, too: it costs no message then.
bool matches_refused(const WideSelection& selection, const Plan& plan, const Node& node) {
  if (node.state() == nullptr || !std::holds_alternative<Refused>(node.form)) return false;
  Node whole = node;
  whole.form = AsDataset{};
  return selection.matches(plan, whole);
}

Transform make_omit(const CheckedOptions& options) {
  return [selection = chosen(options), reason = options.text("reason")](Plan& plan) {
    for (Node& node : plan.nodes)
      if (selection.matches(plan, node) || matches_refused(selection, plan, node)) leave_out(node, reason, "omit");
  };
}

Transform make_only(const CheckedOptions& options) {
  return [selection = chosen(options), reason = options.text("reason")](Plan& plan) {
    for (Node& node : plan.nodes) {
      if (node.state() == nullptr || std::holds_alternative<Omitted>(node.form)) continue;
      if (!selection.matches(plan, node) && !matches_refused(selection, plan, node)) leave_out(node, reason, "only");
    }
  };
}

}  // namespace

void add_omit(TransformRegistry& registry) {
  registry.add({.name = "omit",
                .summary = "Leaves datasets out of the file; the journal keeps them.",
                .options = {keys_option,
                            {.name = "reason",
                             .help = "shown by `daybook layout explain`",
                             .otherwise = std::string("the layout leaves it out")}},
                .selects = true,
                .omits = true},
               make_omit);
}

void add_only(TransformRegistry& registry) {
  registry.add({.name = "only",
                .summary = "Leaves all datasets out of the file but these; the journal keeps them.",
                .options = {keys_option,
                            {.name = "reason",
                             .help = "shown by `daybook layout explain`",
                             .otherwise = std::string("the layout takes only others")}},
                .selects = true,
                .omits = true},
               make_only);
}

}  // namespace daybook::layouts
