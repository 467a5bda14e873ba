#include "tools/layout_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "daybook/journal/error.h"
#include "daybook/materializer/node_value.h"
#include "tools/json_object.h"
#include "tools/print.h"

namespace daybook {
namespace {

constexpr std::size_t widest = 60;            // one long name must not push all others out of sight
constexpr std::size_t deepest = 64;           // groups within each other
constexpr std::uint64_t object_bytes = 350;   // about what HDF5 needs beside the elements: header, link
constexpr std::uint64_t smallest_file = 800;  // and for a file without objects

// What is known of a node's value without its elements.
struct Known {
  std::optional<StoredAs> value;
  std::string fault;  // why it cannot be written
};

Known look_at(const Plan& plan, const Node& node) {
  if (std::holds_alternative<std::monostate>(node.source) || !node.is_written()) return {};
  try {
    return {stored_as(plan, node), {}};
  } catch (const InvalidError& e) {
    return {{}, e.what()};
  }
}

std::string shape_of(const StoredAs& value) {
  if (value.form == Form::null) return "null";
  if (value.shape.empty()) return {};
  return fmt::format("({}{})", fmt::join(value.shape.begin(), value.shape.end(), ", "),
                     value.shape.size() == 1 ? "," : "");
}

std::string value_words(const Known& known) {
  if (!known.value) return {};
  const std::string shape = shape_of(*known.value);
  return " " + known.value->type.name() + (shape.empty() ? "" : " ") + shape;
}

struct FormName {
  const char* operator()(const AsDataset&) const { return "dataset"; }
  const char* operator()(const AsTable&) const { return "table"; }
  const char* operator()(const AsGroup&) const { return "group"; }
  const char* operator()(const AsAttribute&) const { return "attribute"; }
  const char* operator()(const AsField&) const { return "field"; }
  const char* operator()(const AsLink&) const { return "link"; }
  const char* operator()(const Omitted&) const { return "omitted"; }
  const char* operator()(const Refused&) const { return "refused"; }
  const char* operator()(const Custom&) const { return "custom"; }
};
std::string form_name(const Node& node) { return std::visit(FormName{}, node.form); }

std::string link_words(const AsLink& link) {
  switch (link.kind) {
    case AsLink::Kind::soft:
      return "link to " + printable(link.target);
    case AsLink::Kind::hard:
      return "hard link to " + printable(link.target);
    case AsLink::Kind::external:
      return fmt::format("link to {} in {}", printable(link.target), printable(link.file));
  }
  return {};
}

std::string what_words(const Node& node, const Known& known) {
  if (!known.fault.empty()) return form_name(node) + ": cannot be written: " + printable(known.fault);
  std::string text;
  if (const auto* link = std::get_if<AsLink>(&node.form))
    text = link_words(*link);
  else if (const auto* custom = std::get_if<Custom>(&node.form))
    text = "custom (" + printable(custom->what) + ")" + value_words(known);
  else if (std::holds_alternative<AsAttribute>(node.form) || std::holds_alternative<AsField>(node.form))
    text = form_name(node) + value_words(known);
  else
    text = form_name(node) + value_words(known);
  if (node.cast) text += node.cast->lossy ? " (cast, may change values)" : " (cast)";
  if (const auto* dataset = std::get_if<AsDataset>(&node.form)) text += to_text(dataset->storage);
  if (const auto* table = std::get_if<AsTable>(&node.form)) text += to_text(table->storage);
  return text;
}

std::string key_words(const Node& node) {
  const DatasetState* state = node.state();
  if (state == nullptr) return {};
  return fmt::format("{}/{}", state->group == Group::archive ? "archive" : "datasets", printable(state->key));
}

// Who made it and who changed it; nothing for what is as it always was.
std::string origin_words(const Node& node) {
  std::string text;
  // Where it came from, if its place does not say so.
  if (const std::string key = key_words(node); !key.empty() && "/" + key != printable(node.path)) text = "from " + key;
  if (std::holds_alternative<History>(node.source)) text += " (history)";
  std::vector<std::string> who;
  if (node.origin != default_origin) who.push_back(node.origin);
  who.insert(who.end(), node.edits.begin(), node.edits.end());
  if (!who.empty()) text += fmt::format("{}by {}", text.empty() ? "" : ", ", fmt::join(who, ", "));
  return text.empty() ? text : "[" + text + "]";
}

std::uint64_t attribute_bytes(const Node& node) {
  std::uint64_t bytes = 0;
  for (const auto& [name, value] : node.attributes) bytes += name.size() + value.total_bytes() + 64;
  return bytes;
}

struct Row {
  std::string name, what, size, origin;
};

// An object of the file with what is in it, in the order of writing.
struct Item {
  std::string name;
  const Node* node = nullptr;
  std::vector<const Node*> parts;  // attributes that are nodes, and fields
  std::vector<std::size_t> inside;
};

class Tree {
 public:
  explicit Tree(const Plan& plan) : plan_(plan) {
    items_.push_back({"/", nullptr, {}, {}});
    at_["/"] = 0;
    for (const Node& node : plan.nodes)
      if (node.is_object()) items_[place(node.path)].node = &node;
    for (const Node& node : plan.nodes) {
      if (const auto* attribute = std::get_if<AsAttribute>(&node.form))
        items_[place(attribute->object)].parts.push_back(&node);
      if (const auto* field = std::get_if<AsField>(&node.form)) items_[place(field->table)].parts.push_back(&node);
    }
  }

