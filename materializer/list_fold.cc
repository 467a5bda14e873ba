#include "daybook/materializer/list_fold.h"

#include <algorithm>
#include <cstring>

#include "daybook/journal/error.h"

namespace daybook::detail {

namespace {

constexpr std::size_t most_formats = 64;  // rows of ever new lengths are packed, so that formats stay few

bool is_leaf(const Value& value) { return value.form() == Form::scalar || value.form() == Form::array; }

ItemFormat packed_format() {
  ItemFormat format;
  format.packed = true;
  return format;
}

void finish(ItemFormat& format) {
  format.elements = element_count(std::as_const(format.shape));
  format.bytes = format.elements * ElementStore::width(format.type);
}

// One nested list, its leaves taken from `flat`, a list of them in C order.
Value nest(const ItemFormat& format, std::size_t depth, const Value& flat, std::uint64_t& next) {
  std::vector<Value> items;
  for (std::uint64_t i = 0; i < format.shape[depth]; ++i) {
    items.push_back(depth + 1 == format.list_dims ? flat.item(next++) : nest(format, depth + 1, flat, next));
  }
  return Value::list(std::move(items));
}

}  // namespace

ItemFormat format_of(const Value& item) {
  ItemFormat format;
  if (is_leaf(item)) {
    format.form = item.form();
    format.type = item.type();
    format.shape = item.shape();
    finish(format);
    return format;
  }
  if (item.form() != Form::list || item.runs().empty()) return packed_format();
  std::uint64_t count = 0;
  for (const auto& run : item.runs()) {
    auto inner = format_of(run);
    if (inner.packed || inner.shape.size() == max_rank || (count != 0 && !(inner == format))) return packed_format();
    if (count == 0) format = std::move(inner);
    count += run.count();
  }
  Shape shape{count};
  for (const auto extent : format.shape) shape.push_back(extent);
  format.shape = shape;
  ++format.list_dims;
  finish(format);
  return format;
}

std::uint32_t ListFold::find_format(const ItemFormat& format) {
  if (last_format_ < formats_.size() && formats_[last_format_] == format) return last_format_;
  for (last_format_ = 0; last_format_ < formats_.size(); ++last_format_) {
    if (formats_[last_format_] == format) return last_format_;
  }
  if (!format.packed && formats_.size() >= most_formats) return find_format(packed_format());
  formats_.push_back(format);
  return last_format_;
}

ListFold::Chunk& ListFold::make_mixed(std::uint64_t index) {
  auto& chunk = chunks_[index];
  if (chunk.mixed) return chunk;
  std::vector<Slot> slots(chunk_items, Slot{0, 0});
  const auto filled = std::min(chunk_items, size_ - index * chunk_items);
  for (std::uint64_t i = 0; i < filled; ++i)
    slots[i] = {chunk.position + i * formats_[chunk.format].bytes, chunk.format};
  chunk.position = slots_.size();
  chunk.mixed = true;
  slots_.append(std::as_bytes(std::span(slots)));
  return chunk;
}

// `count` more items of a format, from `position` on side by side.
void ListFold::add(std::uint32_t format, std::uint64_t position, std::uint64_t count) {
  const auto bytes = formats_[format].bytes;
  const bool packed = formats_[format].packed;
  while (count > 0) {
    const auto within = size_ % chunk_items;
    if (within == 0) chunks_.push_back({position, format, false});
    auto* chunk = &chunks_.back();
    const auto n = std::min(count, chunk_items - within);
    if (!chunk->mixed && (packed || chunk->format != format || chunk->position + within * bytes != position)) {
      chunk = &make_mixed(chunks_.size() - 1);
    }
    if (chunk->mixed) {
      for (std::uint64_t i = 0; i < n; ++i) {
        const Slot slot{position + i * bytes, format};
        slots_.write(chunk->position + (within + i) * sizeof(Slot), std::as_bytes(std::span(&slot, 1)));
      }
      if (read_chunk_ == chunks_.size() - 1) read_chunk_ = ~std::uint64_t{0};
    }
    size_ += n;
    position += n * bytes;
    count -= n;
  }
}

void ListFold::append_elements(const Value& item) {
  if (is_leaf(item)) return store_.append(item);
  for (const auto& run : item.runs()) append_elements(run);
}

std::uint64_t ListFold::append_packed(const Value& item) {
  std::vector<std::byte> bytes(sizeof(std::uint64_t));
  pack(item, bytes);
  const std::uint64_t length = bytes.size() - sizeof length;
  std::memcpy(bytes.data(), &length, sizeof length);
  const auto position = store_.end();
  store_.append(std::span<const std::byte>(bytes));
  return position;
}

void ListFold::append(const Value& run) {
  const auto format = find_format(format_of(run));
  if (!formats_[format].packed) {
    const auto position = store_.end();
    append_elements(run);
    add(format, position, run.count());
  } else if (run.count() == 1) {
    add(format, append_packed(run), 1);
  } else {
    const auto whole = Value::raw(Form::list, {}, {}, 1, {}, {run});
    for (std::uint64_t i = 0; i < run.count(); ++i) add(format, append_packed(whole.item(i)), 1);
  }
}

ListFold::Slot ListFold::slot(std::uint64_t index) const {
  const auto number = index / chunk_items, within = index % chunk_items;
  const auto& chunk = chunks_[number];
  if (!chunk.mixed) return {chunk.position + within * formats_[chunk.format].bytes, chunk.format};
  if (read_chunk_ != number) {
    read_slots_.resize(chunk_items);
    slots_.read(chunk.position, std::as_writable_bytes(std::span(read_slots_)));
    read_chunk_ = number;
  }
  return read_slots_[within];
}

void ListFold::set(std::uint64_t index, const Value& item) {
  if (index >= size_) {
    throw CorruptError("item " + std::to_string(index) + " lies beyond the end of a list of " + std::to_string(size_));
  }
  if (item.count() != 1) throw CorruptError("one item of a list was to be replaced by several");
  const auto format = find_format(format_of(item));
  const auto number = index / chunk_items, within = index % chunk_items;
  Slot old;
  if (chunks_[number].mixed) {
    slots_.read(chunks_[number].position + within * sizeof old, std::as_writable_bytes(std::span(&old, 1)));
  } else {
    old = slot(index);
  }
  if (old.format == format && !formats_[format].packed) {
    std::uint64_t position = old.position;
    const std::function<void(const Value&)> overwrite = [&](const Value& run) {
      if (is_leaf(run)) {
        const auto count = run.element_count();
        store_.overwrite(position, run, 0, count);
        position += count * ElementStore::width(run.type());
      } else {
        for (const auto& inner : run.runs()) overwrite(inner);
      }
    };
    if (is_leaf(item)) {
      store_.overwrite(position, item, 0, formats_[format].elements);
    } else {
      overwrite(item);
    }
    return;
  }
  Slot fresh{store_.end(), format};
  if (formats_[format].packed) {
    fresh.position = append_packed(item);
  } else {
    append_elements(item);
  }
  const auto& chunk = make_mixed(number);
  slots_.write(chunk.position + within * sizeof fresh, std::as_bytes(std::span(&fresh, 1)));
  if (read_chunk_ == number) read_chunk_ = ~std::uint64_t{0};
}

ListFold::Piece ListFold::piece(std::uint64_t first, std::uint64_t limit) const {
  limit = std::min(limit, size_ - first);
  const auto start = slot(first);
  const auto& format = formats_[start.format];
  Piece result{&format, 1, start.position};
  while (!format.packed && result.count < limit) {
    const auto next = first + result.count;
    const auto& chunk = chunks_[next / chunk_items];
    const auto expected = start.position + result.count * format.bytes;
    const auto found = slot(next);
    if (found.format != start.format || found.position != expected) break;
    result.count += chunk.mixed ? 1 : std::min(limit - result.count, chunk_items - next % chunk_items);
  }
  return result;
}

std::vector<Value> ListFold::items() const {
  std::vector<Value> result;
  for (std::uint64_t first = 0; first < size_;) {
    const auto part = piece(first, size_ - first);
    first += part.count;
    if (part.format->packed) {
      result.push_back(unpack(part.position).owned());
      continue;
    }
    const auto& format = *part.format;
    const auto elements = part.count * format.elements;
    Shape leaf;
    std::uint64_t leaves = part.count;
    for (std::size_t d = 0; d < format.shape.size(); ++d) {
      if (d < format.list_dims) {
        leaves *= format.shape[d];
      } else {
        leaf.push_back(format.shape[d]);
      }
    }
    Value run;
    if (format.type.is_variable()) {
      std::string buffer;
      buffer.reserve(store_.text_bytes(part.position, elements));
      std::vector<std::string_view> texts(elements);
      store_.read_texts(part.position, elements, texts.data(), buffer);
      run = pack_texts(format.form, format.type, leaf, leaves, texts);
    } else {
      std::vector<std::byte> bytes(elements * format.type.size());
      store_.read(part.position, bytes);
      run = Value::raw(format.form, format.type, leaf, leaves, {bytes}).owned();
    }
    if (format.list_dims == 0) {
      result.push_back(std::move(run));
      continue;
    }
    const auto flat = Value::raw(Form::list, {}, {}, 1, {}, {std::move(run)});
    std::uint64_t next = 0;
    for (std::uint64_t i = 0; i < part.count; ++i) result.push_back(nest(format, 0, flat, next).owned());
  }
  return result;
}

}  // namespace daybook::detail
