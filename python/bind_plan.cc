#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "conversions.h"
#include "daybook/materializer/node_value.h"
#include "dtype.h"
#include "layout_in.h"
#include "plan_handle.h"
#include "value_in.h"
#include "value_out.h"

namespace daybook::python {

namespace py = pybind11;

namespace {

using Handle = std::shared_ptr<PlanHandle>;

// As HDF5 has it: absolute, without empty and "." parts.
std::string checked_path(const std::string& path) {
  if (!path.starts_with('/')) throw py::value_error("the path '" + path + "' must be absolute, such as '/a/b'");
  if (path.find('\0') != std::string::npos) throw py::value_error("a path must not hold a NUL");
  std::string clean;
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string part = path.substr(at, end - at);
    if (!part.empty() && part != ".") clean += "/" + part;
    at = end + 1;
  }
  return clean.empty() ? "/" : clean;
}

Value owned_value(const py::object& object) {
  const KeepLease keep;
  return to_value(object.ptr(), *keep).owned();
}

void note_edit(const NodeHandle& self) {
  Node& node = self.node();
  const std::string& name = self.plan->transform();
  if (node.origin != name && (node.edits.empty() || node.edits.back() != name)) node.edits.push_back(name);
}

const char* kind_of(const NodeForm& form) {
  static constexpr const char* names[] = {"dataset", "table",   "group",   "attribute", "field",
                                          "link",    "omitted", "refused", "custom"};
  return names[form.index()];
}

NodeHandle add(const Handle& self, std::string path, Source source, NodeForm form) {
  Node node;
  node.path = checked_path(path);
  node.source = std::move(source);
  node.form = std::move(form);
  node.origin = self->transform();
  self->plan().nodes.push_back(std::move(node));
  return {self, self->plan().nodes.size() - 1};
}

void set_path(const NodeHandle& self, const std::string& path) {
  Node& node = self.node();
  if (!node.is_object() || node.path == "/")
    throw InvalidError("'" + node.path + "' is no object with a place of its own: it cannot be moved");
  const std::string to = checked_path(path);
  if (to == node.path) return;
  const std::string from = node.path;
  move_subtree(self.plan->plan(), from, to);
  self.node().origin = self.plan->transform();
}

void set_form(const NodeHandle& self, NodeForm form) {
  Node& node = self.node();
  if (node.path == "/") throw InvalidError("the root of a file is always there, as a group");
  node.form = std::move(form);
  node.origin = self.plan->transform();
}

py::object stored_description(const NodeHandle& self) {
  const StoredAs stored = stored_as(self.plan->plan(), self.node());
  return py::make_tuple(make_dtype(stored.type),
                        stored.form == Form::null ? py::object(py::none()) : to_tuple(stored.shape));
}

py::object value_of(const NodeHandle& self) {
  const py::gil_scoped_release release;
  return read_stored(stored_value(self.plan->plan(), self.node()));
}

void set_attribute(const NodeHandle& self, const std::string& name, const py::object& object) {
  if (name.empty()) throw py::value_error("an attribute's name must not be empty");
  Value value = owned_value(object);
  auto& attributes = self.node().attributes;
  const auto found = std::ranges::find(attributes, name, &std::pair<std::string, Value>::first);
  if (found == attributes.end()) {
    attributes.emplace_back(name, std::move(value));
  } else {
    found->second = std::move(value);
  }
  note_edit(self);
}

py::object get_attribute(const NodeHandle& self, const std::string& name) {
  for (const auto& [key, value] : self.node().attributes)
    if (key == name) {
      const Value copy = value;  // nobody else's while it is read
      const py::gil_scoped_release release;
      return read_stored(to_stored(copy));
    }
  throw py::key_error(name);
}

void delete_attribute(const NodeHandle& self, const std::string& name) {
  if (std::erase_if(self.node().attributes, [&](const auto& attribute) { return attribute.first == name; }) == 0)
    throw py::key_error(name);
  note_edit(self);
}

Storage& storage_of(const NodeHandle& self) {
  auto* dataset = std::get_if<AsDataset>(&self.node().form);
  if (dataset == nullptr) throw InvalidError("'" + self.node().path + "' is no dataset: it has no chunks and filters");
  return dataset->storage;
}

py::dict storage_dict(const NodeHandle& self) {
  static constexpr const char* kinds[] = {"automatic", "compact", "contiguous", "chunked"};
  const Storage& storage = storage_of(self);
  py::dict dict;
  dict["kind"] = kinds[static_cast<std::size_t>(storage.kind)];
  dict["chunks"] = storage.chunk.empty() ? py::object(py::none()) : to_tuple(storage.chunk);
  py::list filters;
  for (const Filter& filter : storage.filters)
    filters.append(py::make_tuple(filter.id, filter.name, py::tuple(py::cast(filter.options))));
  dict["filters"] = filters;
  dict["extendible"] = storage.extendible;
  dict["fill_value"] = storage.fill_value ? read_value(*storage.fill_value) : py::none();
  dict["track_times"] = storage.track_times;
  return dict;
}

// One of the registry's transforms on nodes of the plan, as a layout file would apply it.
void apply_all(const Handle& self, const std::string& use, const py::dict& options) {
  const Transform transform = built_in_transforms().make(use, std::get<OptionTable>(to_option(options)));
  self->shuffle();
  transform(self->plan());
}

void apply_one(const NodeHandle& self, const std::string& use, const py::dict& options) {
  const Transform transform = built_in_transforms().make(use, std::get<OptionTable>(to_option(options)));
  Plan& plan = self.plan->plan();
  Plan one{.reader = plan.reader, .as_of = plan.as_of, .nodes = {self.node()}};
  transform(one);
  if (one.nodes.size() != 1) throw InvalidError("transform " + use + " is not for one node: use plan.apply()");
  self.node() = std::move(one.nodes.front());
}

AsLink::Kind link_kind(const std::string& kind) {
  if (kind == "soft") return AsLink::Kind::soft;
  if (kind == "hard") return AsLink::Kind::hard;
  if (kind == "external") return AsLink::Kind::external;
  throw py::value_error("a link is 'soft', 'hard' or 'external', not '" + kind + "'");
}

void bind_node(py::module_& m) {
  py::class_<NodeHandle>(m, "NodeHandle", "What daybook.Node stands on.")
      .def_property(
          "path", [](const NodeHandle& self) { return self.node().path; }, &set_path)
      .def_property_readonly("key",
                             [](const NodeHandle& self) -> std::optional<std::string> {
                               const DatasetState* state = self.node().state();
                               return state == nullptr ? std::nullopt : std::optional(state->key);
                             })
      .def_property_readonly("group",
                             [](const NodeHandle& self) -> std::optional<std::string> {
                               const DatasetState* state = self.node().state();
                               if (state == nullptr) return std::nullopt;
                               return state->group == Group::datasets ? "datasets" : "archive";
                             })
      .def_property_readonly("kind", [](const NodeHandle& self) { return kind_of(self.node().form); })
      .def_property_readonly("origin", [](const NodeHandle& self) { return self.node().origin; })
      .def_property_readonly("reason",
                             [](const NodeHandle& self) -> std::optional<std::string> {
                               const NodeForm& form = self.node().form;
                               if (const auto* omitted = std::get_if<Omitted>(&form)) return omitted->reason;
                               if (const auto* refused = std::get_if<Refused>(&form)) return refused->reason;
                               return std::nullopt;
                             })
      .def("stored_as", &stored_description)
      .def("value", &value_of)
      .def("attribute_names",
           [](const NodeHandle& self) {
             std::vector<std::string> names;
             for (const auto& [name, value] : self.node().attributes) names.push_back(name);
             return names;
           })
      .def("get_attribute", &get_attribute, py::arg("name"))
      .def("set_attribute", &set_attribute, py::arg("name"), py::arg("value"))
      .def("delete_attribute", &delete_attribute, py::arg("name"))
      .def(
          "omit", [](const NodeHandle& self, const std::string& reason) { set_form(self, Omitted{reason}); },
          py::arg("reason"))
      .def(
          "as_attribute",
          [](const NodeHandle& self, const std::string& object, const std::string& name) {
            set_form(self, AsAttribute{checked_path(object), name});
          },
          py::arg("object"), py::arg("name"))
      .def(
          "as_link",
          [](const NodeHandle& self, const std::string& target, const std::string& kind, const std::string& file) {
            set_form(self, AsLink{checked_path(target), link_kind(kind), file});
          },
          py::arg("target"), py::arg("kind"), py::arg("file"))
      .def("as_dataset", [](const NodeHandle& self) { set_form(self, AsDataset{}); })
      .def("storage", &storage_dict)
      .def(
          "set_chunks",
          [](const NodeHandle& self, const std::vector<std::uint64_t>& chunks) {
            Storage& storage = storage_of(self);
            storage.kind = chunks.empty() ? Storage::Kind::automatic : Storage::Kind::chunked;
            storage.chunk = Shape(std::span(chunks));
            storage.chunk_bytes = 0;
            note_edit(self);
          },
          py::arg("chunks"))
      .def(
          "cast",
          [](const NodeHandle& self, const py::object& dtype, bool lossy) {
            const auto type = find_type(py::dtype::from_args(dtype).ptr());
            if (!type) throw py::type_error("HDF5 has no type for dtype " + std::string(py::str(dtype)));
            self.node().cast = CastTo{*type, lossy};
            note_edit(self);
          },
          py::arg("dtype"), py::arg("lossy"))
      .def("apply", &apply_one, py::arg("use"), py::arg("options"));
}

}  // namespace

