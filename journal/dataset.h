#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "daybook/journal/event.h"

namespace daybook {

struct SetOptions {
  bool broadcast = false, persist = false, archive = true;
  std::vector<Attribute> metadata;  // unit, scale, precision or any other
  std::vector<Attribute> storage;   // as h5py's create_dataset: {"compression", "gzip"}; see docs/layouts/options.md
};

// The C++ numbers whose events are written fastest: bool, integers, float, double. For others, and for everything that
// is not a single number, there is Value.
template <class T>
concept Number = std::is_arithmetic_v<T> && sizeof(T) <= 8;

namespace detail {

class Writer;
struct DatasetChain;

// A number as an event's message holds it.
struct PlainNumber {
  std::uint64_t bits = 0;  // its bytes, little-endian; the rest 0
  Kind kind = Kind::boolean;
  std::uint8_t size = 1;

  template <Number T>
  static PlainNumber of(T number) {
    static_assert(std::endian::native == std::endian::little);
    PlainNumber plain;
    if constexpr (std::same_as<T, bool>) {
      plain.bits = number ? 1 : 0;
    } else {
      std::memcpy(&plain.bits, &number, sizeof number);
      plain.size = sizeof number;
      plain.kind = std::floating_point<T>    ? Kind::floating
                   : std::signed_integral<T> ? Kind::integer
                                             : Kind::unsigned_integer;
    }
    return plain;
  }
};

// An event whose value is one number, or an array's element.
struct NumberChange {
  // The tags of wire::Event.
  enum class What : std::uint8_t { set = 2, mutate = 3, mutate_item = 4, replace = 5, append = 6 };
  What what;
  PlainNumber number;
  std::uint8_t flags = 0;               // set
  std::uint64_t index = 0;              // mutate_item
  std::span<const std::int64_t> start;  // mutate
};

inline std::uint8_t flags_of(bool broadcast, bool persist, bool archive) {
  return static_cast<std::uint8_t>((broadcast ? 1 : 0) | (persist ? 2 : 0) | (archive ? 4 : 0));
}

inline NumberChange number_set(PlainNumber number, std::uint8_t flags) {
  return {NumberChange::What::set, number, flags, 0, {}};
}
inline NumberChange number_mutate_item(std::uint64_t index, PlainNumber number) {
  return {NumberChange::What::mutate_item, number, 0, index, {}};
}
inline NumberChange number_replace(PlainNumber number) { return {NumberChange::What::replace, number, 0, 0, {}}; }
inline NumberChange number_append(PlainNumber number) { return {NumberChange::What::append, number, 0, 0, {}}; }

}  // namespace detail

// A dataset of a journal that is being written, found once: Journal::dataset(key). Says what Journal's calls of the same
// names say, with the same promise and the same exceptions, and saves them the search for the key. The dataset need not
// exist: its first event should then be a set().
//
// A handle is two pointers, to be copied at will and used by any thread at any time. It belongs to its journal, also
// after that was moved, and must not be used once the journal is destroyed; after close() its calls throw InvalidError.
class Dataset {
 public:
  Sequence set(const Value& value, const SetOptions& options = {}) const;
  // Also says what was journaled of a contiguous array that may have changed meanwhile: the XXH3-64 of its bytes, which
  // costs nothing here. Empty for other values, and above 16 MiB.
  Sequence set(const Value& value, const SetOptions& options, std::optional<std::uint64_t>& hash) const;
  Sequence append(const Value& item) const;
  Sequence mutate(const Region& region, const Value& value) const;
  Sequence mutate_item(std::uint64_t index, const Value& value) const;
  Sequence replace(const Value& value) const;
  Sequence remove() const;

  template <Number T>
  Sequence set(T number) const {
    return change(detail::number_set(detail::PlainNumber::of(number), detail::flags_of(false, false, true)));
  }
  template <Number T>
  Sequence set(T number, const SetOptions& options) const {
    if (!options.metadata.empty() || !options.storage.empty()) return set(Value(number), options);
    const auto flags = detail::flags_of(options.broadcast, options.persist, options.archive);
    return change(detail::number_set(detail::PlainNumber::of(number), flags));
  }
  template <Number T>
  Sequence append(T item) const {
    return change(detail::number_append(detail::PlainNumber::of(item)));
  }
  template <Number T>
  Sequence mutate_item(std::uint64_t index, T number) const {
    return change(detail::number_mutate_item(index, detail::PlainNumber::of(number)));
  }
  template <Number T>
  Sequence replace(T number) const {
    return change(detail::number_replace(detail::PlainNumber::of(number)));
  }

  // One element of an array: its place, one coordinate per dimension, and its bytes as they stand in the array (so many
  // as the array's type has). The same as mutate() with a region of this one element.
  Sequence mutate_element(std::span<const std::int64_t> start, std::span<const std::byte> element) const;

  [[nodiscard]] std::string_view key() const;  // as long as the journal

 private:
  friend class Journal;
  Dataset(detail::Writer& writer, detail::DatasetChain& chain) : writer_(&writer), chain_(&chain) {}
  Sequence change(const detail::NumberChange& change) const;

  detail::Writer* writer_;
  detail::DatasetChain* chain_;
};

}  // namespace daybook
