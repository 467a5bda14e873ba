#include "daybook/journal/journal.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bindings.h"
#include "conversions.h"
#include "dtype.h"
#include "value_in.h"
#include "value_out.h"

namespace daybook::python {

namespace py = pybind11;

namespace {

using Release = py::gil_scoped_release;

std::chrono::nanoseconds to_duration(double seconds, const char* name) {
  constexpr double longest = 1e9;
  if (!(seconds >= 0 && seconds <= longest))
    throw py::value_error(std::string(name) + " must be seconds from 0 to 1e9, not " + std::to_string(seconds));
  return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

JournalOptions to_options(std::optional<std::uint64_t> intake_bytes, std::optional<double> commit_interval,
                          std::optional<double> full_timeout, std::optional<std::uint64_t> history_bytes) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  JournalOptions options;
  if (intake_bytes) options.intake_bytes = *intake_bytes;
  if (commit_interval)
    options.commit_interval = duration_cast<milliseconds>(to_duration(*commit_interval, "commit_interval"));
  if (full_timeout) options.full_timeout = duration_cast<milliseconds>(to_duration(*full_timeout, "full_timeout"));
  if (history_bytes) options.history_bytes = *history_bytes;
  return options;
}

// Says at once what will be an error when the file is made.
void warn_of(const Value& value, std::string_view key) {
  if (value.form() != Form::unstorable) return;
  const auto category = py::module_::import("daybook").attr("UnstorableWarning");
  const std::string text =
      "dataset '" + std::string(key) + "': a value of type " + std::string(value.python_type()) +
      " is kept in the journal as its repr() only, since HDF5 cannot hold it: " + std::string(value.repr());
  // The frame above the one of daybook.Journal's method.
  if (PyErr_WarnEx(category.ptr(), text.c_str(), 2) != 0) throw py::error_already_set();
}

// A call of the journal with one value: converts it, lets go of the GIL, and calls.
template <class Call>
Sequence with_value(std::string_view key, const py::object& object, const Call& call) {
  const KeepLease keep;
  Value value = to_value(object.ptr(), *keep);
  warn_of(value, key);
  const Release release;
  return call(std::move(value));
}

py::object outline_of(const Journal& journal, std::string_view key) {
  std::optional<Outline> outline;
  {
    const Release release;
    outline = journal.outline(key);
  }
  if (!outline) return py::none();
  static constexpr const char* names[] = {"scalar", "array", "list", "objects", "null", "unstorable"};
  const bool typed = outline->form == Form::scalar || outline->form == Form::array || outline->form == Form::null;
  return py::make_tuple(names[static_cast<std::size_t>(outline->form)],
                        typed ? py::object(make_dtype(outline->type)) : py::none(), to_tuple(outline->shape),
                        outline->items);
}

py::dict from_statistics(const JournalStatistics& statistics) {
  py::dict dict;
  dict["last"] = statistics.last;
  dict["committed"] = statistics.committed;
  dict["commits"] = statistics.commits;
  dict["superseded"] = statistics.superseded;
  dict["waits"] = statistics.waits;
  dict["waited"] = std::chrono::duration<double>(statistics.waited).count();
  return dict;
}

Extents<std::int64_t> to_extents(const std::vector<std::int64_t>& numbers) {
  return Extents<std::int64_t>(std::span(numbers));
}

// Closing waits for a commit.
struct CloseWithoutGil {
  void operator()(Journal* journal) const {
    const Release release;
    delete journal;
  }
};
using JournalClass = py::class_<Journal, std::unique_ptr<Journal, CloseWithoutGil>>;

void bind_appends(JournalClass& journal) {
  journal
      .def(
          "set",
          [](Journal& self, std::string_view key, const py::object& object, const py::dict& attributes, bool broadcast,
             bool persist, bool archive, const py::dict& storage) {
            const KeepLease keep;
            SetOptions options;
            options.broadcast = broadcast;
            options.persist = persist;
            options.archive = archive;
            options.metadata = to_attributes(attributes, *keep);
            options.storage = to_attributes(storage, *keep);
            Value value = to_value(object.ptr(), *keep);
            warn_of(value, key);
            const Release release;
            return self.set(key, std::move(value), options);
          },
          py::arg("key"), py::arg("value"), py::arg("attributes"), py::arg("broadcast"), py::arg("persist"),
          py::arg("archive"), py::arg("storage"))
      .def(
          "mutate",
          [](Journal& self, std::string_view key, const std::vector<std::int64_t>& start,
             const std::vector<std::int64_t>& count, const std::vector<std::int64_t>& step, const py::object& object) {
            const Region region{to_extents(start), to_extents(count), to_extents(step)};
            return with_value(key, object, [&](Value value) { return self.mutate(key, region, std::move(value)); });
          },
          py::arg("key"), py::arg("start"), py::arg("count"), py::arg("step"), py::arg("value"))
      .def(
          "mutate_item",
          [](Journal& self, std::string_view key, std::uint64_t index, const py::object& object) {
            return with_value(key, object, [&](Value value) { return self.mutate_item(key, index, std::move(value)); });
          },
          py::arg("key"), py::arg("index"), py::arg("value"))
      .def(
          "replace",
          [](Journal& self, std::string_view key, const py::object& object) {
            return with_value(key, object, [&](Value value) { return self.replace(key, std::move(value)); });
          },
          py::arg("key"), py::arg("value"))
      .def(
          "append",
          [](Journal& self, std::string_view key, const py::object& object) {
            return with_value(key, object, [&](Value value) { return self.append(key, std::move(value)); });
          },
          py::arg("key"), py::arg("value"))
      .def(
          "archive",
          [](Journal& self, std::string_view key, const py::object& object) {
            return with_value(key, object, [&](Value value) { return self.archive(key, std::move(value)); });
          },
          py::arg("key"), py::arg("value"))
      .def(
          "set_attribute",
          [](Journal& self, std::string_view key, std::string_view name, const py::object& object) {
            return with_value(key, object,
                              [&](Value value) { return self.set_attribute(key, name, std::move(value)); });
          },
          py::arg("key"), py::arg("name"), py::arg("value"))
      .def("remove_attribute", &Journal::remove_attribute, py::arg("key"), py::arg("name"), py::call_guard<Release>())
      .def("remove", &Journal::remove, py::arg("key"), py::call_guard<Release>())
      .def("checkpoint", &Journal::checkpoint, py::arg("name"), py::call_guard<Release>())
      .def("stage", &Journal::stage, py::arg("stage"), py::arg("run_time"), py::call_guard<Release>());
}

}  // namespace

void bind_journal(py::module_& m) {
  JournalClass journal(m, "Journal", "daybook.Journal without its checks of arguments and indices.");
  journal
      .def_static(
          "create",
          [](const py::object& path, std::int64_t rid, std::string class_name, std::string expid, double start_time,
             std::string software_version, std::string layout, std::string results,
             std::optional<std::uint64_t> intake_bytes, std::optional<double> commit_interval,
             std::optional<double> full_timeout, std::optional<std::uint64_t> history_bytes) {
            RunInfo info;
            info.rid = rid;
            info.class_name = std::move(class_name);
            info.expid = std::move(expid);
            info.start_time = start_time;
            info.software_version = std::move(software_version);
            info.layout = std::move(layout);
            info.results = std::move(results);
            const auto options = to_options(intake_bytes, commit_interval, full_timeout, history_bytes);
            const auto directory = to_path(path);
            const Release release;
            return Journal::create(directory, info, options);
          },
          py::arg("path"), py::arg("rid"), py::arg("class_name"), py::arg("expid"), py::arg("start_time"),
          py::arg("software_version"), py::arg("layout"), py::arg("results"), py::arg("intake_bytes"),
          py::arg("commit_interval"), py::arg("full_timeout"), py::arg("history_bytes"))
      .def_static(
          "open",
          [](const py::object& path, std::optional<std::uint64_t> intake_bytes, std::optional<double> commit_interval,
             std::optional<double> full_timeout, std::optional<std::uint64_t> history_bytes) {
            const auto options = to_options(intake_bytes, commit_interval, full_timeout, history_bytes);
            const auto directory = to_path(path);
            const Release release;
            return Journal::open(directory, options);
          },
          py::arg("path"), py::arg("intake_bytes"), py::arg("commit_interval"), py::arg("full_timeout"),
          py::arg("history_bytes"))
      .def("outline", &outline_of, py::arg("key"),
           "(form, dtype or None, shape, items of a list) of the dataset, or None if there is none.")
      .def("sync", &Journal::sync, py::call_guard<Release>())
      .def("commit", &Journal::commit, py::call_guard<Release>())
      .def("finish", &Journal::finish, py::arg("how"), py::call_guard<Release>())
      .def("close", &Journal::close, py::call_guard<Release>())
      .def("statistics", [](const Journal& self) { return from_statistics(self.statistics()); })
      .def_property_readonly("path", [](const Journal& self) { return from_path(self.path()); })
      .def_property_readonly("info", [](const Journal& self) { return from_run_info(self.info()); });
  bind_appends(journal);
  m.def("journal_name", &journal_name, py::arg("rid"), py::arg("class_name"));
}

}  // namespace daybook::python