void bind_plan(py::module_& m) {
  bind_node(m);
  py::class_<PlanHandle, Handle>(m, "PlanHandle", "What daybook.Plan stands on.")
      .def("__len__", [](const PlanHandle& self) { return self.plan().nodes.size(); })
      .def(
          "node",
          [](const Handle& self, std::size_t index) {
            if (index >= self->plan().nodes.size()) throw py::index_error("a plan has fewer nodes");
            return NodeHandle{self, index};
          },
          py::arg("index"))
      .def(
          "find",
          [](const Handle& self, const std::string& path) -> std::optional<NodeHandle> {
            const Plan& plan = self->plan();
            for (std::size_t i = 0; i < plan.nodes.size(); ++i)
              if (plan.nodes[i].path == path && plan.nodes[i].is_written()) return NodeHandle{self, i};
            return std::nullopt;
          },
          py::arg("path"))
      .def_property_readonly("as_of", [](const PlanHandle& self) { return self.plan().as_of; })
      .def(
          "add_constant",
          [](const Handle& self, const std::string& path, const py::object& value) {
            return add(self, path, owned_value(value), AsDataset{});
          },
          py::arg("path"), py::arg("value"))
      .def(
          "add_group", [](const Handle& self, const std::string& path) { return add(self, path, {}, AsGroup{}); },
          py::arg("path"))
      .def(
          "add_link",
          [](const Handle& self, const std::string& path, const std::string& target, const std::string& kind,
             const std::string& file) {
            return add(self, path, {}, AsLink{checked_path(target), link_kind(kind), file});
          },
          py::arg("path"), py::arg("target"), py::arg("kind"), py::arg("file"))
      .def(
          "move",
          [](const Handle& self, const std::string& from, const std::string& to) {
            const std::string source = checked_path(from), target = checked_path(to);
            std::vector<std::size_t> moved;
            const auto& nodes = self->plan().nodes;
            for (std::size_t i = 0; i < nodes.size(); ++i)
              if (nodes[i].path == source || nodes[i].path.starts_with(source + "/")) moved.push_back(i);
            if (moved.empty()) throw py::key_error("there is nothing at '" + source + "' to be moved");
            move_subtree(self->plan(), source, target);
            for (const std::size_t i : moved) self->plan().nodes[i].origin = self->transform();
          },
          py::arg("from_path"), py::arg("to_path"))
      .def("apply", &apply_all, py::arg("use"), py::arg("options"))
      .def(
          "no_file", [](const PlanHandle& self, const std::string& reason) { self.plan().file.no_file = reason; },
          py::arg("reason"))
      .def("__str__", [](const PlanHandle& self) { return to_text(self.plan()); });
}

}  // namespace daybook::python
