#pragma once

#include <array>
#include <complex>
#include <concepts>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daybook/journal/type.h"

namespace daybook {

// The numbers reach the disk.
enum class Form : std::uint8_t {
  scalar = 0,
  array = 1,  // n-dimensional, C order; rank 0 and size 0 included
  list =
      2,  // a Python list or tuple: keeps its items' own types, can be appended to, becomes an array only in the file
  objects = 3,     // a NumPy object array: items in C order under a fixed shape
  null = 4,        // HDF5's null dataspace (h5py.Empty): a type without data
  unstorable = 5,  // a value HDF5 cannot hold: its Python type and repr are all that is kept
  elided = 255,    // retention dropped its bytes: see Value::elided(). Never on disk: the record's magic says it
};

// One value: what NumPy and HDF5 can both say, plus lists and the note of an unstorable one.
//
// Bytes are either the Value's own (scalars up to 32 bytes stand inside it; owned() and the const-char/str forms copy),
// or *borrowed*: the caller's memory or the journal's map, which must outlive the Value. Journal calls never keep a
// Value's bytes beyond the call, so borrowing is the way to journal an array without copying it first.
//
// bytes() is exactly what the journal stores: C-contiguous elements in the type's byte order; for variable-length
// kinds see string_at(). A Value is as thread-safe as an int: share it const.
class Value {
 public:
  Value() : Value(false) {}
  Value(bool v) : Value(Type::of<bool>(), &v, sizeof v) {}  // NOLINT(google-explicit-constructor)
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Value(T v) : Value(Type::of<T>(), &v, sizeof v) {}  // NOLINT
  template <std::floating_point T>
  Value(T v) : Value(Type::of<T>(), &v, sizeof v) {}  // NOLINT
  template <std::floating_point T>
  Value(std::complex<T> v) : Value(Type::of<std::complex<T>>(), &v, sizeof v) {}  // NOLINT
  Value(std::string_view utf8);                                                   // NOLINT: borrows the text
  Value(const char* utf8) : Value(std::string_view(utf8)) {}                      // NOLINT: borrows the text
  Value(const std::string& utf8) : Value(std::string_view(utf8)) {}               // NOLINT: borrows the text

  // Each of these borrows `bytes`. InvalidError if their length does not fit type and shape.
  static Value scalar(const Type& type, std::span<const std::byte> bytes);
  static Value array(const Type& type, const Shape& shape, std::span<const std::byte> bytes);
  template <class T>
  static Value array(const T* elements, const Shape& shape) {
    return array(Type::of<T>(), shape,
                 {reinterpret_cast<const std::byte*>(elements), daybook::element_count(shape) * sizeof(T)});
  }
  // A list of n items that are all of one C++ number type, or all of one type and shape.
  template <class T>
  static Value list_of(std::span<const T> items) {
    return list_run(Type::of<T>(), Shape{}, items.size(), std::as_bytes(items));
  }
  static Value list_run(const Type& type, const Shape& item_shape, std::uint64_t count,
                        std::span<const std::byte> bytes);

  // Python bytes: a variable-length string of ASCII charset, any bytes. Borrows.
  static Value bytes(std::string_view raw);
  // An array of variable-length strings. Copies.
  static Value strings(const Shape& shape, std::span<const std::string_view> items, Charset charset = Charset::utf8);
  // An array (or, with an empty shape and one item, a scalar) of variable-length arrays of `base`. Copies.
  static Value vlens(const Type& base, const Shape& shape, std::span<const std::span<const std::byte>> items);
  // Neighbouring items of one type and shape are merged into runs, which copies them; others are kept as they are.
  static Value list(std::vector<Value> items);
  static Value objects(const Shape& shape, std::vector<Value> items);
  static Value null(const Type& type);
  static Value unstorable(std::string_view python_type, std::string_view repr);  // copies
  // What a journal still knows of a value whose bytes its retention dropped: what it was, and how large. type() and
  // shape() are those it had, item_count() is `items`; everything that would give bytes throws ElidedError.
  static Value elided(Form was, const Type& type, const Shape& shape, std::uint64_t items, std::uint64_t bytes);

