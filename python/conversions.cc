#include "conversions.h"

#include "daybook/journal/error.h"
#include "value_in.h"

namespace daybook::python {

namespace py = pybind11;

namespace {
std::vector<std::unique_ptr<Keep>>& spare_keeps() {
  thread_local std::vector<std::unique_ptr<Keep>> spare;
  return spare;
}
}  // namespace

KeepLease::KeepLease() {
  auto& spare = spare_keeps();
  if (spare.empty()) {
    keep_ = std::make_unique<Keep>();
  } else {
    keep_ = std::move(spare.back());
    spare.pop_back();
  }
}

KeepLease::~KeepLease() {
  keep_->clear();
  try {
    spare_keeps().push_back(std::move(keep_));
  } catch (const std::bad_alloc&) {
  }
}

std::filesystem::path to_path(const py::object& path) {
  PyObject* bytes = nullptr;
  if (PyUnicode_FSConverter(path.ptr(), &bytes) == 0) throw py::error_already_set();
  const auto held = py::reinterpret_steal<py::object>(bytes);
  return std::string(PyBytes_AS_STRING(bytes), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes)));
}

py::str from_path(const std::filesystem::path& path) {
  const std::string& bytes = path.native();
  auto text = py::reinterpret_steal<py::str>(
      PyUnicode_DecodeFSDefaultAndSize(bytes.data(), static_cast<py::ssize_t>(bytes.size())));
  if (!text) throw py::error_already_set();
  return text;
}

std::vector<Attribute> to_attributes(const py::dict& attributes, Keep& keep) {
  std::vector<Attribute> converted;
  for (const auto& [name, value] : attributes) {
    if (!PyUnicode_Check(name.ptr()))
      throw py::type_error("an attribute's name must be str, not " + std::string(Py_TYPE(name.ptr())->tp_name));
    Py_ssize_t size = 0;
    const char* const text = PyUnicode_AsUTF8AndSize(name.ptr(), &size);
    if (text == nullptr) throw py::error_already_set();
    keep.hold(name.ptr());
    keep.hold(value.ptr());
    converted.push_back({{text, static_cast<std::size_t>(size)}, to_value(value.ptr(), keep)});
  }
  return converted;
}

py::dict from_run_info(const RunInfo& info) {
  py::dict dict;
  dict["uuid"] = to_string(info.uuid);
  dict["rid"] = info.rid;
  dict["class_name"] = info.class_name;
  dict["expid"] = info.expid;
  dict["start_time"] = info.start_time;
  dict["software_version"] = info.software_version;
  dict["host"] = info.host;
  dict["boot_id"] = info.boot_id;
  dict["pid"] = info.pid;
  dict["daybook_version"] = info.daybook_version;
  dict["layout"] = info.layout;
  dict["results"] = info.results;
  return dict;
}

const char* phase_name(Phase phase) {
  switch (phase) {
    case Phase::running:
      return "running";
    case Phase::finished:
      return "finished";
    case Phase::crashed:
      break;
  }
  return "crashed";
}

}  // namespace daybook::python
