#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "daybook/journal/reader.h"

namespace daybook {

// Elements in C order, produced block by block so that memory is bounded by the block and not by the value.
class Elements {
 public:
  virtual ~Elements() = default;
  // Fixed-size types: copies elements first … first+count-1 to `out`.
  virtual void read(std::uint64_t first, std::uint64_t count, std::byte* out) const = 0;
  // Variable-length types: views that live until the next call.
  virtual void read_variable(std::uint64_t first, std::uint64_t count, std::string_view* out) const = 0;
  // All elements where they stand, if they stand in one piece; nullptr otherwise.
  [[nodiscard]] virtual const std::byte* data() const { return nullptr; }
  // Those where they stand that follow each other in memory from element `first` on; may be none.
  [[nodiscard]] virtual std::span<const std::byte> stretch(std::uint64_t /*first*/) const { return {}; }
  // Several threads may read at once.
  [[nodiscard]] virtual bool is_concurrent() const { return false; }
};

// What HDF5 is given: lists are arrays by now, as numpy.asarray would have made them.
struct StoredValue {
  Form form = Form::scalar;  // scalar, array or null
  Type type;
  Shape shape;                         // empty for scalar and null
  std::unique_ptr<Elements> elements;  // empty for null

  [[nodiscard]] std::uint64_t count() const { return form == Form::null ? 0 : element_count(shape); }
};

// h5py's and NumPy's rules for a value, also an attribute's. Borrows from `value`.
// InvalidError, with the type and the reason, for what HDF5 cannot hold (None, ragged lists, embedded NULs, …).
StoredValue to_stored(const Value& value);

// The value of one dataset as of the state's head: its base with all later changes applied. Borrows from `reader`'s
// snapshot. Values with many or large changes are kept in an unlinked temporary file beyond `memory` bytes.
// InvalidError as above, ElidedError for a value that retention has dropped (it names the nearest points that have it);
// CorruptError if the chain breaks a rule (names the sequence number).
StoredValue replay(const Reader& reader, const DatasetState& state, std::uint64_t memory = std::uint64_t{64} << 20);

// The same before it becomes an array: lists keep being lists. For showing one value; held in memory as a whole.
Value replay_value(const Reader& reader, const DatasetState& state);

// Metadata of the key's last `set`, also for an archived value of that key, then setAttribute's on top (same name: the
// latter wins).
std::vector<std::pair<std::string, Value>> dataset_attributes(const Reader& reader, const DatasetState& state,
                                                              Sequence as_of);

}  // namespace daybook
