#include <fmt/format.h>
#include <fmt/ranges.h>

#include "daybook/materializer/object_path.h"
#include "daybook/materializer/plan.h"

namespace daybook {
namespace {

using detail::quote_name;

struct FormText {
  std::string operator()(const AsDataset& form) const { return "dataset" + to_text(form.storage); }
  std::string operator()(const AsTable& form) const {
    const bool automatic = form.rows == AsTable::Rows::automatic;
    return std::string("table") +
           (automatic                         ? ""
            : form.rows == AsTable::Rows::one ? " of one row"
                                              : " of many rows") +
           to_text(form.storage);
  }
  std::string operator()(const AsGroup&) const { return "group"; }
  std::string operator()(const AsAttribute& form) const {
    return fmt::format("attribute {} of {}", quote_name(form.name), form.object);
  }
  std::string operator()(const AsField& form) const {
    return fmt::format("field {} of {}", quote_name(form.name), form.table);
  }
  std::string operator()(const AsLink& form) const {
    switch (form.kind) {
      case AsLink::Kind::soft:
        return "link to " + form.target;
      case AsLink::Kind::hard:
        return "hard link to " + form.target;
      case AsLink::Kind::external:
        return fmt::format("link to {} in {}", form.target, quote_name(form.file));
    }
    return {};
  }
  std::string operator()(const Omitted& form) const { return fmt::format("omitted ({})", form.reason); }
  std::string operator()(const Refused& form) const { return fmt::format("refused ({})", form.reason); }
  std::string operator()(const Custom& form) const { return "custom: " + form.what; }
};

std::string_view part_text(History::Part part) {
  switch (part) {
    case History::Part::values:
      return "every value";
    case History::Part::times:
      return "times of every value";
    case History::Part::sequences:
      return "sequence numbers of every value";
    case History::Part::shapes:
      return "shapes of every value";
  }
  return {};
}

std::string_view version_text(FileProperties::Version version) {
  switch (version) {
    case FileProperties::Version::earliest:
      return "earliest";
    case FileProperties::Version::v18:
      return "v18";
    case FileProperties::Version::v110:
      return "v110";
    case FileProperties::Version::latest:
      return "latest";
  }
  return {};
}

std::string file_text(const FileProperties& file) {
  std::string text;
  if (file.no_file) text += fmt::format("  no file at all ({})\n", *file.no_file);
  if (file.low != FileProperties::Version::earliest || file.high != FileProperties::Version::latest)
    text += fmt::format("  library versions {} to {}\n", version_text(file.low), version_text(file.high));
  if (file.user_block > 0) text += fmt::format("  user block of {} bytes\n", file.user_block);
  return text;
}

std::string source_text(const Source& source) {
  if (const auto* state = std::get_if<DatasetState>(&source))
    return fmt::format(" <- {} {} as of event {}", state->group == Group::archive ? "archived" : "dataset",
                       quote_name(state->key), state->head);
  if (const auto* history = std::get_if<History>(&source))
    return fmt::format(" <- {} of {} up to event {}", part_text(history->part), quote_name(history->state.key),
                       history->state.head);
  if (const auto* value = std::get_if<Value>(&source)) return " <- " + describe(*value);
  return {};
}

}  // namespace

std::string to_text(const Storage& storage) {
  std::string text;
  if (storage.kind == Storage::Kind::compact) text += " compact";
  if (storage.kind == Storage::Kind::contiguous) text += " contiguous";
  if (!storage.chunk.empty())
    text += fmt::format(" chunks ({})", fmt::join(storage.chunk, ", "));
  else if (storage.chunk_bytes > 0)
    text += fmt::format(" chunks of {} bytes", storage.chunk_bytes);
  else if (storage.kind == Storage::Kind::chunked)
    text += " chunked";
  if (storage.extendible) text += " extendible";
  for (const Filter& filter : storage.filters) {
    text += " " + filter.name;
    if (!filter.options.empty()) text += fmt::format(" {}", fmt::join(filter.options, " "));
  }
  if (storage.fill_value) text += " fill value " + describe(*storage.fill_value);
  if (storage.track_times) text += " times";
  return text;
}

std::string to_text(const Plan& plan) {
  std::string text = fmt::format("plan as of event {}\n", plan.as_of) + file_text(plan.file);
  for (const Node& node : plan.nodes) {
    const std::string path = quote_name(node.path);  // keys may hold line ends
    text += node.path.empty() ? std::string("-") : path.substr(1, path.size() - 2);
    text += "  " + std::visit(FormText{}, node.form) + source_text(node.source);
    for (const auto& [name, value] : node.attributes)
      text += fmt::format("  @{}: {}", quote_name(name), describe(value));
    if (node.cast) text += fmt::format("  as {}{}", node.cast->type.name(), node.cast->lossy ? " (lossy)" : "");
    for (const std::string& note : node.notes) text += fmt::format("  ({})", note);
    text += fmt::format("  [{}{}{}]\n", node.origin, node.edits.empty() ? "" : ", ", fmt::join(node.edits, ", "));
  }
  return text;
}

}  // namespace daybook
