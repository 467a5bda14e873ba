#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bindings.h"
#include "conversions.h"
#include "daybook/journal/error.h"
#include "daybook/materializer/replay.h"
#include "event_out.h"
#include "snapshot.h"
#include "value_out.h"

namespace daybook::python {

namespace py = pybind11;

Reader& Snapshot::open_reader() {
  if (!reader_) throw InvalidError("the run was closed: open it again with daybook.open()");
  return *reader_;
}

namespace {

Group to_group(const std::string& name) {
  if (name == "datasets") return Group::datasets;
  if (name == "archive") return Group::archive;
  throw py::value_error("a group is 'datasets' or 'archive', not '" + name + "'");
}

At to_at(const py::object& at) {
  if (at.is_none()) return Now{};
  if (py::isinstance<py::str>(at)) return AtCheckpoint{at.cast<std::string>()};
  const auto kind = at.cast<std::pair<std::string, py::object>>();
  if (kind.first == "time") return AtTime{kind.second.cast<Nanoseconds>()};
  return AtSequence{kind.second.cast<Sequence>()};
}

py::object from_salvage(const std::optional<SalvageNote>& note) {
  if (!note) return py::none();
  py::dict dict;
  dict["source"] = note->source;
  dict["time"] = static_cast<double>(note->time) / 1e9;
  dict["lost"] = note->lost;
  dict["made"] = note->made;
  dict["daybook_version"] = note->daybook_version;
  return dict;
}

// The value of one dataset as of a point; nothing if it is not there.
std::optional<py::object> value_at(Snapshot& self, Group group, const std::string& key, Sequence as_of) {
  return self.with([&](const Reader& reader) -> std::optional<py::object> {
    const auto state = reader.find_state(group, key, as_of);
    if (!state) return std::nullopt;
    try {
      return read_stored(replay(reader, *state));
    } catch (Error& e) {
      e.add_context("dataset '" + key + "' of '" + reader.path().string() + "' as of event " + std::to_string(as_of));
      throw;
    }
  });
}

py::object get(Snapshot& self, const std::string& group, const std::string& key, Sequence as_of) {
  auto value = value_at(self, to_group(group), key, as_of);
  if (!value) throw py::key_error(key);
  return *std::move(value);
}

std::vector<std::string> keys(Snapshot& self, const std::string& group_name, Sequence as_of) {
  const Group group = to_group(group_name);
  return self.with([&](const Reader& reader) {
    std::vector<std::string> names;
    for (DatasetState& state : reader.states(as_of))
      if (state.group == group) names.push_back(std::move(state.key));
    return names;
  });
}

py::dict attributes(Snapshot& self, const std::string& group, const std::string& key, Sequence as_of) {
  bool there = false;
  std::vector<std::pair<std::string, py::object>> values;  // dies with the GIL, whatever happens
  self.with([&](const Reader& reader) {
    const auto state = reader.find_state(to_group(group), key, as_of);
    there = state.has_value();
    if (!there) return;
    for (const auto& [name, value] : dataset_attributes(reader, *state, as_of)) {
      py::object& object = values.emplace_back(name, py::object()).second;
      try {
        object = read_stored(to_stored(value));
      } catch (const InvalidError&) {  // what HDF5 cannot hold is shown as the journal has it
        const py::gil_scoped_acquire gil;
        object = read_value(value);
      }
    }
  });
  if (!there) throw py::key_error(key);
  py::dict dict;
  for (auto& [name, value] : values) dict[py::str(name)] = value;
  return dict;
}

// (saved, broadcast, persist, time of the last change, sequence number of it)
py::dict describe(Snapshot& self, const std::string& group, const std::string& key, Sequence as_of) {
  std::optional<DatasetState> state;
  bool broadcast = false, persist = false;
  self.with([&](const Reader& reader) {
    state = reader.find_state(to_group(group), key, as_of);
    if (!state || state->declared == 0) return;
    const Event declared = reader.event(state->declared);
    if (const auto* set = std::get_if<Set>(&declared.body)) {
      broadcast = set->broadcast;
      persist = set->persist;
    }
  });
  if (!state) throw py::key_error(key);
  py::dict dict;
  dict["saved"] = state->saved;
  dict["broadcast"] = broadcast;
  dict["persist"] = persist;
  dict["changed"] = static_cast<double>(state->changed) / 1e9;
  dict["sequence"] = state->head;
  return dict;
}

std::vector<std::pair<Sequence, Nanoseconds>> chain(Snapshot& self, const std::string& group, const std::string& key,
                                                    Sequence as_of) {
  return self.with([&](const Reader& reader) {
    std::vector<std::pair<Sequence, Nanoseconds>> points;
    auto head = reader.find_head(to_group(group), key, as_of);
    for (Sequence sequence = head.value_or(0); sequence != 0;) {
      const Event event = reader.event(sequence);
      points.emplace_back(sequence, event.time);
      sequence = event.previous;
    }
    return std::vector(points.rbegin(), points.rend());
  });
}

py::dict from_status(const ReaderStatus& status, bool unrecovered) {
  py::dict dict;
  dict["phase"] = phase_name(status.phase);
  dict["live"] = status.live;
  dict["unrecovered"] = unrecovered;
  return dict;
}

}  // namespace

void bind_run(py::module_& m) {
  bind_events(m);
  py::class_<Snapshot, std::shared_ptr<Snapshot>>(m, "Snapshot", "One journal as it was at one moment.")
      .def(py::init([](const py::object& path) {
             const auto directory = to_path(path);
             const py::gil_scoped_release release;
             return std::make_shared<Snapshot>(Reader(directory));
           }),
           py::arg("path"))
      .def("close", &Snapshot::close)
      .def("refresh", [](Snapshot& self) { self.with([](Reader& reader) { reader.refresh(); }); })
      .def("path", [](Snapshot& self) { return from_path(self.with([](Reader& reader) { return reader.path(); })); })
      .def("info",
           [](Snapshot& self) { return from_run_info(self.with([](Reader& reader) { return reader.info(); })); })
      .def("status",
           [](Snapshot& self) {
             const auto [status, unrecovered] =
                 self.with([](Reader& reader) { return std::pair(reader.status(), reader.unrecovered()); });
             return from_status(status, unrecovered);
           })
      .def("salvaged",
           [](Snapshot& self) { return from_salvage(self.with([](Reader& reader) { return reader.salvaged(); })); })
      .def("last", [](Snapshot& self) { return self.with([](Reader& reader) { return reader.last(); }); })
      .def(
          "is_complete",
          [](Snapshot& self, Sequence as_of) {
            return self.with([&](Reader& reader) { return reader.is_complete(as_of); });
          },
          py::arg("as_of"))
      .def(
          "resolve",
          [](Snapshot& self, const py::object& at) {
            const At point = to_at(at);
            return self.with([&](Reader& reader) { return reader.resolve(point); });
          },
          py::arg("at"))
      .def("checkpoints", [](Snapshot& self) { return self.with([](Reader& reader) { return reader.checkpoints(); }); })
      .def(
          "stages",
          [](Snapshot& self, Sequence as_of) {
            return self.with([&](Reader& reader) {
              std::vector<std::tuple<std::string, Sequence, Nanoseconds>> stages;
              for (const Event& event : reader.stages(as_of))
                stages.emplace_back(std::get<StageChanged>(event.body).stage, event.sequence, event.time);
              return stages;
            });
          },
          py::arg("as_of"))
      .def("keys", &keys, py::arg("group"), py::arg("as_of"))
      .def(
          "has",
          [](Snapshot& self, const std::string& group, const std::string& key, Sequence as_of) {
            return self.with(
                [&](Reader& reader) { return reader.find_state(to_group(group), key, as_of).has_value(); });
          },
          py::arg("group"), py::arg("key"), py::arg("as_of"))
      .def("get", &get, py::arg("group"), py::arg("key"), py::arg("as_of"))
      .def("attributes", &attributes, py::arg("group"), py::arg("key"), py::arg("as_of"))
      .def("describe", &describe, py::arg("group"), py::arg("key"), py::arg("as_of"))
      .def("chain", &chain, py::arg("group"), py::arg("key"), py::arg("as_of"));
}

}  // namespace daybook::python
