#include "daybook/materializer/node_value.h"

#include <fmt/format.h>

#include "daybook/journal/error.h"
#include "daybook/materializer/cast_elements.h"
#include "daybook/materializer/large_value.h"
#include "daybook/materializer/replay.h"
#include "daybook/materializer/stored_elements.h"
#include "daybook/materializer/value_history.h"

namespace daybook {
namespace {

constexpr std::uint64_t variable_element = 16;  // what HDF5 keeps in place of one: a length and an address

StoredAs without_elements(const StoredValue& value) { return {value.form, value.type, value.shape}; }

const Value* whole_value(const EventBody& body) {
  if (const auto* set = std::get_if<Set>(&body)) return &set->value;
  if (const auto* replace = std::get_if<Replace>(&body)) return &replace->value;
  if (const auto* archived = std::get_if<Archived>(&body)) return &archived->value;
  return nullptr;
}

const Reader& reader_of(const Plan& plan, const Node& node) {
  if (plan.reader == nullptr)
    throw InvalidError(fmt::format("{} comes from a journal, but the plan has none", node.path));
  return *plan.reader;
}

StoredAs plainly_stored_as(const Plan& plan, const Node& node) {
  if (const Value* value = std::get_if<Value>(&node.source)) return without_elements(to_stored(*value));
  if (const auto* history = std::get_if<History>(&node.source))
    return detail::history_stored_as(reader_of(plan, node), *history);
  const DatasetState* state = std::get_if<DatasetState>(&node.source);
  if (state == nullptr) throw InvalidError(fmt::format("{} has no value", node.path));
  const Reader& reader = reader_of(plan, node);
  // A number is stored as it is, and runs have thousands of them.
  if (const auto number = reader.number(state->base)) return {Form::scalar, number->type, {}};
  std::vector<UncheckedPart> parts;
  const Event base = reader.event(state->base, parts);
  const Value* value = whole_value(base.body);
  if (value != nullptr && value->form() == Form::scalar && value->type().is_number())  // with metadata
    return {Form::scalar, value->type(), {}};
  // Only lists change their shape or type by later events.
  if (value != nullptr && value->form() != Form::list && value->form() != Form::objects &&
      value->form() != Form::elided) {
    if (value->type().is_variable()) detail::check_all(parts);
    return without_elements(to_stored(*value));
  }
  return without_elements(replay(reader, *state));
}

StoredValue plainly_stored(const Plan& plan, const Node& node) {
  if (const Value* value = std::get_if<Value>(&node.source)) return to_stored(*value);
  if (const auto* history = std::get_if<History>(&node.source))
    return detail::stored_history(reader_of(plan, node), *history);
  const DatasetState* state = std::get_if<DatasetState>(&node.source);
  if (state == nullptr) throw InvalidError(fmt::format("{} has no value", node.path));
  const Reader& reader = reader_of(plan, node);
  if (state->depth == 0)
    if (const auto number = reader.number(state->base))
      return {Form::scalar, number->type, {}, detail::elements_of_number(*number)};
  return replay(reader, *state);
}

}  // namespace

std::uint64_t StoredAs::bytes() const { return count() * (type.is_variable() ? variable_element : type.size()); }

StoredAs stored_as(const Plan& plan, const Node& node) {
  StoredAs as = plainly_stored_as(plan, node);
  if (node.cast && detail::can_cast(as.type, node.cast->type)) as.type = node.cast->type;
  return as;
}

StoredValue stored_value(const Plan& plan, const Node& node) {
  StoredValue value = plainly_stored(plan, node);
  return node.cast ? detail::cast_value(std::move(value), *node.cast) : std::move(value);
}

}  // namespace daybook
