#include "daybook/materializer/hdf5_writer.h"

#include <fmt/format.h>

#include <exception>
#include <unordered_map>
#include <unordered_set>

#include "daybook/materializer/hdf5_attributes.h"
#include "daybook/materializer/hdf5_dataset.h"
#include "daybook/materializer/hdf5_driver.h"
#include "daybook/materializer/hdf5_file.h"
#include "daybook/materializer/hdf5_types.h"
#include "daybook/materializer/node_value.h"
#include "daybook/materializer/object_path.h"
#include "daybook/materializer/table_value.h"

namespace daybook::detail {
namespace {

constexpr std::uint32_t many_rows_level = 4;

Refusal refusal(const Node& node, std::string reason) {
  if (const DatasetState* state = node.state()) return {state->group, state->key, std::move(reason)};
  return {Group::datasets, node.path, std::move(reason)};
}

// What the caller's progress function threw: it must pass, whatever its type, and not cost one dataset only.
struct GivenUp {
  std::exception_ptr reason;
};

using Attributes = std::vector<std::pair<std::string, Value>>;

bool is_hard_link(const Node& node) {
  const auto* link = std::get_if<AsLink>(&node.form);
  return link != nullptr && link->kind == AsLink::Kind::hard;
}

// Names of rows are alike: what nobody wants otherwise is compressed.
Storage for_many_rows(Storage storage) {
  if (storage.kind == Storage::Kind::automatic && storage.filters.empty())
    storage.filters = {{shuffle_filter, "shuffle", {}}, {gzip_filter, "gzip", {many_rows_level}}};
  return storage;
}

class PlanWriter {
 public:
  PlanWriter(const Plan& plan, const AttributeLoad& load, hid_t file, const NodeProgress& progress, unsigned threads)
      : plan_(plan), load_(load), file_(file), progress_(progress), datasets_(types_, threads) {
    check_hdf5(H5Pset_char_encoding(utf8_link_.id(), H5T_CSET_UTF8), "make link properties");
    groups_.emplace("/");
    for (const Node& node : plan.nodes) {
      if (const auto* field = std::get_if<AsField>(&node.form)) fields_[field->table].push_back(&node);
      if (is_hard_link(node)) hard_links_.emplace(node.path, &node);
    }
  }

  // All but what belongs to another object, which may come later: hard links and attributes.
  void write(std::size_t index) {
    const Node& node = plan_.nodes[index];
    guard(node, [&] {
      if (const auto* refused = std::get_if<Refused>(&node.form); refused != nullptr && inherits(*refused))
        write_inherited(node, *refused);
      else if (write_form(node))
        count(node);
    });
  }

  // The rest. What could not become a part of another object gets its own place, if nobody else took it.
  void finish() {
    for (const Node& node : plan_.nodes)
      if (is_hard_link(node)) write_hard_links(node);
    for (const Node& node : plan_.nodes)
      if (const auto* form = std::get_if<AsAttribute>(&node.form)) write_attribute_node(node, *form);
    for (const Node& node : plan_.nodes) {
      const auto* field = std::get_if<AsField>(&node.form);
      if (field != nullptr && fields_.contains(field->table))
        stranded_.push_back({&node, "its table " + field->table + " is not in the file"});
    }
    for (const auto& [node, reason] : stranded_) write_by_itself(*node, reason);
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
      count(node);
    } catch (const Hdf5Error&) {
      refuse(node, refused.reason);  // the place went to somebody else in the meantime
    }
  }

  bool write_form(const Node& node) {
    if (const auto* form = std::get_if<AsDataset>(&node.form)) {
      write_dataset(node, form->storage);
    } else if (std::holds_alternative<AsGroup>(node.form)) {
      write_attributes(node, group(node.path), node.attributes);
    } else if (const auto* table = std::get_if<AsTable>(&node.form)) {
      write_table(node, *table);
    } else if (const auto* link = std::get_if<AsLink>(&node.form)) {
      if (link->kind == AsLink::Kind::hard) return false;  // later
      write_link(node, *link);
    } else if (const auto* custom = std::get_if<Custom>(&node.form)) {
      write_custom(node, *custom);
    } else if (const auto* refused = std::get_if<Refused>(&node.form)) {
      refuse(node, refused->reason);
      return false;
    } else {
      return false;  // omitted, or a part of another object
    }
    return true;
  }

  // A cast that would change values is not made.
  StoredValue stored(const Node& node) {
    if (!node.cast) return stored_value(plan_, node);
    try {
      return stored_value(plan_, node);
    } catch (const InvalidError& e) {
      Node plain = node;
      plain.cast.reset();
      StoredValue value = stored_value(plan_, plain);
      if (own_type_.insert(&node).second) note(node, e.what());
      return value;
    }
  }