  [[nodiscard]] Form form() const { return form_; }
  [[nodiscard]] const Type& type() const { return type_; }     // scalar, array, null
  [[nodiscard]] const Shape& shape() const { return shape_; }  // array, objects; inside a list: of one item
  // InvalidError if they do not stand in one piece: read from a journal that had to split them over several records.
  [[nodiscard]] std::span<const std::byte> bytes() const {
    if (inline_size_ != 0) return {inline_.data(), inline_size_};
    if (!segments_.empty() || form_ == Form::elided) throw_not_contiguous();
    return external_;
  }
  [[nodiscard]] bool is_contiguous() const { return segments_.empty(); }
  [[nodiscard]] std::uint64_t byte_size() const;
  // The pieces in order, one if contiguous; and a copy out of them. InvalidError beyond byte_size().
  [[nodiscard]] std::vector<std::span<const std::byte>> segments() const;
  void read_bytes(std::uint64_t offset, std::span<std::byte> out) const;
  // list, objects: the runs, in order. A run is a Value whose count() consecutive items share type and shape, their
  // bytes one after the other.
  [[nodiscard]] std::span<const Value> runs() const { return runs_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // Items without bytes (empty arrays) that a run of a journaled value has at most: nothing else would bound how many a
  // few damaged bytes can claim. list() makes several runs of more; a journal refuses a longer one with InvalidError.
  static constexpr std::uint64_t max_empty_items = std::uint64_t{1} << 20;
  void check_empty_items() const;
  [[nodiscard]] std::uint64_t item_count() const;   // list, objects: the sum over runs()
  [[nodiscard]] Value item(std::uint64_t i) const;  // list, objects: item i, borrowing from this Value
  [[nodiscard]] std::string_view python_type() const { return python_type_; }  // unstorable
  [[nodiscard]] std::string_view repr() const { return repr_; }                // unstorable
  [[nodiscard]] Form elided_form() const { return elided_form_; }              // elided: what form() was, …
  [[nodiscard]] std::uint64_t elided_bytes() const { return elided_bytes_; }   // … and total_bytes()
  template <class T>
  [[nodiscard]] T as() const {  // a scalar of just this C++ type; InvalidError otherwise
    expect_scalar(Type::of<T>());
    T v;
    std::memcpy(&v, bytes().data(), sizeof v);
    return v;
  }

  // Variable-length kinds: the number of elements held and the bytes of element i. One element stands bare; several
  // stand behind a table of 64-bit end offsets.
  [[nodiscard]] std::uint64_t element_count() const;
  [[nodiscard]] std::string_view string_at(std::uint64_t i) const;  // contiguous values only
  struct Extent {
    std::uint64_t offset, length;  // within the value's bytes
  };
  [[nodiscard]] Extent extent_at(std::uint64_t i) const;

  // Deep copy that owns everything.
  [[nodiscard]] Value owned() const;
  // Bytes of this value and all within it.
  [[nodiscard]] std::uint64_t total_bytes() const;
  // Same form, type, shape and bits (NaN equals itself); lists compare item by item, however they are cut into runs.
  friend bool operator==(const Value& a, const Value& b);

  // For decoders: a value of at most 32 bytes, which are copied into it, and none of variable length. InvalidError if
  // their number does not fit.
  static Value small(Form form, const Type& type, const Shape& shape, std::span<const std::byte> bytes);
  // For decoders: `count` items borrowed from the pieces. InvalidError if the lengths do not fit.
  static Value raw(Form form, const Type& type, const Shape& shape, std::uint64_t count,
                   std::vector<std::span<const std::byte>> segments, std::vector<Value> runs = {});

 private:
  Value(const Type& type, const void* v, std::size_t size)
      : type_(type), inline_size_(static_cast<std::uint8_t>(size)) {
    std::memcpy(inline_.data(), v, size);
  }
  static Value contiguous(Form form, const Type& type, const Shape& shape, std::uint64_t count,
                          std::span<const std::byte> bytes);
  void expect_scalar(const Type& type) const;
  [[noreturn]] void throw_not_contiguous() const;
  void check_size() const;
  [[nodiscard]] std::vector<std::span<const std::byte>> slice(std::uint64_t offset, std::uint64_t length) const;
  void take(std::vector<std::byte> bytes);  // own these as the value's bytes

  Type type_;
  Form form_ = Form::scalar;
  Form elided_form_ = Form::scalar;
  std::uint8_t inline_size_ = 0;
  std::array<std::byte, 32> inline_;  // read up to inline_size_ only
  std::span<const std::byte> external_;
  std::vector<std::span<const std::byte>> segments_;  // two or more pieces; else empty
  std::uint64_t count_ = 1;
  std::uint64_t elided_bytes_ = 0;
  Shape shape_;
  std::vector<Value> runs_;
  std::string python_type_, repr_;
  std::shared_ptr<const void> owner_;
};

// For people: "int64 5", "float64 (512, 512)", "list of 3", …
std::string describe(const Value& value);

}  // namespace daybook
