#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "daybook/materializer/node_value.h"
#include "daybook/materializer/object_path.h"
#include "daybook/materializer/plugin_call.h"
#include "daybook/materializer/type_text.h"

// What a plug-in may do to a plan. Everything is checked here: HDF5 would say less, and later.
namespace daybook::detail {
namespace {

constexpr std::size_t most_filters = 32;                                         // HDF5's
constexpr std::int32_t most_filter_id = 65535;                                   // HDF5's
constexpr std::uint64_t most_chunk = std::numeric_limits<std::uint32_t>::max();  // HDF5's, in bytes

std::string_view required(const char* text, std::string_view what) {
  if (text == nullptr || *text == '\0') throw InvalidError(fmt::format("the plug-in gives no {}", what));
  if (!is_utf8(text)) throw InvalidError(fmt::format("the plug-in gives a {} that is not UTF-8", what));
  return text;
}

std::string place(const char* path) {
  const std::string_view text = required(path, "path");
  if (!text.starts_with('/'))
    throw InvalidError(fmt::format("the path {} must be absolute, such as \"/a/b\"", quote_name(text)));
  return object_path("/", text);
}

const std::string& own_name(const daybook_call* call) { return call->made->transform->info.name; }

// A node that this transform may edit.
Node& editable(daybook_call* call, std::size_t node) {
  Node& at = node_at(call, node);
  if (!call->editable[node])
    throw InvalidError(fmt::format("the plug-in edits {}, for which the transform is not selected", at.path));
  if (!at.is_written()) throw InvalidError(fmt::format("the plug-in edits {}, which is not in the file", at.path));
  return at;
}

Node& editable_dataset(daybook_call* call, std::size_t node) {
  Node& at = editable(call, node);
  if (!std::holds_alternative<AsDataset>(at.form))
    throw InvalidError(fmt::format("{} is no dataset by now: it has no chunks and filters", at.path));
  return at;
}

void note_edit(const daybook_call* call, Node& node) {
  const std::string& name = own_name(call);
  if (node.origin != name && (node.edits.empty() || node.edits.back() != name)) node.edits.push_back(name);
}

void add_node(daybook_call* call, Node node, std::size_t* index) {
  Plan& plan = plan_of(call);
  node.origin = own_name(call);
  plan.nodes.push_back(std::move(node));
  call->editable.push_back(true);
  if (index != nullptr) *index = plan.nodes.size() - 1;
}

int set_path(daybook_call* call, std::size_t node, const char* path) {
  return guarded(call, [&] {
    Node& at = editable(call, node);
    std::string to = place(path);
    if (at.path == "/" || at.path.empty()) throw InvalidError("the plug-in moves the root");
    if (!at.is_object()) throw InvalidError(fmt::format("{} is no object of its own: it has no path", at.path));
    const std::string from = at.path;
    at.origin = own_name(call);
    if (std::holds_alternative<AsGroup>(at.form)) return move_subtree(plan_of(call), from, to);
    at.path = to;
    for (Node& other : plan_of(call).nodes) {  // what belongs to it goes along
      if (auto* attribute = std::get_if<AsAttribute>(&other.form); attribute != nullptr && attribute->object == from)
        attribute->object = to;
      if (auto* field = std::get_if<AsField>(&other.form); field != nullptr && field->table == from) field->table = to;
      if (auto* link = std::get_if<AsLink>(&other.form);
          link != nullptr && link->kind != AsLink::Kind::external && link->target == from)
        link->target = to;
    }
  });
}

int omit(daybook_call* call, std::size_t node, const char* reason) {
  return guarded(call, [&] {
    Node& at = editable(call, node);
    if (!call->made->transform->info.omits && node < call->own)
      throw InvalidError(fmt::format("the plug-in omits {}, but does not say of its transform that it omits", at.path));
    at.form = Omitted{std::string(required(reason, "reason"))};
    at.origin = own_name(call);
  });
}

int set_chunk(daybook_call* call, std::size_t node, std::size_t rank, const std::uint64_t* shape) {
  return guarded(call, [&] {
    Node& at = editable_dataset(call, node);
    const StoredAs value = stored_as(plan_of(call), at);
    if (rank == 0 || rank != value.shape.size())
      throw InvalidError(
          fmt::format("{}: chunks of {} dimensions for a value of {}", at.path, rank, value.shape.size()));
    std::uint64_t bytes = std::max<std::uint64_t>(value.type.size(), 1);
    for (std::size_t i = 0; i < rank; ++i) {
      if (shape[i] == 0) throw InvalidError(fmt::format("{}: a chunk's extent must not be 0", at.path));
      if (bytes > most_chunk / shape[i])
        throw InvalidError(fmt::format("{}: a chunk must have less than 4 GiB", at.path));
      bytes *= shape[i];
    }
    Storage& storage = std::get<AsDataset>(at.form).storage;
    storage.kind = Storage::Kind::automatic;
    storage.chunk = Shape(std::span(shape, rank));
    storage.chunk_bytes = 0;
    note_edit(call, at);
  });
}

int clear_filters(daybook_call* call, std::size_t node) {
  return guarded(call, [&] {
    Node& at = editable_dataset(call, node);
    std::get<AsDataset>(at.form).storage.filters.clear();
    note_edit(call, at);
  });
}

int add_filter(daybook_call* call, std::size_t node, std::int32_t id, const char* name, std::size_t option_count,
               const std::uint32_t* options) {
  return guarded(call, [&] {
    Node& at = editable_dataset(call, node);
    std::vector<Filter>& filters = std::get<AsDataset>(at.form).storage.filters;
    if (id < 1 || id > most_filter_id)
      throw InvalidError(
          fmt::format("{}: {} is no filter's number: they go from 1 to {}", at.path, id, most_filter_id));
    if (filters.size() == most_filters)
      throw InvalidError(fmt::format("{}: HDF5 takes at most {} filters", at.path, most_filters));
    Filter filter{id, std::string(required(name, "name of a filter")), {}};
    if (option_count > 0) filter.options.assign(options, options + option_count);
    filters.push_back(std::move(filter));
    note_edit(call, at);
  });
}

Value to_value(const daybook_scalar& scalar) {
  switch (scalar.type) {
    case DAYBOOK_BOOLEAN:
      return {scalar.integer != 0};
    case DAYBOOK_INTEGER:
      return {scalar.integer};
    case DAYBOOK_NUMBER:
      return {scalar.number};
    case DAYBOOK_TEXT: {
      const std::string_view text(scalar.text.data == nullptr ? "" : scalar.text.data, scalar.text.size);
      if (!is_utf8(text) || text.find('\0') != std::string_view::npos)
        throw InvalidError("the text is not UTF-8, or has a NUL in it");
      return Value(text).owned();
    }
    default:
      throw InvalidError(fmt::format("type {} is none of DAYBOOK_BOOLEAN, _INTEGER, _NUMBER, _TEXT", scalar.type));
  }
}

int set_attribute(daybook_call* call, std::size_t node, const char* name, const daybook_scalar* value) {
  return guarded(call, [&] {
    Node& at = editable(call, node);
    const std::string_view wanted = required(name, "name of an attribute");
    if (!at.is_object())
      throw InvalidError(fmt::format("{} is no object of its own by now: it has no attributes", at.path));
    Value made = to_value(*value);
    const auto known = std::find_if(at.attributes.begin(), at.attributes.end(),
                                    [&](const auto& attribute) { return attribute.first == wanted; });
    if (known == at.attributes.end())
      at.attributes.emplace_back(wanted, std::move(made));
    else
      known->second = std::move(made);
    note_edit(call, at);
  });
}

int make_attribute(daybook_call* call, std::size_t node, const char* object, const char* name) {
  return guarded(call, [&] {
    Node& at = editable(call, node);
    if (std::holds_alternative<std::monostate>(at.source))
      throw InvalidError(fmt::format("{} has no value: it cannot be an attribute", at.path));
    const std::string_view to = required(object, "path");
    std::string name_text(required(name, "name of an attribute"));
    at.form = AsAttribute{to == "/" ? std::string("/") : place(object), std::move(name_text)};
    at.origin = own_name(call);
  });
}

Value constant(const char* type, std::size_t rank, const std::uint64_t* shape, const void* data) {
  const std::string_view name = required(type, "type");
  const Shape extents(std::span(shape, rank));
  const std::uint64_t count = element_count(extents);
  if (data == nullptr && count > 0) throw InvalidError("the plug-in gives no data");
  if (name == "str") {
    const auto* texts = static_cast<const char* const*>(data);
    std::vector<std::string_view> items;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (texts[i] == nullptr || !is_utf8(texts[i])) throw InvalidError("a text is not UTF-8");
      items.emplace_back(texts[i]);
    }
    return rank == 0 ? Value(items.front()).owned() : Value::strings(extents, items);
  }
  const std::optional<Type> known = find_type(name);
  if (!known)
    throw InvalidError(
        fmt::format("{} is no type of a number or fixed string, such as \"<f8\", nor \"str\"", quote_name(name)));
  const std::span bytes(static_cast<const std::byte*>(data), count * known->size());
  return (rank == 0 ? Value::scalar(*known, bytes) : Value::array(*known, extents, bytes)).owned();
}

int add_dataset(daybook_call* call, const char* path, const char* type, std::size_t rank, const std::uint64_t* shape,
                const void* data, std::size_t* node) {
  return guarded(call, [&] {
    std::string at = place(path);
    try {
      add_node(call, {.path = at, .source = constant(type, rank, shape, data), .form = AsDataset{}, .attributes = {}},
               node);
    } catch (Error& e) {
      e.add_context("add dataset " + at);
      throw;
    }
  });
}

// Destroyed from below: what the plug-in made before its library.
struct CustomWriter {
  std::shared_ptr<const MadeTransform> made;
  daybook_write write;
  std::shared_ptr<void> user;

