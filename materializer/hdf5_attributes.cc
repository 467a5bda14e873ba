#include "daybook/materializer/hdf5_attributes.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "daybook/materializer/hdf5_elements.h"
#include "daybook/materializer/node_value.h"
#include "daybook/materializer/object_path.h"

namespace daybook::detail {
namespace {

constexpr std::uint64_t large_attribute = 60000;  // an old header's limit is 64 KiB with name, type and shape
constexpr std::uint64_t many_attributes = 1024;
constexpr std::uint64_t pointer_bytes = 16;  // of variable-length elements only that stands in the header

struct Load {
  std::uint64_t count = 0, largest = 0;

  void add(std::uint64_t bytes) {
    ++count;
    largest = std::max(largest, bytes);
  }
  [[nodiscard]] bool is_heavy() const { return largest > large_attribute || count > many_attributes; }
};

std::uint64_t header_bytes(const Value& value) {
  if (value.form() == Form::list || value.form() == Form::objects) {
    std::uint64_t bytes = 0;
    for (const Value& run : value.runs()) bytes += header_bytes(run);
    return bytes;
  }
  if (value.form() != Form::scalar && value.form() != Form::array) return 0;
  return value.type().is_variable() ? pointer_bytes * value.element_count() : value.byte_size();
}

std::uint64_t header_bytes(const Plan& plan, const Node& node) {
  try {
    return stored_as(plan, node).bytes();
  } catch (const InvalidError&) {
    return 0;  // it will not become an attribute
  }
}

void add_all(Load& load, const std::vector<std::pair<std::string, Value>>& attributes) {
  for (const auto& [name, value] : attributes) load.add(header_bytes(value));
}

}  // namespace

AttributeLoad::AttributeLoad(const Plan& plan) {
  std::unordered_map<std::string_view, Load> loads;  // of objects that get the values of other nodes
  for (const Node& node : plan.nodes) {
    const auto* form = std::get_if<AsAttribute>(&node.form);
    if (form == nullptr) continue;
    Load& load = loads[form->object];
    load.add(header_bytes(plan, node));
    add_all(load, node.attributes);
  }
  for (const Node& node : plan.nodes) {
    if (node.attributes.empty() || !node.is_object()) continue;
    const auto found = loads.find(node.path);
    if (found != loads.end())
      add_all(found->second, node.attributes);
    else if (is_heavy(node.attributes))
      heavy_.insert(node.path);
  }
  for (const auto& [path, load] : loads)
    if (load.is_heavy()) heavy_.emplace(path);
}

bool AttributeLoad::is_heavy(const std::vector<std::pair<std::string, Value>>& attributes) {
  Load load;
  add_all(load, attributes);
  return load.is_heavy();
}

void write_attribute(hid_t object, const std::string& name, const StoredValue& value, Hdf5Types& types) {
  if (name.empty() || name.find('\0') != std::string::npos || !is_utf8(name))
    throw InvalidError("HDF5 cannot hold an attribute of that name");
  const hid_t type = types.get(value.type);
  const Hdf5Space space = make_space(value);
  const hid_t id = H5Acreate2(object, name.c_str(), type, space.id(), H5P_DEFAULT, H5P_DEFAULT);
  if (id < 0) {
    const bool taken = H5Aexists(object, name.c_str()) > 0;
    if (taken || stored_bytes(value) > large_attribute) H5Eclear2(H5E_DEFAULT);
    if (taken) throw InvalidError("there is an attribute of that name already");
    if (stored_bytes(value) > large_attribute)
      throw InvalidError(
          fmt::format("{} bytes are too many: this object's header holds less than 64 KiB", stored_bytes(value)));
  }
  Hdf5Attribute attribute(id, "create the attribute");
  try {
    write_elements_of_attribute(attribute.id(), type, value);
  } catch (...) {
    attribute = {};
    H5Adelete(object, name.c_str());
    throw;
  }
}

}  // namespace daybook::detail
