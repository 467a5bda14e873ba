#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings.h"
#include "conversions.h"
#include "daybook/materializer/materialize.h"
#include "daybook/materializer/plugin.h"
#include "errors.h"
#include "layout_in.h"
#include "snapshot.h"

namespace daybook::python {

namespace py = pybind11;

namespace {

TransformRegistry registry_with(const std::vector<std::filesystem::path>& plugins) {
  TransformRegistry registry = built_in_transforms();
  for (const auto& plugin : plugins) load_plugin(plugin, registry);
  return registry;
}

// Looks for Ctrl-C, and calls back; materialize() asks for it a few times a second.
std::function<void(std::uint64_t, std::uint64_t)> progress_with_signals(const py::object& callback) {
  PyObject* const target = callback.is_none() ? nullptr : callback.ptr();  // held by the caller
  return [target](std::uint64_t done, std::uint64_t total) {
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (target != nullptr) py::reinterpret_borrow<py::object>(target)(done, total);
  };
}

// Runs make() without the GIL. If a Python callable made it fail, its exception is the cause; KeyboardInterrupt and the
// like come out as themselves.
template <class Make>
auto without_gil(const Make& make) {
  static_cast<void>(take_callable_failure());
  try {
    const py::gil_scoped_release release;
    return make();
  } catch (const InvalidError& error) {
    const std::exception_ptr failure = take_callable_failure();
    if (!failure) throw;
    try {
      std::rethrow_exception(failure);
    } catch (py::error_already_set& cause) {
      if (!cause.matches(PyExc_Exception)) throw;
      cause.restore();
      py::raise_from(error_class(error).ptr(), error.what());
    }
    throw py::error_already_set();
  }
}

MaterializeOptions to_options(const Layout& layout, Sequence as_of, std::vector<std::string> only,
                              std::vector<std::string> exclude) {
  MaterializeOptions options;
  options.at = AtSequence{as_of};
  options.layout = layout;
  options.only = std::move(only);
  options.exclude = std::move(exclude);
  return options;
}

py::dict replay_snapshot(Snapshot& self, const py::object& out, const Layout& layout, Sequence as_of,
                         std::vector<std::string> only, std::vector<std::string> exclude, unsigned threads,
                         bool use_default, const py::object& progress) {
  MaterializeOptions options = to_options(layout, as_of, std::move(only), std::move(exclude));
  options.threads = threads;
  if (use_default) options.on_layout_failure = MaterializeOptions::OnLayoutFailure::use_default;
  options.progress = progress_with_signals(progress);
  const auto file = to_path(out);
  const MaterializeReport report = without_gil(
      [&] { return self.with_held([&](const Reader& reader) { return materialize(reader, file, options); }); });
  return from_report(report);
}

std::string explain(Snapshot& self, const Layout& layout, Sequence as_of, std::vector<std::string> only,
                    std::vector<std::string> exclude) {
  const auto options = to_options(layout, as_of, std::move(only), std::move(exclude));
  return without_gil(
      [&] { return self.with_held([&](const Reader& reader) { return to_text(make_plan(reader, options)); }); });
}

}  // namespace

void bind_layout(py::module_& m) {
  bind_plan(m);
  using Paths = std::vector<py::object>;
  const auto to_paths = [](const Paths& objects) {
    std::vector<std::filesystem::path> paths;
    for (const py::object& object : objects) paths.push_back(to_path(object));
    return paths;
  };
  py::class_<Layout>(m, "Layout",
                     "An ordered list of transforms: how a run's HDF5 file is laid out. Made by daybook.layout().")
      .def_static(
          "from_file",
          [to_paths](const py::object& file, const Paths& plugins) {
            return load_layout(to_path(file), registry_with(to_paths(plugins)));
          },
          py::arg("file"), py::arg("plugins"))
      .def_static(
          "from_text",
          [to_paths](const std::string& text, const Paths& plugins) {
            return parse_layout(text, registry_with(to_paths(plugins)), "the layout");
          },
          py::arg("text"), py::arg("plugins"))
      .def_static(
          "from_options",
          [to_paths](const py::list& transforms, const std::string& name, const Paths& plugins) {
            return layout_from_options(std::get<OptionList>(to_option(transforms)), registry_with(to_paths(plugins)),
                                       name);
          },
          py::arg("transforms"), py::arg("name"), py::arg("plugins"))
      .def_static("from_callable", &layout_from_callable, py::arg("callable"), py::arg("name"), py::arg("where"))
      .def_static(
          "default", [] { return Layout(); }, "What ARTIQ writes.")
      .def(
          "then", [](const Layout& self, const Layout& other) { return compose(self, other); }, py::arg("other"),
          "Both, one after the other.")
      .def(
          "renamed",
          [](Layout self, std::string name) {
            self.name = std::move(name);
            return self;
          },
          py::arg("name"))
      .def_readonly("name", &Layout::name, "As the file's attribute daybook_layout says it.")
      .def_readonly("text", &Layout::text, "What it came from.")
      .def_property_readonly("digest", &Layout::digest,
                             "32 hexadecimal digits of name, text and options; empty for the default layout.")
      .def_property_readonly("portable", &is_portable, "Without functions: `toml` says all of it.")
      .def_property_readonly("toml", &self_contained_text, "The layout as one TOML text, whatever files it came from.")
      .def("__repr__", [](const Layout& self) { return "<daybook.Layout " + self.name + ">"; });
  m.def("transforms", [] {
    py::dict names;
    const TransformRegistry registry = built_in_transforms();
    for (const std::string& name : registry.names()) names[py::str(name)] = registry.info(name).summary;
    return names;
  });
  m.def("replay", &replay_snapshot, py::arg("snapshot"), py::arg("out"), py::arg("layout"), py::arg("as_of"),
        py::arg("only"), py::arg("exclude"), py::arg("threads"), py::arg("use_default"), py::arg("progress"));
  m.def("explain", &explain, py::arg("snapshot"), py::arg("layout"), py::arg("as_of"), py::arg("only"),
        py::arg("exclude"));
}

}  // namespace daybook::python
