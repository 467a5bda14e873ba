#include "daybook/materializer/replay.h"

#include <algorithm>

#include "daybook/journal/error.h"
#include "daybook/materializer/fold.h"

namespace daybook {

namespace {

constexpr std::uint64_t default_memory = std::uint64_t{64} << 20;

Value whole_value(const Reader& reader, const DatasetState& state) {
  auto event = reader.event(state.base);
  if (auto* set = std::get_if<Set>(&event.body)) return std::move(set->value);
  if (auto* replace = std::get_if<Replace>(&event.body)) return std::move(replace->value);
  if (auto* archived = std::get_if<Archived>(&event.body)) return std::move(archived->value);
  throw CorruptError("event " + std::to_string(state.base) + " should hold the whole value of '" + state.key +
                     "', but is a " + std::string(kind_name(event.body)) + ": see `daybook verify`");
}

detail::Fold fold(const Reader& reader, const DatasetState& state, std::uint64_t memory) {
  detail::Fold folded(whole_value(reader, state), memory);
  if (state.depth != 0) reader.changes(state, [&](const Event& event) { folded.apply(event); });
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
  if (state.declared != 0) {
    const auto event = reader.event(state.declared);
    const auto* set = std::get_if<Set>(&event.body);
    if (set == nullptr) {
      throw CorruptError("event " + std::to_string(state.declared) + " should hold the metadata of '" + state.key +
                         "', but is a " + std::string(kind_name(event.body)) + ": see `daybook verify`");
    }
    for (const auto& attribute : set->metadata) put(attribute.name, attribute.value);
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
