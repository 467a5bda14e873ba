#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings.h"
#include "conversions.h"
#include "daybook/journal/salvage.h"
#include "daybook/journal/verify.h"
#include "daybook/materializer/recover_run.h"
#include "errors.h"

// Reports as dictionaries: the classes of them, with their documentation, are in daybook/_reports.py.
namespace daybook::python {

namespace py = pybind11;

namespace {

double seconds(Nanoseconds time) { return static_cast<double>(time) / 1e9; }

void check_signals() {
  const py::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

py::object from_note(const std::optional<SalvageNote>& note) {
  if (!note) return py::none();
  py::dict dict;
  dict["source"] = note->source;
  dict["time"] = seconds(note->time);
  dict["lost"] = note->lost;
  dict["made"] = note->made;
  dict["daybook_version"] = note->daybook_version;
  return dict;
}

py::object path_or_none(const std::filesystem::path& path) {
  return path.empty() ? py::object(py::none()) : from_path(path);
}

py::dict verify_journal(const py::object& path) {
  const auto directory = to_path(path);
  Verification found;
  {
    const py::gil_scoped_release release;
    found = verify(directory, [](Sequence, Sequence) { check_signals(); });
  }
  py::dict dict;
  dict["events"] = found.events;
  dict["last"] = found.last;
  dict["elided"] = found.elided;
  dict["unknown_kinds"] = found.unknown_kinds;
  py::list damage;
  for (const Damage& one : found.damage) damage.append(py::make_tuple(one.sequence, one.what));
  dict["damage"] = damage;
  dict["lost"] = found.lost;
  dict["salvaged"] = from_note(found.salvaged);
  dict["intake"] = found.intake;
  return dict;
}

const char* name_of(RunCondition condition) {
  static constexpr const char* names[] = {"live", "crashed", "finished without file", "finished"};
  return names[static_cast<std::size_t>(condition)];
}

const char* name_of(Recovered outcome) {
  static constexpr const char* names[] = {"left alone", "nothing to do", "whole", "in part", "nothing"};
  return names[static_cast<std::size_t>(outcome)];
}

const char* name_of(RecoverFault fault) {
  static constexpr const char* names[] = {"", "damaged", "unsupported", "busy", "storage", "other"};
  return names[static_cast<std::size_t>(fault)];
}

py::dict recover_journal(const py::object& path, bool dry_run) {
  const auto directory = to_path(path);
  RecoverOptions options;
  options.dry_run = dry_run;
  std::exception_ptr interrupted;  // recover_run() puts what goes wrong into its report, and this is not to end there
  options.progress = [&](std::uint64_t, std::uint64_t) {
    try {
      check_signals();
    } catch (const py::error_already_set&) {
      interrupted = std::current_exception();
      throw;
    }
  };
  RecoverReport report;
  {
    const py::gil_scoped_release release;
    report = recover_run(directory, built_in_transforms(), options);
  }
  if (interrupted) std::rethrow_exception(interrupted);
  py::dict dict;
  dict["journal"] = from_path(report.journal);
  dict["info"] = report.info ? py::object(from_run_info(*report.info)) : py::none();
  dict["salvaged"] = from_note(report.salvaged);
  dict["before"] = name_of(report.before);
  dict["outcome"] = name_of(report.outcome);
  dict["last"] = report.last;
  dict["recovered"] = report.recovered;
  dict["until"] = seconds(report.until);
  dict["complete"] = report.complete;
  dict["file"] = path_or_none(report.file);
  dict["replaced"] = report.replaced;
  dict["instead"] = report.instead;
  dict["remark"] = report.remark;
  dict["no_file"] = report.no_file;
  dict["layout_failure"] = report.layout_failure;
  dict["refused"] = from_refusals(report.refused);
  dict["differences"] = report.differences;
  dict["not_compared"] = report.not_compared;
  dict["fault"] = name_of(report.fault);
  dict["error"] = report.error;
  return dict;
}

py::dict summarize_journal(const py::object& path) {
  const auto directory = to_path(path);
  Summary summary;
  {
    const py::gil_scoped_release release;
    summary = summarize(directory);
  }
  py::dict dict;
  dict["path"] = from_path(summary.path);
  dict["info"] = from_run_info(summary.info);
  dict["phase"] = phase_name(summary.phase);
  dict["live"] = summary.live;
  dict["last"] = summary.last;
  dict["disk_bytes"] = summary.disk_bytes;
  dict["salvaged"] = from_note(summary.salvaged);
  return dict;
}

std::optional<Uuid> to_uuid(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const py::bytes bytes = py::module_::import("uuid").attr("UUID")(*text).attr("bytes");
  const std::string raw = bytes;
  Uuid uuid;
  std::copy(raw.begin(), raw.end(), uuid.begin());
  return uuid;
}

const char* name_of(LostOfKey::What what) {
  static constexpr const char* names[] = {"dataset", "archived", "attribute", "stages"};
  return names[static_cast<std::size_t>(what)];
}

py::dict from_lost(const LostOfKey& lost) {
  py::dict dict;
  dict["what"] = name_of(lost.what);
  dict["key"] = lost.key;
  dict["attribute"] = lost.attribute;
  dict["lost"] = lost.lost;
  dict["newest"] = lost.newest;
  dict["shown"] = lost.shown;
  dict["idle"] = lost.idle;
  dict["metadata_lost"] = lost.metadata_lost;
  dict["uncertain"] = lost.uncertain;
  return dict;
}

py::dict salvage_journal(const py::object& damaged, const py::object& journal, const std::optional<std::string>& uuid) {
  const auto from = to_path(damaged), to = to_path(journal);
  SalvageOptions options;
  options.uuid = to_uuid(uuid);
  options.progress = [](std::uint64_t, std::uint64_t) { check_signals(); };
  Salvage found;
  {
    const py::gil_scoped_release release;
    found = salvage(from, to, options);
  }
  py::dict dict;
  dict["info"] = from_run_info(found.info);
  dict["info_made"] = found.info_made;
  dict["phase"] = phase_name(found.phase);
  dict["last"] = found.last;
  dict["events"] = found.events;
  dict["lost"] = found.lost;
  py::list ranges, keys, others;
  for (const SequenceRange& range : found.ranges) ranges.append(py::make_tuple(range.first, range.last));
  for (const LostOfKey& lost : found.keys) keys.append(from_lost(lost));
  for (const auto& other : found.others) others.append(py::make_tuple(to_string(other.uuid), other.records));
  dict["ranges"] = ranges;
  dict["keys"] = keys;
  dict["others"] = others;
  dict["unreadable"] = found.unreadable;
  return dict;
}

}  // namespace

py::list from_refusals(const std::vector<Refusal>& refusals) {
  py::list list;
  for (const Refusal& refusal : refusals)
    list.append(py::make_tuple(refusal.group == Group::datasets ? "datasets" : "archive", refusal.key, refusal.reason));
  return list;
}

py::dict from_report(const MaterializeReport& report) {
  py::dict dict;
  dict["file"] = path_or_none(report.file);
  dict["no_file"] = report.no_file;
  dict["layout_failure"] = report.layout_failure;
  dict["up_to"] = report.up_to;
  dict["complete"] = report.complete;
  dict["datasets"] = report.datasets;
  dict["bytes"] = report.bytes;
  dict["refused"] = from_refusals(report.refused);
  dict["notes"] = from_refusals(report.notes);
  return dict;
}

void bind_reports(py::module_& m) {
  m.def("verify", &verify_journal, py::arg("path"));
  m.def("recover", &recover_journal, py::arg("path"), py::arg("dry_run"));
  m.def("summarize", &summarize_journal, py::arg("path"));
  m.def("salvage", &salvage_journal, py::arg("damaged"), py::arg("journal"), py::arg("uuid"));
  m.def(
      "looks_like_journal", [](const py::object& path) { return looks_like_journal(to_path(path)); }, py::arg("path"));
}

}  // namespace daybook::python
