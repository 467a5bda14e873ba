#include "tools/replay_run.h"

#include <fmt/format.h>

#include "daybook/journal/journal.h"
#include "daybook/journal/verify.h"
#include "daybook/materializer/run_file.h"
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

std::string quoted_json(const std::string& text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

std::string report_json(const std::string& journal, const MaterializeReport& report, JsonObject object) {
  object.text("journal", journal);
  if (report.no_file)
    object.json("file", "null").text("no_file", *report.no_file);
  else
    object.text("file", report.file.native());
  return object.number("sequence", report.up_to)
      .boolean("complete", report.complete)
      .text("layout", report.layout)
      .json("layout_failure", report.layout_failure ? quoted_json(*report.layout_failure) : "null")
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

constexpr std::uint64_t verified_in_passing = std::uint64_t{256} << 20;

bool is_to_record(const fs::path& journal, ReplayStyle::Record wish) {
  if (wish != ReplayStyle::Record::automatic) return wish == ReplayStyle::Record::always;
  const Summary summary = summarize(journal);
  return !summary.live && summary.disk_bytes <= verified_in_passing && verify(journal).damage.empty();
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

Replayed describe_file(const std::string& journal, const MaterializeReport& report, const ReplayStyle& style,
                       JsonObject first) {
  Replayed replayed{.out = {},
                    .err = {},
                    .file = !report.no_file,
                    .whole = report.refused.empty() && report.notes.empty() && !report.layout_failure};
  if (style.json)
    replayed.out = report_json(journal, report, std::move(first)) + "\n";
  else if (replayed.file)
    replayed.out = report.file.native() + "\n";
  replayed.err = refusals_text(report, report.refused, "is not in the file") +
                 refusals_text(report, report.notes, "is not as the layout says");
  if (report.layout_failure)
    replayed.err += fmt::format("daybook: {}: it is laid out as ARTIQ does it, since {}\n",
                                printable(report.file.native()), printable(*report.layout_failure));
  if (style.record == ReplayStyle::Record::always && !report.not_recorded.empty())
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

Replayed replay_run(const std::string& journal, const fs::path& output, const MaterializeOptions& options,
                    const ReplayStyle& style) {
  MaterializeReport report;
  bool unrecovered = false;
  if (style.run_layout != nullptr) {
    // No reader before it is our turn: it would recover the journal, and who recovers runs would take us for a writer.
    const bool record = is_to_record(journal, style.record);
    report = make_run_file(journal, *style.run_layout, {.file = output, .materialize = options, .record = record});
    unrecovered = Reader(journal).unrecovered();
  } else {
    Reader reader(journal);
    unrecovered = reader.unrecovered();
    report = !unrecovered && is_to_record(journal, style.record) ? materialize_run(std::move(reader), output, options)
                                                                 : materialize(reader, output, options);
  }

  Replayed replayed = describe_file(journal, report, style);
  if (unrecovered)
    replayed.err.insert(
        0, fmt::format(
               "daybook: {}: the journal could not be recovered here (read-only?): the newest events may be missing\n",
               printable(journal)));
  return replayed;
}

}  // namespace daybook
