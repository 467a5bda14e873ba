#include "event_out.h"

#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "conversions.h"
#include "snapshot.h"
#include "value_out.h"

namespace daybook::python {

namespace py = pybind11;

namespace {

// What of an event is small. Its value and the rest are read when somebody asks for them.
struct EventNote {
  std::shared_ptr<Snapshot> snapshot;
  Sequence sequence = 0;
  Nanoseconds time = 0;
  std::int64_t monotonic = 0;
  std::string kind, key;
};

template <class Read>
auto with_event(const EventNote& note, const Read& read) {
  return note.snapshot->with([&](const Reader& reader) {
    const Event event = reader.event(note.sequence);
    const py::gil_scoped_acquire gil;
    return read(event);
  });
}

const Value* find_value(const EventBody& body) {
  return std::visit(
      [](const auto& what) -> const Value* {
        if constexpr (requires { what.value; }) {
          return &what.value;
        } else {
          return nullptr;
        }
      },
      body);
}

py::dict from_attributes(const std::vector<Attribute>& attributes) {
  py::dict dict;
  for (const auto& [name, value] : attributes) dict[py::str(name.data(), name.size())] = read_value(value);
  return dict;
}

struct Details {
  py::dict dict;

  void operator()(const RunStarted& body) { dict["info"] = from_run_info(body.info); }
  void operator()(const StageChanged& body) {
    dict["stage"] = body.stage;
    if (body.run_time != 0) dict["run_time"] = body.run_time;
  }
  void operator()(const Set& body) {
    dict["attributes"] = from_attributes(body.metadata);
    dict["storage"] = from_attributes(body.options);
    dict["broadcast"] = body.broadcast;
    dict["persist"] = body.persist;
    dict["archive"] = body.archive;
  }
  void operator()(const Mutate& body) {
    dict["start"] = to_tuple(body.region.start);
    dict["count"] = to_tuple(body.region.count);
    dict["step"] = to_tuple(body.region.step);
  }
  void operator()(const MutateItem& body) { dict["index"] = body.index; }
  void operator()(const Append& body) { dict["index"] = body.index; }
  void operator()(const SetAttribute& body) {
    dict["name"] = body.name;
    dict["removed"] = body.removed;
  }
  void operator()(const Checkpoint& body) { dict["name"] = body.name; }
  void operator()(const Materialized& body) {
    dict["file"] = body.file;
    dict["layout"] = body.layout;
    dict["digest"] = body.digest;
    dict["up_to"] = body.up_to;
  }
  void operator()(const RunEnded& body) { dict["how"] = body.how; }
  void operator()(const Part& body) { dict["bytes"] = body.bytes.size(); }
  void operator()(const Lost& body) { dict["up_to"] = body.up_to; }
  void operator()(const Unknown& body) { dict["kind"] = body.kind; }
  template <class Other>
  void operator()(const Other& /*body*/) {}
};

std::vector<EventNote> events(const std::shared_ptr<Snapshot>& snapshot, Sequence first, Sequence last) {
  return snapshot->with([&](const Reader& reader) {
    std::vector<EventNote> notes;
    reader.events(first, last, [&](const Event& event) {
      notes.push_back({snapshot, event.sequence, event.time, event.monotonic, std::string(kind_name(event.body)),
                       std::string(event.key)});
      return true;
    });
    return notes;
  });
}

}  // namespace

void bind_events(py::module_& m) {
  py::class_<EventNote>(
      m, "Event",
      "One event of a journal. Its value is read, and copied, when it is asked for; the run must not have "
      "been closed by then.")
      .def_readonly("sequence", &EventNote::sequence, "Its number, from 1 on without gaps.")
      .def_property_readonly(
          "time", [](const EventNote& self) { return static_cast<double>(self.time) / 1e9; },
          "Seconds since the Unix epoch; never earlier than that of the event before.")
      .def_readonly("time_ns", &EventNote::time, "The same in nanoseconds, exactly.")
      .def_readonly("monotonic_ns", &EventNote::monotonic, "Nanoseconds of the writer's monotonic clock.")
      .def_readonly("kind", &EventNote::kind, "'set', 'mutate', 'append', …: the names of `daybook log`.")
      .def_readonly("key", &EventNote::key, "The dataset's name; empty for events that concern none.")
      .def_property_readonly(
          "value",
          [](const EventNote& self) {
            return with_event(self, [](const Event& event) {
              const Value* value = find_value(event.body);
              const auto* attribute = std::get_if<SetAttribute>(&event.body);
              if (value == nullptr || (attribute != nullptr && attribute->removed)) return py::object(py::none());
              return read_value(*value);
            });
          },
          "The value that the event brought: the whole one of a 'set', the elements of a 'mutate', the item of an "
          "'append'. "
          "Lists are lists; daybook.Unstorable stands for what HDF5 cannot hold; None where there is none. ElidedError "
          "if "
          "retention has dropped it.")
      .def_property_readonly(
          "details",
          [](const EventNote& self) {
            return with_event(self, [](const Event& event) {
              Details details;
              std::visit(details, event.body);
              return details.dict;
            });
          },
          "Everything else: region or index, attributes and flags, name of a checkpoint, …")
      .def("__repr__", [](const EventNote& self) {
        return "<daybook.Event " + std::to_string(self.sequence) + " " + self.kind +
               (self.key.empty() ? "" : " " + std::string(py::repr(py::str(self.key)))) + ">";
      });
  m.def("events", &events, py::arg("snapshot"), py::arg("first"), py::arg("last"));
}

}  // namespace daybook::python
