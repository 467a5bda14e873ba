#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "daybook/journal/value.h"
#include "daybook/materializer/spool.h"

namespace daybook::detail {

// A run of `count` variable-length values that owns its memory.
Value pack_texts(Form form, const Type& type, const Shape& shape, std::uint64_t count,
                 std::span<const std::string_view> texts);

// Elements of any types, each at a position. Fixed-size ones stand as they are, back to back; a variable-length one is a
// reference of 16 bytes to its text, which stands in a spool of its own.
class ElementStore {
 public:
  ElementStore(std::uint64_t data_memory, std::uint64_t text_memory) : data_(data_memory), text_(text_memory) {}

  [[nodiscard]] static std::uint64_t width(const Type& type) {
    return type.is_variable() ? reference_bytes : type.size();
  }

  [[nodiscard]] std::uint64_t end() const { return data_.size(); }
  // All elements of a scalar, array or run of them; they get consecutive positions from the former end().
  // `before`, for fixed-size types only: is called with offset and number of bytes that will be read.
  using Before = std::function<void(std::uint64_t first, std::uint64_t count)>;
  void append(const Value& run, const Before& before = {});
  void append(std::span<const std::byte> bytes) { data_.append(bytes); }
  void append_zeros(std::uint64_t bytes) { data_.append_zeros(bytes); }
  // Elements first … first + count - 1 of `run` to `position`, in place of others of the same type.
  void overwrite(std::uint64_t position, const Value& run, std::uint64_t first, std::uint64_t count);
  void overwrite(std::uint64_t position, std::span<const std::byte> bytes) { data_.write(position, bytes); }
  // The same, each element `stride` bytes after the one before (backwards if negative).
  void scatter(std::uint64_t position, std::int64_t stride, const Value& run, std::uint64_t first, std::uint64_t count);

  void read(std::uint64_t position, std::span<std::byte> out) const { data_.read(position, out); }
  // Variable-length elements; `out` points into `buffer`, to which the texts are added. Reserve before: it must not move.
  void read_texts(std::uint64_t position, std::uint64_t count, std::string_view* out, std::string& buffer) const;
  // Bytes of `count` texts, and of the longest.
  [[nodiscard]] std::uint64_t text_bytes(std::uint64_t position, std::uint64_t count,
                                         std::uint64_t* longest = nullptr) const;
  // All fixed-size data while it is in memory; nullptr otherwise.
  [[nodiscard]] const std::byte* data() const { return data_.data(); }

 private:
  struct Reference {
    std::uint64_t offset, length;
  };
  static constexpr std::uint64_t reference_bytes = sizeof(Reference);
  Reference keep_text(const Value& run, std::uint64_t element);
  void rewrite_text(std::uint64_t position, const Value& run, std::uint64_t element);

  Spool data_, text_;
};

}  // namespace daybook::detail