  void write_dataset(const Node& node, const Storage& storage) {
    write_value(node, storage, stored(node), load_.is_heavy(node.path), {});
    for (const std::string& text : node.notes) note(node, text);
  }

  void write_value(const Node& node, const Storage& storage, const StoredValue& value, bool newer,
                   const Attributes& more) {
    const hid_t parent = group(parent_path(node.path));
    const std::string name = name_of(node);
    DatasetWriter::Progress progress;
    if (progress_) progress = [&, total = value.count()](std::uint64_t done) { tell(node, done, total); };
    const NewerFormat format(file_, plan_.file, newer);
    std::vector<std::string> notes;
    Hdf5Dataset dataset =
        datasets_.write({parent, name, link_properties(node), node.path}, value, storage, progress, notes);
    for (std::string& note : notes) written_.notes.push_back(refusal(node, std::move(note)));
    write_attributes(node, dataset.id(), node.attributes);
    write_attributes(node, dataset.id(), more);
    dataset.close("close " + node.path);
  }

  void write_table(const Node& node, const AsTable& form) {
    const auto found = fields_.find(node.path);
    if (found == fields_.end()) throw InvalidError("a table without a field");
    const std::vector<const Node*> fields = std::move(found->second);
    fields_.erase(found);
    const bool newer_file = plan_.file.low != FileProperties::Version::earliest;
    TableValue table = make_table(form, fields, newer_file, [&](const Node& field) { return stored(field); });
    for (const auto& [field, reason] : table.refused) refuse(*field, reason);
    for (const auto& [field, reason] : table.apart) stranded_.push_back({field, reason});
    if (table.held.empty()) throw InvalidError("none of its fields can be stored");
    try {
      const bool newer = table.newer_format || load_.is_heavy(node.path) || AttributeLoad::is_heavy(table.attributes);
      write_value(node, table.many_rows ? for_many_rows(form.storage) : form.storage, table.value, newer,
                  table.attributes);
    } catch (const Error& e) {
      for (const Node* field : table.held)
        stranded_.push_back({field, "its table " + node.path + " could not be written"});
      throw;
    }
    if (table.unlike_layout) note(node, *table.unlike_layout);
    for (const Node* field : table.held) count(*field);
  }

  void write_link(const Node& node, const AsLink& link) {
    no_attributes(node);
    const std::string name = name_of(node), doing = "make link " + node.path;
    const hid_t parent = group(parent_path(node.path)), properties = link_properties(node);
    if (link.kind == AsLink::Kind::external)
      check_hdf5(
          H5Lcreate_external(link.file.c_str(), link.target.c_str(), parent, name.c_str(), properties, H5P_DEFAULT),
          doing);
    else if (link.kind == AsLink::Kind::soft)
      check_hdf5(H5Lcreate_soft(link.target.c_str(), parent, name.c_str(), properties, H5P_DEFAULT), doing);
    else
      check_hdf5(H5Lcreate_hard(file_, link.target.c_str(), parent, name.c_str(), properties, H5P_DEFAULT), doing);
  }

  // This one, after those that it leads to.
  void write_hard_links(const Node& node) {
    std::vector<const Node*> way;
    for (auto next = hard_links_.find(node.path); next != hard_links_.end();
         next = hard_links_.find(std::get<AsLink>(way.back()->form).target)) {
      way.push_back(next->second);
      hard_links_.erase(next);
    }
    for (auto link = way.rbegin(); link != way.rend(); ++link) {
      guard(**link, [&] {
        const auto& form = std::get<AsLink>((*link)->form);
        const Hdf5Object target(H5Oopen(file_, form.target.c_str(), H5P_DEFAULT),
                                "find " + form.target + " for a hard link");
        write_link(**link, form);
        count(**link);
      });
    }
  }

  void write_attribute_node(const Node& node, const AsAttribute& form) {
    StoredValue value;
    if (!guard(node, [&] { value = stored(node); })) return;
    try {
      const Hdf5Object object(H5Oopen(file_, form.object.c_str(), H5P_DEFAULT),
                              "open " + form.object + " for an attribute");
      write_attribute(object.id(), form.name, value, types_);
      count(node);
      Attributes own = node.attributes;
      for (auto& [name, about] : own) name = form.name + "." + name;
      write_attributes(node, object.id(), own);
    } catch (const InvalidError& e) {
      stranded_.push_back({&node, no_attribute(form, e)});
    } catch (const Hdf5Error& e) {
      stranded_.push_back({&node, no_attribute(form, e)});
    }
  }

