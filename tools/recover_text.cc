#include "tools/recover_text.h"

#include <fmt/format.h>

#include "tools/event_text.h"
#include "tools/json_object.h"
#include "tools/moment.h"

namespace daybook {
namespace {

const char* condition_name(RunCondition condition) {
  switch (condition) {
    case RunCondition::live:
      return "live";
    case RunCondition::crashed:
      return "crashed";
    case RunCondition::finished_without_file:
      return "finished without file";
    default:
      return "finished";
  }
}

const char* fault_name(RecoverFault fault) {
  switch (fault) {
    case RecoverFault::damaged:
      return "damaged";
    case RecoverFault::unsupported:
      return "unsupported";
    case RecoverFault::busy:
      return "busy";
    case RecoverFault::storage:
      return "storage";
    default:
      return "other";
  }
}

// "251 events, up to 2025-06-15 14:30:05.250000, the run had not ended"
std::string extent(const RecoverReport& report) {
  std::string text = fmt::format("{} {}", report.last, report.last == 1 ? "event" : "events");
  if (report.recovered > 0) text += fmt::format(" ({} from the intake)", report.recovered);
  if (report.until != 0)
    text += fmt::format(", up to {}, {}", local_time(report.until),
                        report.complete ? "the run's end" : "no end of the run");
  return text;
}

std::string quoted_json(const std::string& text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

// The library names the path as well; once in a line is enough.
std::string reason(const RecoverReport& report) {
  std::string text = report.error;
  for (const std::string& prefix :
       {report.journal.native() + ": ", "'" + report.journal.native() + "': ", "'" + report.journal.native() + "' "})
    if (text.starts_with(prefix)) text.erase(0, prefix.size());
  if (report.fault == RecoverFault::damaged) text += ": " + salvage_hint(report.journal.native());
  return text;
}

std::string refusal_text(const RecoverReport& report, const Refusal& refusal) {
  return fmt::format("daybook: {}: {}/{} is not in the file, it stays in the journal: {}\n",
                     printable(report.file.native()), refusal.group == Group::datasets ? "datasets" : "archive",
                     printable(refusal.key), printable(refusal.reason));
}

}  // namespace

const char* outcome_name(Recovered outcome) {
  switch (outcome) {
    case Recovered::left_alone:
      return "left alone";
    case Recovered::nothing_to_do:
      return "nothing to do";
    case Recovered::whole:
      return "recovered";
    case Recovered::in_part:
      return "recovered in part";
    default:
      return "failed";
  }
}

std::string shell_quoted(const std::string& text) {
  constexpr const char* plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+=:@%,";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string to_type(const std::string& command, const std::string& path) {
  return fmt::format("daybook {} {}", command, shell_quoted(path));
}

std::string salvage_hint(const std::string& journal) {
  std::string rescued = journal;
  while (rescued.size() > 1 && rescued.ends_with('/')) rescued.pop_back();
  if (const std::string suffix = ".daybook"; rescued.ends_with(suffix)) rescued.resize(rescued.size() - suffix.size());
  return fmt::format("to get out what is intact: {} -o {}", to_type("salvage", journal),
                     shell_quoted(rescued + "-salvaged.daybook"));
}

std::string recover_line(const RecoverReport& report, bool dry_run) {
  const std::string journal = printable(report.journal.native());
  const std::string file = printable(report.file.native());
  switch (report.outcome) {
    case Recovered::left_alone:
      return fmt::format("{}: live: left alone", journal);
    case Recovered::nothing:
      return fmt::format("{}: {}: {}", journal, report.fault == RecoverFault::damaged ? "damaged" : "failed",
                         printable(reason(report)));
    case Recovered::nothing_to_do:
      return fmt::format("{}: nothing to do: {}", journal,
                         report.no_file ? "no file: " + printable(*report.no_file) : file + " is there");
    default:
      break;
  }
  const char* done = dry_run                                ? "would be recovered"
                     : report.outcome == Recovered::in_part ? "recovered in part"
                                                            : "recovered";
  const std::string where = report.no_file ? "no file: " + printable(*report.no_file) : file;
  return fmt::format("{}: {}: {} -> {}", journal, done, extent(report), where);
}

std::string recover_remarks(const RecoverReport& report) {
  const std::string about = printable((report.file.empty() ? report.journal : report.file).native());
  std::string text;
  const auto add = [&](const std::string& line) { text += fmt::format("daybook: {}: {}\n", about, printable(line)); };
  if (!report.instead.empty() && !report.file.empty() && report.outcome != Recovered::nothing_to_do)
    add(fmt::format("it is here, since {}", report.instead));
  if (report.salvaged && report.outcome != Recovered::nothing_to_do) add(salvage_text(*report.salvaged));
  if (!report.remark.empty()) add(report.remark);
  if (report.layout_failure) add(fmt::format("it is laid out as ARTIQ does it, since {}", *report.layout_failure));
  if (!report.not_compared.empty())
    add(fmt::format("it could not be compared with the journal: {}", report.not_compared));
  constexpr std::size_t most = 10;
  for (std::size_t i = 0; i < report.differences.size() && i < most; ++i) add(report.differences[i]);
  if (report.differences.size() > most) add(fmt::format("and {} more differences", report.differences.size() - most));
  for (const Refusal& refusal : report.refused) text += refusal_text(report, refusal);
  return text;
}

std::string recover_json(const RecoverReport& report, bool dry_run) {
  JsonObject object;
  object.text("path", report.journal.native())
      .text("outcome", outcome_name(report.outcome))
      .boolean("dry_run", dry_run);
  if (report.info) {
    object.text("uuid", to_string(report.info->uuid))
        .number("rid", report.info->rid)
        .text("class", report.info->class_name)
        .text("state", condition_name(report.before))
        .number("events", report.last)
        .number("recovered", report.recovered)
        .boolean("complete", report.complete);
  }
  if (report.salvaged) object.text("salvaged_from", report.salvaged->source).number("lost", report.salvaged->lost);
  if (report.until != 0) object.text("until", utc_time(report.until));
  if (!report.file.empty()) object.text("file", report.file.native()).boolean("replaced", report.replaced);
  const auto optional_text = [&](const char* name, const std::string& text) {
    if (!text.empty()) object.text(name, text);
  };
  optional_text("instead", report.instead);
  optional_text("no_file", report.no_file.value_or(""));
  optional_text("remark", report.remark);
  optional_text("layout_failure", report.layout_failure.value_or(""));
  optional_text("not_compared", report.not_compared);
  std::vector<std::string> refused, differences;
  for (const Refusal& refusal : report.refused)
    refused.push_back(JsonObject()
                          .text("group", refusal.group == Group::datasets ? "datasets" : "archive")
                          .text("key", refusal.key)
                          .text("reason", refusal.reason)
                          .str());
  for (const std::string& difference : report.differences) differences.push_back(quoted_json(difference));
  object.json("refused", json_array(refused)).json("differences", json_array(differences));
  if (report.fault != RecoverFault::none) object.text("fault", fault_name(report.fault)).text("error", report.error);
  if (report.fault == RecoverFault::damaged) object.text("to_type", salvage_hint(report.journal.native()));
  return object.str();
}

}  // namespace daybook
