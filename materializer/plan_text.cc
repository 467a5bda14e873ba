#include <fmt/format.h>

#include "daybook/materializer/object_path.h"
#include "daybook/materializer/plan.h"

namespace daybook {
namespace {

using detail::quote_name;

std::string storage_text(const Storage& storage) {
  std::string text;
  if (!storage.chunk.empty()) {
    text += " chunks (";
    for (std::size_t i = 0; i < storage.chunk.size(); ++i)
      text += fmt::format("{}{}", i == 0 ? "" : ", ", storage.chunk[i]);
    text += ")";
  }
  if (storage.shuffle) text += " shuffle";
  if (storage.gzip) text += fmt::format(" gzip {}", *storage.gzip);
  if (!text.empty() && storage.min_bytes > 0) text += fmt::format(" from {} bytes", storage.min_bytes);
  return text;
}

struct FormText {
  std::string operator()(const AsDataset& form) const { return "dataset" + storage_text(form.storage); }
  std::string operator()(const AsGroup&) const { return "group"; }
  std::string operator()(const AsAttribute& form) const {
    return fmt::format("attribute {} of {}", quote_name(form.name), form.object);
  }
  std::string operator()(const AsLink& form) const { return "link to " + form.target; }
  std::string operator()(const Omitted& form) const { return fmt::format("omitted ({})", form.reason); }
  std::string operator()(const Refused& form) const { return fmt::format("refused ({})", form.reason); }
  std::string operator()(const Custom& form) const { return "custom: " + form.what; }
};

std::string source_text(const Source& source) {
  if (const auto* state = std::get_if<DatasetState>(&source))
    return fmt::format(" <- {} {} as of event {}", state->group == Group::archive ? "archived" : "dataset",
                       quote_name(state->key), state->head);
  if (const auto* value = std::get_if<Value>(&source)) return " <- " + describe(*value);
  return {};
}

}  // namespace

std::string to_text(const Plan& plan) {
  std::string text = fmt::format("plan as of event {}\n", plan.as_of);
  for (const Node& node : plan.nodes) {
    const std::string path = quote_name(node.path);  // keys may hold line ends
    text += node.path.empty() ? std::string("-") : path.substr(1, path.size() - 2);
    text += "  " + std::visit(FormText{}, node.form) + source_text(node.source);
    for (const auto& [name, value] : node.attributes)
      text += fmt::format("  @{}: {}", quote_name(name), describe(value));
    text += fmt::format("  [{}]\n", node.origin);
  }
  return text;
}

}  // namespace daybook