  static std::string no_attribute(const AsAttribute& form, const Error& e) {
    return fmt::format("it could not become attribute {} of {}: {}", quote_name(form.name), form.object, e.what());
  }

  void write_by_itself(const Node& node, const std::string& reason) {
    if (!is_free(node.path)) return refuse(node, fmt::format("{}; its own place {} is taken", reason, node.path));
    guard(node, [&] {
      write_dataset(node, {});
      count(node);
      note(node, fmt::format("stands at {}: {}", node.path, reason));
    });
  }

  bool is_free(const std::string& path) const {
    if (path.empty() || groups_.contains(path)) return false;
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
      const std::string part = path.substr(0, end);
      if (!groups_.contains(part)) return H5Lexists(file_, part.c_str(), H5P_DEFAULT) == 0;
    }
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
    write_attributes(node, object.id(), node.attributes);
  }

  void write_attributes(const Node& node, hid_t object, const Attributes& attributes) {
    for (const auto& [name, value] : attributes) {
      try {
        write_attribute(object, name, to_stored(value), types_);
      } catch (const InvalidError& e) {
        refuse_attribute(node, name, e.what());
      } catch (const Hdf5Error& e) {
        refuse_attribute(node, name, e.what());
      }
    }
  }

  void no_attributes(const Node& node) {
    for (const auto& [name, value] : node.attributes) refuse_attribute(node, name, "a link cannot have attributes");
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
      const NewerFormat format(file_, plan_.file, load_.is_heavy(wanted));
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

  // Runs `write`; a node that the value or HDF5 refuses costs only itself. True if it went well.
  template <class Write>
  bool guard(const Node& node, Write&& write) {
    try {
      write();
      return true;
    } catch (const InvalidError& e) {
      refuse(node, e.what());
    } catch (const Hdf5Error& e) {
      refuse(node, e.what());
    }
    return false;
  }

  static std::string name_of(const Node& node) { return std::string(last_name(node.path)); }
  hid_t link_properties(const Node& node) const { return is_ascii(node.path) ? H5P_DEFAULT : utf8_link_.id(); }
  void refuse_attribute(const Node& node, const std::string& name, const char* reason) {
    written_.refused.push_back(refusal(node, fmt::format("attribute {}: {}", quote_name(name), reason)));
  }
  void note(const Node& node, std::string text) { written_.notes.push_back(refusal(node, std::move(text))); }
  void count(const Node& node) {
    if (node.state() != nullptr) ++written_.datasets;
  }
  void refuse(const Node& node, std::string reason) {
    written_.refused.push_back(refusal(node, std::move(reason)));
    unwritten_.insert(&node);
  }

  struct Stranded {
    const Node* node;
    std::string reason;
  };

  const Plan& plan_;
  const AttributeLoad& load_;
  hid_t file_;
  const NodeProgress& progress_;
  Hdf5Types types_;
  DatasetWriter datasets_;
  Hdf5Properties group_ = object_properties(H5P_GROUP_CREATE);
  Hdf5Properties utf8_link_ = object_properties(H5P_LINK_CREATE);
  std::unordered_set<std::string> groups_;  // that exist: asking HDF5 for each object would cost more than writing it
  Hdf5Group current_;
  std::string current_path_;
  std::unordered_map<std::string_view, std::vector<const Node*>> fields_;  // by table; of those not yet written
  std::unordered_map<std::string_view, const Node*> hard_links_;           // not yet made, by path
  std::vector<Stranded> stranded_;
  std::unordered_set<const Node*> unwritten_, own_type_;  // own_type_: their cast was not made
  Written written_;
};

}  // namespace

Written write_hdf5(const Plan& plan, int descriptor, const std::filesystem::path& temporary,
                   const std::filesystem::path& target, const NodeProgress& progress, unsigned threads) {
  const Hdf5Quiet quiet;
  FileUnderHdf5 below(descriptor);
  const FileAccess access(below);
  set_versions(access.id(), plan.file);
  const AttributeLoad load(plan);
  const Hdf5Properties creation = file_creation(plan.file, load.is_heavy("/"));
  const auto check_disk = [&] {
    if (below.error() != 0)
      throw_errno(fmt::format("write {} (the previous file, if any, is untouched)", target.string()), below.error());
  };
  Written written;
  try {
    Hdf5File file(H5Fcreate(temporary.c_str(), H5F_ACC_TRUNC, creation.id(), access.id()), "create " + target.string());
    {
      PlanWriter writer(plan, load, file.id(), progress, threads);
      for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
        writer.write(i);
        check_disk();
      }
      writer.finish();
      written = writer.take();
    }
    file.close("close " + target.string());
    write_user_block(below, plan.file);
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
