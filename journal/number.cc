#include "daybook/journal/number.h"

#define XXH_INLINE_ALL  // short inputs are hashed several times faster inline
#include <xxhash.h>

#include <algorithm>

#include "daybook/journal/error.h"

namespace daybook::detail {

namespace {

using What = NumberChange::What;

// Of each event: words of numbers, and how many pointers behind them (those to key, parts, value and region; what would
// follow is null, and left out).
struct Layout {
  unsigned numbers, pointers;
};
constexpr Layout layout_of(What what) {
  switch (what) {
    case What::set:
      return {8, 1};
    case What::mutate:
      return {6, 4};
    default:
      return {7, 1};
  }
}

constexpr std::uint64_t struct_pointer(Layout layout) {
  return std::uint64_t{layout.numbers} << 32U | std::uint64_t{layout.pointers} << 48U;
}
// To a list that begins so many words behind the pointer.
constexpr std::uint64_t list_pointer(std::uint64_t distance, unsigned element, std::uint64_t count) {
  return 1U | distance << 2U | std::uint64_t{element} << 32U | count << 35U;
}
constexpr unsigned of_bytes = 2, of_words = 5;
constexpr std::size_t longest_text = (std::size_t{1} << 29U) - 2;

class Words {
 public:
  explicit Words(std::byte* to) : to_(to) {}
  void put(std::uint64_t word) {
    std::memcpy(to_, &word, sizeof word);
    to_ += sizeof word;
  }
  [[nodiscard]] std::byte* place() const { return to_; }

