#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings.h"
#include "capture.h"
#include "daybook/journal/checkpoint_request.h"
#include "daybook/journal/error.h"
#include "daybook/journal/places.h"
#include "daybook/journal/reader.h"

namespace daybook::python {

namespace py = pybind11;

namespace {

constexpr const char* capsule_name = "daybook.Capture";

using CapturePointer = std::shared_ptr<Capture>;

Capture& capture_of(PyObject* capsule) {
  return **static_cast<CapturePointer*>(PyCapsule_GetPointer(capsule, capsule_name));
}

// CPython's fast calling convention: the dispatch of pybind11 costs more than the work.
template <PyObject* (Capture::*Method)(PyObject* const*, Py_ssize_t, PyObject*)>
PyObject* call(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  return (capture_of(self).*Method)(args, count, names);
}

template <PyObject* (Capture::*Method)(PyObject* const*, Py_ssize_t, PyObject*)>
py::object fast_method(const CapturePointer& capture, const char* name) {
  static PyMethodDef definition{name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call<Method>)),
                                METH_FASTCALL | METH_KEYWORDS, "As DatasetManager's method of that name; journaled."};
  const py::capsule self(new CapturePointer(capture), capsule_name, [](PyObject* capsule) {
    delete static_cast<CapturePointer*>(PyCapsule_GetPointer(capsule, capsule_name));
  });
  PyObject* const function = PyCFunction_NewEx(&definition, self.ptr(), nullptr);
  if (function == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(function);
}

Ref share(const py::object& object) { return Ref::share(object.ptr()); }

std::string text(const py::dict& from, const char* name) {
  return from.contains(name) ? from[name].cast<std::string>() : std::string();
}

RunInfo run_info(const py::dict& from) {
  RunInfo info;
  info.rid = from["rid"].cast<std::int64_t>();
  info.class_name = text(from, "class_name");
  info.expid = text(from, "expid");
  info.start_time = from.contains("start_time") ? from["start_time"].cast<double>() : 0;
  info.software_version = text(from, "software_version");
  info.layout = text(from, "layout");
  info.results = text(from, "results");
  info.pipeline = text(from, "pipeline");
  info.priority = from.contains("priority") ? from["priority"].cast<std::int64_t>() : 0;
  return info;
}

JournalOptions journal_options(std::uint64_t history_bytes) {
  JournalOptions options;
  options.history_bytes = history_bytes;
  // An experiment is not held up for a disk that is stuck: journaling stops with a warning and begins anew later.
  options.full_timeout = std::chrono::milliseconds(1000);
  return options;
}

std::shared_ptr<Journal> attached(const Capture& capture) {
  auto journal = capture.journal();
  if (!journal) throw InvalidError("no journal is attached");
  return journal;
}

// With the journal, and without the GIL.
template <class Call>
auto with_journal(const Capture& capture, const Call& use) {
  const auto journal = attached(capture);
  const py::gil_scoped_release release;
  return use(*journal);
}

Capture::Mode mode_of(const std::string& name) {
  if (name == "idle") return Capture::Mode::idle;
  if (name == "fault") return Capture::Mode::fault;
  if (name == "off") return Capture::Mode::off;
  throw InvalidError("there is no mode '" + name + "' without a journal");
}

const char* name_of(Capture::Mode mode) {
  switch (mode) {
    case Capture::Mode::idle:
      return "idle";
    case Capture::Mode::on:
      return "on";
    case Capture::Mode::fault:
      return "fault";
    case Capture::Mode::off:
      return "off";
  }
  return "";
}

py::dict statistics(const Capture& capture) {
  const auto now = with_journal(capture, [](Journal& journal) { return journal.statistics(); });
  py::dict out;
  out["last"] = now.last;
  out["committed"] = now.committed;
  out["commits"] = now.commits;
  out["superseded"] = now.superseded;
  out["waits"] = now.waits;
  out["waited"] = std::chrono::duration<double>(now.waited).count();
  return out;
}

}  // namespace