  std::vector<Row> rows() {
    add(0, 0);
    return std::move(rows_);
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  // Of the object at `path`; it and the groups on the way to it are made if they are not there.
  std::size_t place(const std::string& path) {
    if (const auto known = at_.find(path); known != at_.end()) return known->second;
    const std::size_t slash = last_slash(path);
    if (slash == std::string::npos) return 0;
    const std::size_t parent = place(slash == 0 ? "/" : path.substr(0, slash));
    const std::size_t index = items_.size();
    items_.push_back({path.substr(slash + 1), nullptr, {}, {}});
    items_[parent].inside.push_back(index);
    at_[path] = index;
    return index;
  }

  // Where the name starts: the last slash, but a key with very many parts is shown as one name from some depth on.
  static std::size_t last_slash(const std::string& path) {
    std::size_t slash = path.find('/');
    for (std::size_t depth = 1; slash != std::string::npos && depth < deepest; ++depth) {
      const std::size_t next = path.find('/', slash + 1);
      if (next == std::string::npos) break;
      slash = next;
    }
    return slash;
  }

  void add(std::size_t index, std::size_t depth) {
    const Item& item = items_[index];
    const std::string indent(2 * depth, ' ');
    const bool group = item.node == nullptr || std::holds_alternative<AsGroup>(item.node->form);
    Row row{
        .name = indent + printable(item.name) + (group && index != 0 ? "/" : ""), .what = {}, .size = {}, .origin = {}};
    bytes_ += index == 0 ? smallest_file : object_bytes;
    if (item.node != nullptr) {
      if (!group) describe(*item.node, row);
      row.origin = origin_words(*item.node);
      bytes_ += attribute_bytes(*item.node);
    }
    rows_.push_back(std::move(row));
    if (item.node != nullptr)
      for (const auto& [name, value] : item.node->attributes)
        rows_.push_back({fmt::format("{}  @{}", indent, printable(name)), printable(brief_text(value)), {}, {}});
    for (const Node* part : item.parts) {
      const auto* attribute = std::get_if<AsAttribute>(&part->form);
      const std::string name = attribute != nullptr ? "@" + attribute->name : "." + std::get<AsField>(part->form).name;
      Row of_part{.name = indent + "  " + printable(name), .what = {}, .size = {}, .origin = origin_words(*part)};
      describe(*part, of_part);
      rows_.push_back(std::move(of_part));
    }
    for (const std::size_t inside : item.inside) add(inside, depth + 1);
  }

  void describe(const Node& node, Row& row) {
    const Known known = look_at(plan_, node);
    row.what = what_words(node, known);
    if (!known.value || std::holds_alternative<Custom>(node.form)) return;
    row.size = human_bytes(known.value->bytes());
    bytes_ += known.value->bytes();
  }

  const Plan& plan_;
  std::vector<Item> items_;
  std::map<std::string, std::size_t> at_;
  std::vector<Row> rows_;
  std::uint64_t bytes_ = 0;
};

// Columns count characters, not bytes.
std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t width, bool right = false) {
  const std::string space(width - std::min(width, columns(text)), ' ');
  return right ? space + text : text + space;
}

std::string table(const std::vector<Row>& rows) {
  std::size_t names = 0, whats = 0, sizes = 0;
  for (const Row& row : rows) {
    names = std::max(names, std::min(widest, columns(row.name)));
    if (!row.size.empty() || !row.origin.empty()) whats = std::max(whats, std::min(widest, columns(row.what)));
    sizes = std::max(sizes, columns(row.size));
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line = fmt::format("{}  {}  {}  {}", padded(row.name, names), padded(row.what, whats),
                                   padded(row.size, sizes, true), row.origin);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

const char* version_name(FileProperties::Version version) {
  switch (version) {
    case FileProperties::Version::earliest:
      return "earliest";
    case FileProperties::Version::v18:
      return "v18";
    case FileProperties::Version::v110:
      return "v110";
    case FileProperties::Version::latest:
      return "latest";
  }
  return "";
}

bool has_usual_versions(const FileProperties& file) {
  const FileProperties usual;
  return file.low == usual.low && file.high == usual.high;
}

std::string properties_text(const FileProperties& file) {
  std::string text;
  if (!has_usual_versions(file))
    text += fmt::format("library versions: {} to {}\n", version_name(file.low), version_name(file.high));
  if (file.user_block > 0)
    text += fmt::format("user block: {} bytes{}{}\n", file.user_block, file.user_block_text.empty() ? "" : ": ",
                        printable(file.user_block_text));
  return text;
}

// Nodes without a place, of one form.
template <class Form>
std::string left_out(const Plan& plan, const char* title) {
  std::string text;
  for (const Node& node : plan.nodes) {
    const auto* form = std::get_if<Form>(&node.form);
    if (form == nullptr) continue;
    const std::string key = key_words(node);
    if (text.empty()) text = fmt::format("{}:\n", title);
    text += fmt::format("  {}: {}{}\n", key.empty() ? printable(node.path) : key, printable(form->reason),
                        node.origin == default_origin ? "" : fmt::format("  [by {}]", node.origin));
  }
  return text;
}

std::string attributes_json(const Node& node) {
  JsonObject object;
  for (const auto& [name, value] : node.attributes) object.text(name, brief_text(value));
  return object.str();
}

std::string storage_text(const Node& node) {
  std::string text;
  if (const auto* dataset = std::get_if<AsDataset>(&node.form)) text = to_text(dataset->storage);
  if (const auto* table = std::get_if<AsTable>(&node.form)) text = to_text(table->storage);
  return text.starts_with(' ') ? text.substr(1) : text;
}

std::string node_json(const Plan& plan, const Node& node) {
  JsonObject object;
  object.text("path", node.path).text("form", form_name(node));
  if (const DatasetState* state = node.state())
    object.text("group", state->group == Group::archive ? "archive" : "datasets").text("key", state->key);
  const Known known = look_at(plan, node);
  if (known.value) {
    object.text("type", known.value->type.name())
        .json("shape", json_array(std::vector<std::uint64_t>(known.value->shape.begin(), known.value->shape.end())))
        .number("bytes", known.value->bytes());
  }
  if (!known.fault.empty()) object.text("fault", known.fault);
  if (const std::string storage = storage_text(node); !storage.empty()) object.text("storage", storage);
  if (const auto* attribute = std::get_if<AsAttribute>(&node.form))
    object.text("object", attribute->object).text("name", attribute->name);
  if (const auto* field = std::get_if<AsField>(&node.form))
    object.text("table", field->table).text("name", field->name);
  if (const auto* link = std::get_if<AsLink>(&node.form)) {
    object.text("target", link->target);
    if (link->kind == AsLink::Kind::external) object.text("file", link->file);
    if (link->kind == AsLink::Kind::hard) object.boolean("hard", true);
  }
  if (const auto* custom = std::get_if<Custom>(&node.form)) object.text("what", custom->what);
  if (const auto* omitted = std::get_if<Omitted>(&node.form)) object.text("reason", omitted->reason);
  if (const auto* refused = std::get_if<Refused>(&node.form)) object.text("reason", refused->reason);
  if (!node.attributes.empty()) object.json("attributes", attributes_json(node));
  object.text("origin", node.origin);
  if (!node.edits.empty()) {
    std::vector<std::string> edits;
    for (const std::string& edit : node.edits) append_json_string(edits.emplace_back(), edit);
    object.json("edits", json_array(edits));
  }
  return object.str();
}

}  // namespace

std::string plan_tree(const Plan& plan) {
  if (plan.file.no_file) return fmt::format("no file: {}\n", printable(*plan.file.no_file));
  Tree tree(plan);
  std::string text = table(tree.rows());
  text += left_out<Omitted>(plan, "left out on purpose") + left_out<Refused>(plan, "cannot be written");
  text += properties_text(plan.file);
  const bool filtered = std::any_of(plan.nodes.begin(), plan.nodes.end(), [](const Node& node) {
    const auto* dataset = std::get_if<AsDataset>(&node.form);
    return dataset != nullptr && !dataset->storage.filters.empty();
  });
  return text + fmt::format("about {}{}\n", human_bytes(tree.bytes()), filtered ? " before compression" : "");
}

std::string plan_json(const Plan& plan) {
  std::vector<std::string> nodes;
  for (const Node& node : plan.nodes) nodes.push_back(node_json(plan, node));
  JsonObject file;
  if (plan.file.no_file) file.text("no_file", *plan.file.no_file);
  file.text("low", version_name(plan.file.low)).text("high", version_name(plan.file.high));
  file.number("user_block", plan.file.user_block);
  Tree tree(plan);
  static_cast<void>(tree.rows());
  file.number("estimated_bytes", plan.file.no_file ? 0 : tree.bytes());
  return JsonObject().json("file", file.str()).json("nodes", json_array(nodes)).str();
}

}  // namespace daybook