 private:
  std::byte* to_;
};

}  // namespace

bool is_one_number(const Region& region, const Value& value) {
  if (value.form() != Form::array || !is_plain(value.type()) || value.byte_size() != value.type().size()) return false;
  const auto one = [](auto extent) { return extent == 1; };
  return region.start.size() == value.shape().size() && region.count.size() == value.shape().size() &&
         std::ranges::all_of(value.shape(), one) && std::ranges::all_of(region.count, one) &&
         std::ranges::all_of(region.step, one) && region.step.size() == value.shape().size() && value.is_contiguous();
}

Value number_value(PlainNumber number) {
  return Value::small(Form::scalar, {number.kind, number.size}, {},
                      std::as_bytes(std::span(&number.bits, 1)).first(number.size));
}

std::vector<std::uint64_t> key_words(std::string_view key) {
  if (key.size() > longest_text) throw InvalidError("a dataset's key cannot be longer than 512 MiB");
  if (key.empty()) return {};
  std::vector<std::uint64_t> words(key.size() / 8 + 1);
  std::memcpy(words.data(), key.data(), key.size());
  return words;
}

std::size_t number_message_words(const DatasetChain& dataset, const NumberChange& change) {
  const auto layout = layout_of(change.what);
  return 1 + layout.numbers + layout.pointers + dataset.key_words.size() + change.start.size();
}

void write_number_record(std::byte* to, const Uuid& uuid, const Link& link, const NumberChange& change,
                         std::size_t words) {
  const auto& dataset = *link.dataset;
  const auto layout = layout_of(change.what);
  Words header(to);
  header.put(record_magic | std::uint64_t{words} << 32U);
  header.put(0);  // no payload
  header.put(link.sequence);
  std::memcpy(header.place(), uuid.data(), uuid.size());
  auto* const message = to + sizeof(RecordHeader);

  Words body(message);
  body.put(struct_pointer(layout));
  body.put(static_cast<std::uint64_t>(link.time));
  body.put(static_cast<std::uint64_t>(link.monotonic));
  body.put(link.previous);
  body.put(link.base);
  body.put(link.depth | std::uint64_t{static_cast<std::uint8_t>(change.what)} << 32U |
           (std::uint64_t{static_cast<std::uint8_t>(change.number.kind)} + 1) << 48U |
           std::uint64_t{change.number.size} << 56U);
  if (change.what == What::set) body.put(change.flags);
  if (change.what != What::mutate) body.put(link.detail);
  body.put(change.number.bits);

  const auto key = dataset.key_words.size();
  body.put(key == 0 ? 0 : list_pointer(layout.pointers - 1, of_bytes, dataset.key.size() + 1));
  if (change.what == What::mutate) {
    body.put(0);
    body.put(0);
    body.put(change.start.empty() ? 0 : list_pointer(key, of_words, change.start.size()));
  }
  for (const auto word : dataset.key_words) body.put(word);
  for (const auto start : change.start) body.put(static_cast<std::uint64_t>(start));

  const auto head = XXH3_64bits_withSeed(to, offsetof(RecordHeader, checksum), 0);
  const auto checksum = XXH3_64bits_withSeed(message, words * 8, head);
  std::memcpy(to + offsetof(RecordHeader, checksum), &checksum, sizeof checksum);
}

std::optional<NumberGlance> glance(std::span<const std::byte> message) {
  const auto word = [&](std::size_t i) {
    std::uint64_t number = 0;
    std::memcpy(&number, message.data() + 8 * i, sizeof number);
    return number;
  };
  constexpr std::size_t depth_and_tag = 5;
  const auto words = message.size() / 8;
  if (words <= depth_and_tag) return std::nullopt;
  const auto tag = word(depth_and_tag);
  const auto what = tag >> 32U & 0xFFFFU;
  if ((tag >> 48U & 0xFFU) == 0 || what < static_cast<unsigned>(What::set) ||
      what > static_cast<unsigned>(What::append))
    return std::nullopt;
  NumberGlance found{.what = static_cast<What>(what), .key = {}, .start = {}};
  const auto layout = layout_of(found.what);
  const std::size_t pointer = 1 + layout.numbers, text = pointer + layout.pointers;
  if (word(0) != struct_pointer(layout) || words < text) return std::nullopt;
  std::size_t text_words = 0;
  if (const auto key = word(pointer); key != 0) {
    const auto bytes = key >> 35U;
    text_words = (bytes + 7) / 8;
    if (bytes == 0 || text_words > words - text || key != list_pointer(layout.pointers - 1, of_bytes, bytes))
      return std::nullopt;
    found.key = {reinterpret_cast<const char*>(message.data()) + 8 * text, bytes - 1};
  }
  if (found.what == What::mutate) {
    const auto list = word(pointer + 3);
    const auto rank = list >> 35U;
    if (word(pointer + 1) != 0 || word(pointer + 2) != 0 || rank > words - text - text_words ||
        list != (rank == 0 ? 0 : list_pointer(text_words, of_words, rank)))
      return std::nullopt;
    found.start = message.subspan(8 * (text + text_words), 8 * rank);
  } else {
    found.detail = word(layout.numbers - 1);
  }
  found.time = static_cast<Nanoseconds>(word(1));
  found.monotonic = static_cast<std::int64_t>(word(2));
  found.previous = word(3);
  found.base = word(4);
  found.depth = static_cast<std::uint32_t>(tag);
  if (found.what == What::set) found.flags = static_cast<std::uint8_t>(word(6));
  found.bits = word(layout.numbers);
  found.kind = static_cast<std::uint8_t>((tag >> 48U & 0xFFU) - 1);
  found.size = static_cast<std::uint8_t>(tag >> 56U);
  return found;
}

std::optional<Type> type_of(const RecordView& record, const NumberGlance& found) {
  if (record.header.payload_bytes != 0 || record.is_elided()) return std::nullopt;
  if (found.kind > static_cast<std::uint8_t>(Kind::complex)) return std::nullopt;
  Type type(static_cast<Kind>(found.kind), found.size);
  return is_plain(type) ? std::optional(std::move(type)) : std::nullopt;
}

std::optional<Event> number_event(const RecordView& record) {
  const auto found = glance(record.message);
  const auto known = found ? type_of(record, *found) : std::nullopt;
  if (!known) return std::nullopt;
  const Type& type = *known;
  const auto bytes = std::as_bytes(std::span(&found->bits, 1)).first(type.size());
  Event event;
  event.sequence = record.header.sequence;
  event.key = found->key;
  event.time = found->time;
  event.monotonic = found->monotonic;
  event.previous = found->previous;
  event.base = found->base == 0 ? event.sequence : found->base;
  event.depth = found->depth;
  if (found->what == What::mutate) {
    Mutate body;
    Shape shape;
    for (std::size_t at = 0; at < found->start.size(); at += sizeof(std::int64_t)) {
      std::int64_t start = 0;
      std::memcpy(&start, found->start.data() + at, sizeof start);
      body.region.start.push_back(start);
      body.region.count.push_back(1);
      body.region.step.push_back(1);
      shape.push_back(1);
    }
    body.value = Value::small(Form::array, type, shape, bytes);
    event.body = std::move(body);
    return event;
  }
  auto value = Value::small(Form::scalar, type, {}, bytes);
  if (found->what == What::set) {
    event.body = Set{std::move(value),        {},           {}, (found->flags & 1) != 0, (found->flags & 2) != 0,
                     (found->flags & 4) != 0, found->detail};
  } else if (found->what == What::mutate_item) {
    event.body = MutateItem{found->detail, std::move(value)};
  } else if (found->what == What::replace) {
    event.body = Replace{std::move(value), found->detail};
  } else {
    event.body = Append{std::move(value), found->detail};
  }
  return event;
}

}  // namespace daybook::detail
