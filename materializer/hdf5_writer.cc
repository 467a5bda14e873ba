#include "daybook/materializer/hdf5_writer.h"

#include <fmt/format.h>

#include <exception>
#include <unordered_set>

#include "daybook/materializer/hdf5_dataset.h"
#include "daybook/materializer/hdf5_driver.h"
#include "daybook/materializer/hdf5_elements.h"
#include "daybook/materializer/hdf5_types.h"
#include "daybook/materializer/node_value.h"
#include "daybook/materializer/object_path.h"

namespace daybook::detail {
namespace {

constexpr std::uint64_t large_attribute = 60000;  // HDF5 has room for some 64 KiB in an object's header

Refusal refusal(const Node& node, std::string reason) {
  if (const DatasetState* state = node.state()) return {state->group, state->key, std::move(reason)};
  return {Group::datasets, node.path, std::move(reason)};
}

// What the caller's progress function threw: it must pass, whatever its type, and not cost one dataset only.
struct GivenUp {
  std::exception_ptr reason;
};

class PlanWriter {
 public:
  PlanWriter(const Plan& plan, hid_t file, const NodeProgress& progress, unsigned threads)
      : plan_(plan), file_(file), progress_(progress), datasets_(types_, threads) {
    check_hdf5(H5Pset_char_encoding(utf8_link_.id(), H5T_CSET_UTF8), "make link properties");
    groups_.emplace("/");
  }

  // All but attribute nodes, whose object may come later than they.
  void write(std::size_t index) {
    const Node& node = plan_.nodes[index];
    try {
      if (const auto* refused = std::get_if<Refused>(&node.form); refused != nullptr && inherits(*refused)) {
        write_inherited(node, *refused);
      } else if (write_form(node) && node.state() != nullptr) {
        ++written_.datasets;
      }
    } catch (const InvalidError& e) {
      refuse(node, e.what());
    } catch (const Hdf5Error& e) {
      refuse(node, e.what());
    }
  }

  void write_attribute_node(const Node& node) {
    const auto* form = std::get_if<AsAttribute>(&node.form);
    if (form == nullptr) return;
    try {
      const Hdf5Object object(H5Oopen(file_, form->object.c_str(), H5P_DEFAULT),
                              "open " + form->object + " for an attribute");
      write_attribute(object.id(), form->name, stored(node));
      if (node.state() != nullptr) ++written_.datasets;
    } catch (const InvalidError& e) {
      refuse(node, e.what());
    } catch (const Hdf5Error& e) {
      refuse(node, e.what());
    }
  }

  Written take() { return std::move(written_); }

 private:
  // The node that had been given this one's place could not be written.
  bool inherits(const Refused& refused) const {
    return refused.instead != nullptr && unwritten_.contains(&plan_.nodes[refused.rival]);
  }

  void write_inherited(const Node& node, const Refused& refused) {
    try {
      write_form(*refused.instead);
      if (node.state() != nullptr) ++written_.datasets;
    } catch (const Hdf5Error&) {
      refuse(node, refused.reason);  // the place went to somebody else in the meantime
    }
  }

  bool write_form(const Node& node) {
    if (const auto* form = std::get_if<AsDataset>(&node.form)) {
      write_dataset(node, form->storage);
    } else if (std::holds_alternative<AsGroup>(node.form)) {
      write_attributes(node, group(node.path));
    } else if (const auto* link = std::get_if<AsLink>(&node.form)) {
      check_hdf5(H5Lcreate_soft(link->target.c_str(), group(parent_path(node.path)), name_of(node).c_str(),
                                link_properties(node), H5P_DEFAULT),
                 "make link " + node.path);
    } else if (const auto* custom = std::get_if<Custom>(&node.form)) {
      write_custom(node, *custom);
    } else if (const auto* refused = std::get_if<Refused>(&node.form)) {
      refuse(node, refused->reason);
      return false;
    } else {
      return false;  // omitted, or an attribute: later
    }
    return true;
  }

  StoredValue stored(const Node& node) const { return stored_value(plan_, node); }

  void write_dataset(const Node& node, const Storage& storage) {
    const StoredValue value = stored(node);
    const hid_t parent = group(parent_path(node.path));
    const std::string name = name_of(node);
    DatasetWriter::Progress progress;
    if (progress_) progress = [&, total = value.count()](std::uint64_t done) { tell(node, done, total); };
    std::vector<std::string> notes;
    Hdf5Dataset dataset =
        datasets_.write({parent, name, link_properties(node), node.path}, value, storage, progress, notes);
    for (std::string& note : notes) written_.notes.push_back(refusal(node, std::move(note)));
    write_attributes(node, dataset.id());
    dataset.close("close " + node.path);
  }

