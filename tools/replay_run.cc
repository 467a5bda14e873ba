#include "tools/replay_run.h"

#include <fmt/format.h>

#include "daybook/journal/journal.h"
#include "tools/json_object.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

const char* group_name(Group group) { return group == Group::datasets ? "datasets" : "archive"; }

std::string refusals_json(const std::vector<Refusal>& refusals) {
  std::vector<std::string> items;
  for (const Refusal& refusal : refusals)
    items.push_back(JsonObject()
                        .text("group", group_name(refusal.group))
                        .text("key", refusal.key)
                        .text("reason", refusal.reason)
                        .str());
  return json_array(items);
}

std::string report_json(const std::string& journal, const MaterializeReport& report) {
  JsonObject object;
  object.text("journal", journal);
  if (report.no_file)
    object.json("file", "null").text("no_file", *report.no_file);
  else
    object.text("file", report.file.native());
  return object.number("sequence", report.up_to)
      .boolean("complete", report.complete)
      .number("datasets", report.datasets)
      .number("bytes", report.bytes)
      .json("refused", refusals_json(report.refused))
      .json("notes", refusals_json(report.notes))
      .str();
}

std::string refusals_text(const MaterializeReport& report, const std::vector<Refusal>& refusals, const char* what) {
  std::string text;
  for (const Refusal& refusal : refusals)
    text += fmt::format("daybook: {}: {}/{} {}: {}\n", printable(report.file.native()), group_name(refusal.group),
                        printable(refusal.key), what, printable(refusal.reason));
  return text;
}

}  // namespace

std::string file_name(const RunInfo& info) {
  return fs::path(journal_name(info.rid, info.class_name)).replace_extension(".h5").string();
}

fs::path beside(const fs::path& journal, const std::string& name) {
  // Canonical, since "." has no name and no folder to be seen in it.
  const fs::path folder = fs::canonical(journal).parent_path();
  const fs::path near = fs::proximate(folder / name);
  return near.native().starts_with("..") ? folder / name : near;
}

Replayed replay_run(const std::string& journal, const fs::path& output, const MaterializeOptions& options,
                    const ReplayStyle& style) {
  Reader reader(journal);
  const bool unrecovered = reader.unrecovered();
  const MaterializeReport report =
      style.record ? materialize_run(std::move(reader), output, options) : materialize(reader, output, options);

  Replayed replayed{.out = {}, .err = {}, .file = !report.no_file, .whole = report.refused.empty()};
  if (style.json)
    replayed.out = report_json(journal, report) + "\n";
  else if (replayed.file)
    replayed.out = report.file.native() + "\n";
  replayed.err = refusals_text(report, report.refused, "is not in the file") +
                 refusals_text(report, report.notes, "is not as the layout says");
  if (unrecovered)
    replayed.err += fmt::format(
        "daybook: {}: the journal could not be recovered here (read-only?): the newest events may be missing\n",
        printable(journal));
  if (style.record && !report.not_recorded.empty())
    replayed.err += fmt::format("daybook: {}: the journal was not told about the file: {}\n", printable(journal),
                                printable(report.not_recorded));
  if (report.no_file)
    replayed.err += fmt::format("{}: no file: {}\n", printable(journal), printable(*report.no_file));
  else
    replayed.err +=
        fmt::format("{}: {} datasets, {} bytes, {} event {}\n", printable(report.file.native()), report.datasets,
                    report.bytes, report.complete ? "the whole run up to" : "the run as of", report.up_to);
  return replayed;
}

}  // namespace daybook
