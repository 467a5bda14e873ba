#include "daybook/materializer/replay.h"

#include <algorithm>

#include "daybook/journal/error.h"
#include "daybook/materializer/fold.h"
#include "daybook/materializer/large_value.h"

namespace daybook {

namespace {

constexpr std::uint64_t default_memory = std::uint64_t{64} << 20;

Value whole_value(const Reader& reader, const DatasetState& state, std::vector<UncheckedPart>& parts) {
  auto event = reader.event(state.base, parts);
  if (auto* set = std::get_if<Set>(&event.body)) return std::move(set->value);
  if (auto* replace = std::get_if<Replace>(&event.body)) return std::move(replace->value);
  if (auto* archived = std::get_if<Archived>(&event.body)) return std::move(archived->value);
  throw CorruptError("event " + std::to_string(state.base) + " should hold the whole value of '" + state.key +
                     "', but is a " + std::string(kind_name(event.body)) + ": see `daybook verify`");
}

// The value that an event brings.
const Value* value_of(const EventBody& body) {
  return std::visit(
      [](const auto& b) -> const Value* {
        if constexpr (requires { b.value; })
          return &b.value;
        else
          return nullptr;
      },
      body);
}

[[noreturn]] void refuse_elided(const Reader& reader, const DatasetState& state, Sequence sequence,
                                std::uint64_t bytes) {
  std::string text = "the value of '" + state.key + "' as of event " + std::to_string(state.head) +
                     " is elided: retention has dropped the " + std::to_string(bytes) + " bytes of event " +
                     std::to_string(sequence);
  std::vector<std::string> there;
  if (const auto checkpoint = reader.find_checkpoint_before(state))
    there.push_back("as of checkpoint '" + checkpoint->first + "' (event " + std::to_string(checkpoint->second) + ")");
  if (const auto next = reader.find_whole_after(state)) there.push_back("from event " + std::to_string(*next) + " on");
  if (there.empty()) throw ElidedError(text + ", and no other of its values is left");
  throw ElidedError(text + "; its values are there " + there.front() + (there.size() > 1 ? " and " + there[1] : ""));
}

detail::Fold fold(const Reader& reader, const DatasetState& state, std::uint64_t memory) {
  std::vector<UncheckedPart> parts;
  Value base = whole_value(reader, state, parts);
  if (base.form() == Form::elided) refuse_elided(reader, state, state.base, base.elided_bytes());
  detail::Fold folded(std::move(base), memory, std::move(parts));
  if (state.depth != 0) {
    const auto apply = [&](const Event& event) {
      const Value* value = value_of(event.body);
      if (value != nullptr && value->form() == Form::elided)
        refuse_elided(reader, state, event.sequence, value->elided_bytes());
      folded.apply(event);
    };
    reader.changes(state, apply,
                   [&](const Event& like, std::span<const std::byte> items) { folded.apply(like, items); });
  }
  return folded;
}

}  // namespace

StoredValue to_stored(const Value& value) { return detail::Fold(value, default_memory).stored(); }

StoredValue replay(const Reader& reader, const DatasetState& state, std::uint64_t memory) {
  return fold(reader, state, memory).stored();
}

Value replay_value(const Reader& reader, const DatasetState& state) {
  return fold(reader, state, default_memory).value();
}

std::vector<std::pair<std::string, Value>> dataset_attributes(const Reader& reader, const DatasetState& state,
                                                              Sequence as_of) {
  std::vector<std::pair<std::string, Value>> attributes;
  const auto put = [&](std::string_view name, const Value& value) {
    const auto known =
        std::find_if(attributes.begin(), attributes.end(), [&](const auto& a) { return a.first == name; });
    if (known == attributes.end()) {
      attributes.emplace_back(name, value.owned());
    } else {
      known->second = value.owned();
    }
  };
  Sequence declared = state.declared;
  if (state.group == Group::archive) {  // ARTIQ's metadata belong to a name, wherever its values are
    const auto dataset = reader.find_state(Group::datasets, state.key, as_of);
    declared = dataset ? dataset->declared : 0;
  }
  if (declared != 0 && state.described) {
    std::vector<UncheckedPart> parts;
    const auto event = reader.event(declared, parts);
    const auto* set = std::get_if<Set>(&event.body);
    if (set == nullptr) {
      throw CorruptError("event " + std::to_string(declared) + " should hold the metadata of '" + state.key +
                         "', but is a " + std::string(kind_name(event.body)) + ": see `daybook verify`");
    }
    for (const auto& attribute : set->metadata) {
      detail::check_parts_of(attribute.value, parts);
      put(attribute.name, attribute.value);
    }
  }
  for (const auto& attribute : reader.attributes(state.key, as_of)) {
    const auto event = reader.event(attribute.sequence);
    const auto* set = std::get_if<SetAttribute>(&event.body);
    if (set == nullptr) {
      throw CorruptError("event " + std::to_string(attribute.sequence) + " should hold the attribute '" +
                         attribute.name + "' of '" + state.key + "', but is a " + std::string(kind_name(event.body)) +
                         ": see `daybook verify`");
    }
    put(set->name, set->value);
  }
  return attributes;
}

}  // namespace daybook