  void write_custom(const Node& node, const Custom& custom) {
    const bool has_value = !std::holds_alternative<std::monostate>(node.source);
    const StoredValue value = has_value ? stored(node) : StoredValue();
    group(parent_path(node.path));
    try {
      custom.write(file_, node.path, has_value ? &value : nullptr);
    } catch (const std::exception& e) {
      if (H5Lexists(file_, node.path.c_str(), H5P_DEFAULT) > 0) H5Ldelete(file_, node.path.c_str(), H5P_DEFAULT);
      H5Eclear2(H5E_DEFAULT);
      throw InvalidError(fmt::format("custom writer {} failed: {}", custom.what, e.what()));
    }
    if (node.attributes.empty()) return;
    const Hdf5Object object(H5Oopen(file_, node.path.c_str(), H5P_DEFAULT),
                            "open " + node.path + " for its attributes");
    write_attributes(node, object.id());
  }

  void write_attributes(const Node& node, hid_t object) {
    for (const auto& [name, value] : node.attributes) {
      try {
        write_attribute(object, name, to_stored(value));
      } catch (const InvalidError& e) {
        refuse_attribute(node, name, e.what());
      } catch (const Hdf5Error& e) {
        refuse_attribute(node, name, e.what());
      }
    }
  }

  void write_attribute(hid_t object, const std::string& name, const StoredValue& value) {
    if (name.empty() || name.find('\0') != std::string::npos || !is_utf8(name))
      throw InvalidError("HDF5 cannot hold an attribute of that name");
    const hid_t type = types_.get(value.type);
    const Hdf5Space space = make_space(value);
    const hid_t id = H5Acreate2(object, name.c_str(), type, space.id(), H5P_DEFAULT, H5P_DEFAULT);
    if (id < 0 && stored_bytes(value) > large_attribute) {
      H5Eclear2(H5E_DEFAULT);
      throw InvalidError(
          fmt::format("{} bytes are too many: HDF5 holds less than 64 KiB in an attribute", stored_bytes(value)));
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

  // The id of a group, made with all above it if it is not there. Valid until the next call. Its link is not marked as
  // UTF-8, whatever its name: neither is that of a group that HDF5 makes on the way to an object.
  hid_t group(std::string_view path) {
    if (current_ && path == current_path_) return current_.id();
    std::string wanted(path);
    if (groups_.contains(wanted)) {
      current_ = Hdf5Group(H5Gopen2(file_, wanted.c_str(), H5P_DEFAULT), "open group " + wanted);
    } else {
      const hid_t parent = group(parent_path(path));
      const std::string name(last_name(path));
      current_ =
          Hdf5Group(H5Gcreate2(parent, name.c_str(), H5P_DEFAULT, group_.id(), H5P_DEFAULT), "create group " + wanted);
      groups_.insert(wanted);
    }
    current_path_ = std::move(wanted);
    return current_.id();
  }

  void tell(const Node& node, std::uint64_t done, std::uint64_t total) const {
    try {
      progress_(node, done, total);
    } catch (...) {
      throw GivenUp{std::current_exception()};
    }
  }

  static std::string name_of(const Node& node) { return std::string(last_name(node.path)); }
  hid_t link_properties(const Node& node) const { return is_ascii(node.path) ? H5P_DEFAULT : utf8_link_.id(); }
  void refuse_attribute(const Node& node, const std::string& name, const char* reason) {
    written_.refused.push_back(refusal(node, fmt::format("attribute {}: {}", quote_name(name), reason)));
  }
  void refuse(const Node& node, std::string reason) {
    written_.refused.push_back(refusal(node, std::move(reason)));
    unwritten_.insert(&node);
  }

  const Plan& plan_;
  hid_t file_;
  const NodeProgress& progress_;
  Hdf5Types types_;
  DatasetWriter datasets_;
  Hdf5Properties group_ = object_properties(H5P_GROUP_CREATE);
  Hdf5Properties utf8_link_ = object_properties(H5P_LINK_CREATE);
  std::unordered_set<std::string> groups_;  // that exist: asking HDF5 for each object would cost more than writing it
  Hdf5Group current_;
  std::string current_path_;
  std::unordered_set<const Node*> unwritten_;
  Written written_;
};

}  // namespace

Written write_hdf5(const Plan& plan, int descriptor, const std::filesystem::path& temporary,
                   const std::filesystem::path& target, const NodeProgress& progress, unsigned threads) {
  const Hdf5Quiet quiet;
  FileUnderHdf5 below(descriptor);
  const FileAccess access(below);
  const auto check_disk = [&] {
    if (below.error() != 0)
      throw_errno(fmt::format("write {} (the previous file, if any, is untouched)", target.string()), below.error());
  };
  Written written;
  try {
    Hdf5File file(H5Fcreate(temporary.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.id()), "create " + target.string());
    {
      PlanWriter writer(plan, file.id(), progress, threads);
      for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
        writer.write(i);
        check_disk();
      }
      for (const Node& node : plan.nodes) writer.write_attribute_node(node);
      written = writer.take();
    }
    file.close("close " + target.string());
  } catch (const Hdf5Error&) {
    check_disk();  // the better reason, if there is one
    throw;
  } catch (const GivenUp& given_up) {
    std::rethrow_exception(given_up.reason);
  }
  check_disk();
  return written;
}

}  // namespace daybook::detail
