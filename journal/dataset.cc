// The calls that append an event, of Journal and of Dataset.

#include "daybook/journal/dataset.h"

#include <utility>

#include "daybook/journal/journal.h"
#include "daybook/journal/number.h"
#include "daybook/journal/writer.h"

namespace daybook {

namespace {

using detail::NumberChange;

Event event_with(std::string_view key, EventBody body) {
  Event event;
  event.key = key;
  event.body = std::move(body);
  return event;
}

// Where `writer`'s dataset is: a key, or the chain that was found for it.
std::string_view key_of(std::string_view key) { return key; }
std::string_view key_of(const detail::DatasetChain& dataset) { return dataset.key; }

template <class Target>
Sequence set_value(detail::Writer& writer, Target& target, const Value& value, const SetOptions& options,
                   std::optional<std::uint64_t>* hash = nullptr) {
  if (options.metadata.empty() && options.storage.empty()) {
    if (const auto number = detail::plain_number(value)) {
      const auto flags = detail::flags_of(options.broadcast, options.persist, options.archive);
      return writer.append(target, detail::number_set(*number, flags));
    }
  }
  Set body;
  body.value = value;
  body.metadata = options.metadata;
  body.options = options.storage;
  body.broadcast = options.broadcast;
  body.persist = options.persist;
  body.archive = options.archive;
  return writer.append(event_with(key_of(target), std::move(body)), hash);
}

template <class Target>
Sequence mutate_region(detail::Writer& writer, Target& target, const Region& region, const Value& value) {
  if (detail::is_one_number(region, value)) return writer.append(target, detail::number_mutate(region, value));
  return writer.append(event_with(key_of(target), Mutate{region, value}));
}

template <class Target>
Sequence mutate_list(detail::Writer& writer, Target& target, std::uint64_t index, const Value& value) {
  if (const auto number = detail::plain_number(value))
    return writer.append(target, detail::number_mutate_item(index, *number));
  return writer.append(event_with(key_of(target), MutateItem{index, value}));
}

template <class Target>
Sequence replace_value(detail::Writer& writer, Target& target, const Value& value) {
  if (const auto number = detail::plain_number(value)) return writer.append(target, detail::number_replace(*number));
  return writer.append(event_with(key_of(target), Replace{value}));
}

template <class Target>
Sequence append_item(detail::Writer& writer, Target& target, const Value& item) {
  if (const auto number = detail::plain_number(item)) return writer.append(target, detail::number_append(*number));
  return writer.append(event_with(key_of(target), Append{item}));
}

}  // namespace

Sequence Dataset::set(const Value& value, const SetOptions& options) const {
  return set_value(*writer_, *chain_, value, options);
}
Sequence Dataset::set(const Value& value, const SetOptions& options, std::optional<std::uint64_t>& hash) const {
  hash.reset();
  const bool one_piece = value.form() == Form::array && value.is_contiguous() && value.byte_size() != 0;
  return set_value(*writer_, *chain_, value, options, one_piece ? &hash : nullptr);
}
Sequence Dataset::append(const Value& item) const { return append_item(*writer_, *chain_, item); }
Sequence Dataset::mutate(const Region& region, const Value& value) const {
  return mutate_region(*writer_, *chain_, region, value);
}
Sequence Dataset::mutate_item(std::uint64_t index, const Value& value) const {
  return mutate_list(*writer_, *chain_, index, value);
}
Sequence Dataset::replace(const Value& value) const { return replace_value(*writer_, *chain_, value); }
Sequence Dataset::remove() const { return writer_->append(event_with(chain_->key, Remove{})); }
Sequence Dataset::mutate_element(std::span<const std::int64_t> start, std::span<const std::byte> element) const {
  return writer_->mutate_element(*chain_, start, element);
}
Sequence Dataset::change(const NumberChange& change) const { return writer_->append(*chain_, change); }
std::string_view Dataset::key() const { return chain_->key; }

Dataset Journal::dataset(std::string_view key) { return {*writer_, writer_->dataset(key)}; }

Sequence Journal::set(std::string_view key, const Value& value, const SetOptions& options) {
  return set_value(*writer_, key, value, options);
}
Sequence Journal::mutate(std::string_view key, const Region& region, const Value& value) {
  return mutate_region(*writer_, key, region, value);
}
Sequence Journal::mutate_item(std::string_view key, std::uint64_t index, const Value& value) {
  return mutate_list(*writer_, key, index, value);
}
Sequence Journal::replace(std::string_view key, const Value& value) { return replace_value(*writer_, key, value); }
Sequence Journal::append(std::string_view key, const Value& item) { return append_item(*writer_, key, item); }
Sequence Journal::remove(std::string_view key) { return writer_->append(event_with(key, Remove{})); }
Sequence Journal::change(std::string_view key, const NumberChange& change) { return writer_->append(key, change); }

Sequence Journal::set_attribute(std::string_view key, std::string_view name, Value value) {
  return writer_->append(event_with(key, SetAttribute{name, std::move(value)}));
}
Sequence Journal::remove_attribute(std::string_view key, std::string_view name) {
  return writer_->append(event_with(key, SetAttribute{name, Value(), true}));
}
Sequence Journal::archive(std::string_view key, Value value) {
  return writer_->append(event_with(key, Archived{std::move(value)}));
}
Sequence Journal::checkpoint(std::string_view name) { return writer_->append(event_with({}, Checkpoint{name})); }
Sequence Journal::stage(std::string_view stage, double run_time) {
  return writer_->append(event_with({}, StageChanged{stage, run_time}));
}
Sequence Journal::append(const Event& event) { return writer_->append(event); }

}  // namespace daybook
