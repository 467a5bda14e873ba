#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "daybook/journal/value.h"
#include "daybook/materializer/element_store.h"

namespace daybook::detail {

// How the items of a stretch of a list look. Nested lists whose leaves are all of one type and shape stand like arrays.
struct ItemFormat {
  bool packed = false;       // anything else: a ragged or mixed list, an object array, an unstorable value, …
  Form form = Form::scalar;  // of the leaves: scalar or array
  Type type;
  Shape shape;  // of one item; its first `list_dims` dimensions are nested lists
  std::size_t list_dims = 0;
  std::uint64_t elements = 1;  // of one item
  std::uint64_t bytes = 1;     // of one item in the store
  friend bool operator==(const ItemFormat&, const ItemFormat&) = default;
};

// The format of one item, or of every item of a run.
ItemFormat format_of(const Value& item);

// The items of a list, or of an object array, while changes are applied. Memory is bounded whatever the types: items are
// kept in an ElementStore; for each chunk of items it is known where they stand if they are alike and stand side by side,
// and for a mixed chunk each has a slot in a spool. Appending, replacing and reading one item take constant time.
class ListFold {
 public:
  explicit ListFold(std::uint64_t memory) : store_(memory / 2, memory / 4), slots_(memory / 4) {}

  [[nodiscard]] std::uint64_t size() const { return size_; }
  // One item, or a run of count() items.
  void append(const Value& run);
  // CorruptError beyond the end.
  void set(std::uint64_t index, const Value& item);

  // Items from `first` on that share a format and stand side by side; at most `limit`, at least one. For a packed item
  // `unpack` gives it back.
  struct Piece {
    const ItemFormat* format;
    std::uint64_t count;
    std::uint64_t position;
  };
  [[nodiscard]] Piece piece(std::uint64_t first, std::uint64_t limit) const;
  // Borrows from this object until the next call.
  [[nodiscard]] Value unpack(std::uint64_t position) const;
  [[nodiscard]] const ElementStore& store() const { return store_; }

  // The list as a Value that owns all its memory.
  [[nodiscard]] std::vector<Value> items() const;

 private:
  static constexpr std::uint64_t chunk_items = 1024;
  struct Chunk {
    std::uint64_t position;  // of its first item in the store, or of its first slot
    std::uint32_t format;
    bool mixed;
  };
  struct Slot {
    std::uint64_t position, format;
  };
  std::uint32_t find_format(const ItemFormat& format);
  void add(std::uint32_t format, std::uint64_t position, std::uint64_t count);
  Chunk& make_mixed(std::uint64_t chunk);
  void append_elements(const Value& item);
  std::uint64_t append_packed(const Value& item);
  void pack(const Value& value, std::vector<std::byte>& out);
  Value unpack_next(std::span<const std::byte>& in) const;
  [[nodiscard]] Slot slot(std::uint64_t index) const;

  std::uint64_t size_ = 0;
  std::vector<Chunk> chunks_;
  std::vector<ItemFormat> formats_;
  std::uint32_t last_format_ = 0;
  std::vector<Type> types_;  // of packed values
  ElementStore store_;
  Spool slots_;
  mutable std::vector<Slot> read_slots_;  // of one chunk, read ahead
  mutable std::uint64_t read_chunk_ = ~std::uint64_t{0};
  mutable std::vector<std::byte> unpacked_;
};

}  // namespace daybook::detail
