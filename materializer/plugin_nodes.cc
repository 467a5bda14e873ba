#include <fmt/format.h>

#include "daybook/materializer/node_value.h"
#include "daybook/materializer/object_path.h"
#include "daybook/materializer/plugin_call.h"

// What a plug-in may see of a plan.
namespace daybook::detail {
namespace {

struct FormNumber {
  std::int32_t operator()(const AsDataset&) const { return DAYBOOK_AS_DATASET; }
  std::int32_t operator()(const AsTable&) const { return DAYBOOK_AS_TABLE; }
  std::int32_t operator()(const AsGroup&) const { return DAYBOOK_AS_GROUP; }
  std::int32_t operator()(const AsAttribute&) const { return DAYBOOK_AS_ATTRIBUTE; }
  std::int32_t operator()(const AsField&) const { return DAYBOOK_AS_FIELD; }
  std::int32_t operator()(const AsLink&) const { return DAYBOOK_AS_LINK; }
  std::int32_t operator()(const Omitted&) const { return DAYBOOK_OMITTED; }
  std::int32_t operator()(const Refused&) const { return DAYBOOK_REFUSED; }
  std::int32_t operator()(const Custom&) const { return DAYBOOK_CUSTOM; }
};

// A text of a node, or none.
template <class Get>
daybook_text text_of(daybook_call* call, std::size_t node, const Get& get) {
  daybook_text text{nullptr, 0};
  guarded(call, [&] {
    if (const std::string* found = get(node_at(call, node))) text = hand_out(call, *found);
  });
  return text;
}

std::size_t node_count(daybook_call* call) {
  std::size_t count = 0;
  guarded(call, [&] { count = plan_of(call).nodes.size(); });
  return count;
}

int selected(daybook_call* call, std::size_t node) {
  int yes = 0;
  guarded(call, [&] {
    static_cast<void>(node_at(call, node));
    yes = call->editable[node] ? 1 : 0;
  });
  return yes;
}

daybook_text node_path(daybook_call* call, std::size_t node) {
  return text_of(call, node, [](const Node& n) { return &n.path; });
}

daybook_text node_key(daybook_call* call, std::size_t node) {
  return text_of(call, node, [](const Node& n) { return n.state() == nullptr ? nullptr : &n.state()->key; });
}

daybook_text node_origin(daybook_call* call, std::size_t node) {
  return text_of(call, node, [](const Node& n) { return &n.origin; });
}

std::int32_t node_group(daybook_call* call, std::size_t node) {
  std::int32_t group = DAYBOOK_NO_GROUP;
  guarded(call, [&] {
    if (const DatasetState* state = node_at(call, node).state())
      group = state->group == Group::archive ? DAYBOOK_ARCHIVE : DAYBOOK_DATASETS;
  });
  return group;
}

std::int32_t node_form(daybook_call* call, std::size_t node) {
  std::int32_t form = -1;
  guarded(call, [&] { form = std::visit(FormNumber{}, node_at(call, node).form); });
  return form;
}

int node_value(daybook_call* call, std::size_t node, daybook_value* out) {
  return guarded(call, [&] {
    const StoredAs value = stored_as(plan_of(call), node_at(call, node));
    describe_value(call, value.form, value.type, value.shape, *out);
  });
}

std::size_t attribute_count(daybook_call* call, std::size_t node) {
  std::size_t count = 0;
  guarded(call, [&] { count = node_at(call, node).attributes.size(); });
  return count;
}

daybook_text attribute_name(daybook_call* call, std::size_t node, std::size_t index) {
  return text_of(call, node,
                 [&](const Node& n) { return index < n.attributes.size() ? &n.attributes[index].first : nullptr; });
}

daybook_scalar to_scalar(daybook_call* call, const Value& value) {
  daybook_scalar out{};
  if (value.form() != Form::scalar || !value.is_contiguous()) throw InvalidError("it is no scalar");
  const Type& type = value.type();
  const auto is = [&](const Type& other) { return type == other; };
  if (type.kind() == Kind::string) {
    out.type = DAYBOOK_TEXT;
    out.text = hand_out(call, std::string(value.string_at(0)));
    return out;
  }
  out.type = DAYBOOK_INTEGER;
  if (is(Type::of<bool>())) {
    out.type = DAYBOOK_BOOLEAN;
    out.integer = value.as<bool>() ? 1 : 0;
  } else if (is(Type::of<std::int64_t>())) {
    out.integer = value.as<std::int64_t>();
  } else if (is(Type::of<std::int32_t>())) {
    out.integer = value.as<std::int32_t>();
  } else if (is(Type::of<double>())) {
    out.type = DAYBOOK_NUMBER;
    out.number = value.as<double>();
    return out;
  } else {
    const StoredValue stored = to_stored(value);  // rarer numbers: as a float
    daybook_call reading{.made = call->made, .value = &stored};
    out.type = DAYBOOK_NUMBER;
    if (plugin_host().read_numbers(&reading, 0, 1, &out.number) != 0) throw InvalidError("it is no number and no text");
    return out;
  }
  out.number = static_cast<double>(out.integer);
  return out;
}

int attribute(daybook_call* call, std::size_t node, const char* name, daybook_scalar* out) {
  return guarded(call, [&] {
    const Node& at = node_at(call, node);
    for (const auto& [known, value] : at.attributes) {
      if (known != name) continue;
      try {
        *out = to_scalar(call, value);
      } catch (Error& e) {
        e.add_context(fmt::format("attribute {} of {}", quote_name(name), at.path));
        throw;
      }
      return;
    }
    throw InvalidError(fmt::format("{} has no attribute {}", at.path, quote_name(name)));
  });
}

}  // namespace

Plan& plan_of(daybook_call* call) {
  if (call->plan == nullptr) throw InvalidError("the plug-in asks for the plan outside of apply()");
  return *call->plan;
}

Node& node_at(daybook_call* call, std::size_t node) {
  Plan& plan = plan_of(call);
  if (node >= plan.nodes.size())
    throw InvalidError(fmt::format("the plug-in asks for node {} of {}", node, plan.nodes.size()));
  return plan.nodes[node];
}

void provide_nodes(daybook_host& host) {
  host.node_count = node_count;
  host.selected = selected;
  host.node_path = node_path;
  host.node_key = node_key;
  host.node_group = node_group;
  host.node_form = node_form;
  host.node_origin = node_origin;
  host.node_value = node_value;
  host.attribute_count = attribute_count;
  host.attribute_name = attribute_name;
  host.attribute = attribute;
}

}  // namespace daybook::detail