void bind_capture(py::module_& m) {
  py::class_<Capture, CapturePointer>(m, "Capture",
                                      "Journals the calls of one DatasetManager of ARTIQ. See daybook.artiq.")
      .def(py::init([](const py::object& manager, const py::object& set, const py::object& mutate,
                       const py::object& append_to, const py::object& get, const py::dict& local,
                       const py::dict& archive, const py::dict& metadata, const py::object& begin,
                       const py::object& stage, const py::object& fault, const py::object& unstorable) {
             return std::make_shared<Capture>(
                 Capture::Manager{share(manager), share(set), share(mutate), share(append_to), share(get), share(local),
                                  share(archive), share(metadata)},
                 Capture::Session{share(begin), share(stage), share(fault), share(unstorable)});
           }),
           py::kw_only(), py::arg("manager"), py::arg("set"), py::arg("mutate"), py::arg("append_to"), py::arg("get"),
           py::arg("local"), py::arg("archive"), py::arg("metadata"), py::arg("begin"), py::arg("stage"),
           py::arg("fault"), py::arg("unstorable"))
      .def_property_readonly("set", [](const CapturePointer& c) { return fast_method<&Capture::set>(c, "set"); })
      .def_property_readonly("mutate",
                             [](const CapturePointer& c) { return fast_method<&Capture::mutate>(c, "mutate"); })
      .def_property_readonly("append_to",
                             [](const CapturePointer& c) { return fast_method<&Capture::append_to>(c, "append_to"); })
      .def_property_readonly("get", [](const CapturePointer& c) { return fast_method<&Capture::get>(c, "get"); })
      .def_property_readonly("mode", [](const Capture& c) { return name_of(c.mode()); })
      .def_property_readonly("edits", &Capture::edits)
      .def_property_readonly(
          "path",
          [](const Capture& c) { return c.journal() ? py::str(c.journal()->path().string()) : py::object(py::none()); })
      .def_property_readonly("uuid", [](const Capture& c) { return to_string(attached(c)->info().uuid); })
      .def_property_readonly("statistics", &statistics)
      .def(
          "create",
          [](Capture& c, const std::string& folder, const py::dict& given, std::uint64_t history_bytes) {
            const RunInfo info = run_info(given);
            std::optional<Journal> journal;
            {
              const py::gil_scoped_release release;
              journal.emplace(Journal::create(unused_journal_path(folder, info.rid, info.class_name), info,
                                              journal_options(history_bytes)));
            }
            c.attach(std::move(*journal));
          },
          py::arg("folder"), py::arg("info"), py::arg("history_bytes"))
      .def(
          "open",
          [](Capture& c, const std::string& path, std::uint64_t history_bytes) {
            std::optional<Journal> journal;
            {
              const py::gil_scoped_release release;
              journal.emplace(Journal::open(path, journal_options(history_bytes)));
            }
            c.attach(std::move(*journal));
          },
          py::arg("path"), py::arg("history_bytes"))
      .def(
          "detach", [](Capture& c, const std::string& mode) { c.detach(mode_of(mode)); }, py::arg("mode"))
      .def("expect_stage", &Capture::expect_stage)
      .def("reconcile", &Capture::reconcile)
      .def("is_current", &Capture::is_current)
      .def(
          "set_storage",
          [](Capture& c, const py::object& key, const py::object& options) { c.set_storage(key.ptr(), options.ptr()); },
          py::arg("key"), py::arg("options"))
      .def(
          "put",
          [](Capture& c, const std::string& key, const py::object& value) {
            Keep keep;
            const Value taken = to_value(value.ptr(), keep);
            with_journal(c, [&](Journal& journal) { return journal.set(key, taken); });
          },
          py::arg("key"), py::arg("value"))
      .def(
          "set_attribute",
          [](Capture& c, const std::string& key, const std::string& name, const py::object& value) {
            Keep keep;
            const Value taken = to_value(value.ptr(), keep);
            with_journal(c, [&](Journal& journal) { return journal.set_attribute(key, name, taken); });
          },
          py::arg("key"), py::arg("name"), py::arg("value"))
      .def(
          "stage",
          [](Capture& c, const std::string& stage, double run_time) {
            return with_journal(c, [&](Journal& journal) { return journal.stage(stage, run_time); });
          },
          py::arg("stage"), py::arg("run_time"))
      .def(
          "checkpoint",
          [](Capture& c, const std::string& name) {
            return with_journal(c, [&](Journal& journal) { return journal.checkpoint(name); });
          },
          py::arg("name"))
      .def("commit", [](Capture& c) { with_journal(c, [](Journal& journal) { journal.commit(); }); })
      .def("sync", [](Capture& c) { with_journal(c, [](Journal& journal) { journal.sync(); }); })
      .def(
          "finish",
          [](Capture& c, const std::string& how, const std::optional<std::string>& file) {
            with_journal(c, [&](Journal& journal) {
              if (!file) return journal.finish(how);
              Event event;
              event.body = RunEnded{how};
              const Sequence last = journal.append(event);
              event.body = Materialized{.file = *file, .layout = "experiment", .digest = {}, .up_to = last, .text = {}};
              journal.append(event);
              journal.close();
            });
            c.detach(Capture::Mode::idle);
          },
          py::arg("how"), py::arg("file") = py::none())
      .def(
          "materialized",
          [](Capture& c, const std::string& file, const std::string& layout, const std::string& digest, Sequence up_to,
             const std::string& layout_text) {
            Event event;
            event.body = Materialized{file, layout, digest, up_to, layout_text};
            with_journal(c, [&](Journal& journal) { return journal.append(event); });
          },
          py::arg("file"), py::arg("layout"), py::arg("digest"), py::arg("up_to"), py::arg("text") = "");

  m.def(
      "find_checkpoint_request", [](const std::string& journal) { return find_checkpoint_request(journal); },
      py::arg("journal"));
  m.def(
      "remove_checkpoint_request", [](const std::string& journal) { remove_checkpoint_request(journal); },
      py::arg("journal"));
  m.def(
      "journal_folder", [](const std::string& results) { return journal_folder(results).string(); },
      py::arg("results"));
  m.def(
      "is_live", [](const std::string& journal) { return summarize(journal).live; }, py::arg("journal"));
  m.def("state_folder", [] { return state_folder().string(); });
}

}  // namespace daybook::python
