#include "daybook/journal/append_pattern.h"

#include <capnp/schema.h>

#include <bit>
#include <cstring>

#include "daybook/schema/journal.capnp.h"

namespace daybook::detail {

namespace {

static_assert(std::endian::native == std::endian::little, "Cap'n Proto's words are read as they stand");

constexpr std::size_t word_bytes = 8;

std::uint64_t word_at(std::span<const std::byte> message, std::size_t index) {
  std::uint64_t word = 0;
  std::memcpy(&word, message.data() + index * word_bytes, sizeof word);
  return word;
}

// Where in a message's data section numbers stand: words, from the section's start.
struct Places {
  std::size_t time, monotonic, previous, index, number;
  std::size_t depth;  // in half words

  static const Places& of_event() {
    static const Places places = [] {
      const auto event = capnp::Schema::from<wire::Event>();
      const auto offset = [](capnp::StructSchema schema, const char* field) {
        return std::size_t{schema.getFieldByName(field).getProto().getSlot().getOffset()};
      };
      const auto append = event.getFieldByName("append").getType().asStruct();
      return Places{offset(event, "time"),   offset(event, "monotonic"), offset(event, "previous"),
                    offset(append, "index"), offset(append, "number"),   offset(event, "depth")};
    }();
    return places;
  }
};

struct DataSection {
  std::size_t first = 0, words = 0;
};

// Of the root struct, if a plain pointer leads to it.
std::optional<DataSection> find_data(std::span<const std::byte> message) {
  if (message.size() < word_bytes) return std::nullopt;
  const std::uint64_t pointer = word_at(message, 0);
  const auto offset = static_cast<std::int32_t>(pointer) >> 2;
  if ((pointer & 3) != 0 || offset < 0) return std::nullopt;
  const DataSection data{1 + static_cast<std::size_t>(offset), pointer >> 32 & 0xffff};
  if (data.first + data.words > message.size() / word_bytes) return std::nullopt;
  return data;
}

}  // namespace

std::optional<Sequence> find_previous(std::span<const std::byte> message) {
  const auto data = find_data(message);
  if (!data || Places::of_event().previous >= data->words) return std::nullopt;
  return word_at(message, data->first + Places::of_event().previous);
}

void AppendPattern::learn(const RecordView& record, const Event& event) {
  item_bytes_ = 0;
  const auto* append = std::get_if<Append>(&event.body);
  if (append == nullptr) return;
  const Value& item = append->value;
  if ((item.form() != Form::scalar && item.form() != Form::array) || item.type().is_variable()) return;
  const auto bytes = item.byte_size();
  const bool in_message = record.payload.empty();
  if (bytes == 0 || record.is_elided()) return;
  if (in_message ? bytes > word_bytes : record.payload.size() != padded(bytes)) return;  // it is in parts
  const auto data = find_data(record.message);
  const auto& places = Places::of_event();
  if (!data) return;
  words_.resize(record.message.size() / word_bytes);
  std::memcpy(words_.data(), record.message.data(), record.message.size());
  mask_.assign(words_.size(), ~std::uint64_t{0});
  for (const auto place : {places.time, places.monotonic, places.previous, places.index}) {
    if (place >= data->words) return;
    mask_[data->first + place] = 0;
  }
  if (places.depth / 2 >= data->words) return;
  mask_[data->first + places.depth / 2] &= places.depth % 2 == 0 ? 0xffffffff00000000 : 0x00000000ffffffff;
  const auto message_at = record.bytes.size() - record.message.size() - padded(record.payload.size());
  item_at_ = message_at + record.message.size();
  if (in_message) {
    if (places.number >= data->words) return;
    mask_[data->first + places.number] = 0;
    item_at_ = message_at + (data->first + places.number) * word_bytes;
  }
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= mask_[i];
  header_ = record.header;
  item_bytes_ = bytes;
}

bool AppendPattern::fits(std::span<const std::byte> stored) const {
  if (item_bytes_ == 0) return false;
  RecordHeader header;
  const auto message_bytes = words_.size() * word_bytes;
  if (stored.size() != sizeof header + message_bytes + header_.payload_bytes) return false;
  std::memcpy(&header, stored.data(), sizeof header);
  if (header.magic != header_.magic || header.message_words != header_.message_words ||
      header.payload_bytes != header_.payload_bytes)
    return false;
  const auto message = stored.subspan(sizeof header, message_bytes);
  std::uint64_t differs = 0;
  for (std::size_t i = 0; i < words_.size(); ++i) differs |= (word_at(message, i) & mask_[i]) ^ words_[i];
  return differs == 0;
}

}  // namespace daybook::detail