  void operator()(std::int64_t file, const std::string& path, const StoredValue* value) const {
    daybook_call call{.made = made, .value = value};
    call_plugin(call, write, file, path.c_str(), user.get());
  }
};

Custom custom(const daybook_call* call, const char* what, daybook_write write, void* user, void (*release)(void*)) {
  if (write == nullptr) throw InvalidError("the plug-in gives no function that writes");
  std::string text(required(what, "word for what it writes"));
  CustomWriter writer{call->made, write, {}};
  // Not owned before nothing can go wrong any more: on failure the plug-in keeps `user`.
  const auto owner = std::make_shared<void (*)(void*)>(nullptr);
  writer.user = std::shared_ptr<void>(user, [owner](void* given) {
    if (*owner != nullptr) (*owner)(given);
  });
  Custom made{std::move(text), writer};
  *owner = release;
  return made;
}

int add_custom(daybook_call* call, const char* path, const char* what, std::size_t source, daybook_write write,
               void* user, void (*release)(void*), std::size_t* node) {
  return guarded(call, [&] {
    Node made{.path = place(path), .source = {}, .form = AsGroup{}, .attributes = {}};
    if (source != DAYBOOK_NO_NODE) {
      made.source = node_at(call, source).source;
      made.cast = node_at(call, source).cast;
    }
    plan_of(call).nodes.reserve(plan_of(call).nodes.size() + 1);
    call->editable.reserve(call->editable.size() + 1);
    made.form = custom(call, what, write, user, release);
    add_node(call, std::move(made), node);
  });
}

int make_custom(daybook_call* call, std::size_t node, const char* what, daybook_write write, void* user,
                void (*release)(void*)) {
  return guarded(call, [&] {
    Node& at = editable(call, node);
    if (!at.is_object() || std::holds_alternative<AsGroup>(at.form))
      throw InvalidError(fmt::format("{} is no object that can be written in another way", at.path));
    at.form = custom(call, what, write, user, release);
    at.origin = own_name(call);
  });
}

}  // namespace

void provide_edits(daybook_host& host) {
  host.set_path = set_path;
  host.omit = omit;
  host.set_chunk = set_chunk;
  host.clear_filters = clear_filters;
  host.add_filter = add_filter;
  host.set_attribute = set_attribute;
  host.make_attribute = make_attribute;
  host.add_dataset = add_dataset;
  host.add_custom = add_custom;
  host.make_custom = make_custom;
}

}  // namespace daybook::detail
